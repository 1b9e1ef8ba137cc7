"""The facts of a deployed function beyond its settings, which the checks read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStarts:
    """The starts that the log shows as failed since the function was last changed.

    Attributes:
        reason: the error of the last one.
        count: their number.
        recovered: whether a later start succeeded.
    """

    reason: str
    count: int
    recovered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFacts:
    """The known facts of a function; None or empty for what is not there or not known.

    Attributes:
        state, state_reason: the state as Lambda reports it: ``Active``, ``Failed`` …
        update_status, update_reason: the result of the last update.
        log_level: the least level of lines that reach the log.
        log_class: the class of the log group: ``STANDARD``, ``INFREQUENT_ACCESS`` …
        failed_starts: the failed starts in the log.
        ended: the error types with which Lambda ended invocations, with their number.
        qualifier: the version or alias that the facts are of.
        invoked: the qualifiers of this function that mappings invoke.
        differing: the variables in which the second version of an alias differs.
        sharers: the other functions with this table and namespace.
        sources: the services that send to the function, by their names in ARNs.
        invocation_error: the error of the invocation with an empty batch.
    """

    state: str | None = None
    state_reason: str = ""
    update_status: str | None = None
    update_reason: str = ""
    log_level: str | None = None
    log_class: str | None = None
    failed_starts: FailedStarts | None = None
    ended: Mapping[str, int] = field(default_factory=dict)
    qualifier: str = LATEST
    invoked: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    sharers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    invocation_error: str | None = None
