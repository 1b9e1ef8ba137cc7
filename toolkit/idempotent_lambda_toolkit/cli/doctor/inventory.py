"""The facts of a deployed stack, which the checks read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from idempotent_lambda.settings import DEFAULT_LEASE_MARGIN_MILLIS
from idempotent_lambda_toolkit.cli.doctor.function_facts import FunctionFacts

ENTRY_POINT = "idempotent_lambda.entrypoint.handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue; times in seconds.

    Attributes:
        max_message_bytes: the size of the largest message that it takes.
        dead_letter_arn: the target of its redrive policy; None without a policy.
        max_receive_count: the limit in its redrive policy; None without a policy.
    """

    arn: str
    visibility_seconds: int
    retention_seconds: int
    max_message_bytes: int
    delay_seconds: int = 0
    dead_letter_arn: str | None = None
    max_receive_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table of records.

    Attributes:
        key: attribute name, type and role of each part of its key: ``("id", "S", "HASH")``.
        ttl_attribute: the attribute for TTL; None if TTL is off.
        point_in_time_recovery: whether it is on; None if not known.
    """

    key: tuple[tuple[str, str, str], ...]
    ttl_attribute: str | None
    point_in_time_recovery: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMapping:
    """An event source mapping, which reads the queue and invokes the function.

    Attributes:
        state: the state as Lambda reports it: ``Enabled``, ``Disabled``, ``Enabling`` …
        partial_responses: whether ReportBatchItemFailures is on.
        window_seconds: the batching window.
        maximum_concurrency: the limit; None without a limit.
        maximum_pollers: the most pollers that Lambda keeps for it; None without provisioned mode.
    """

    state: str
    partial_responses: bool
    window_seconds: int = 0
    maximum_concurrency: int | None = None
    maximum_pollers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The known facts of a stack; None for a part that does not exist or is not known.

    Attributes:
        function: the facts of the function beyond its settings.
        runtime: the runtime; None for an image.
        managed_instances: whether it runs on Lambda Managed Instances.
        reserved_concurrency: the reserved concurrency; None if nothing is reserved.
        mappings: the mappings of the queue; None if not known.
        denied: the actions that the role lacks, each with its resource; None if not known.
        skew_millis: this machine's clock minus AWS's, as far as it is certain; None if not known.
        unknown: the facts that could not be read, with the reason.
        missing: the parts that do not exist, with the answer of AWS.
    """

    environment: Mapping[str, str]
    handler: str
    timeout_seconds: int
    function: FunctionFacts = field(default_factory=FunctionFacts)
    runtime: str | None = None
    managed_instances: bool = False
    reserved_concurrency: int | None = None
    table: Table | None = None
    queue: Queue | None = None
    dead_letter_queue: Queue | None = None
    mappings: tuple[SourceMapping, ...] | None = None
    denied: tuple[tuple[str, str], ...] | None = None
    skew_millis: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def uses_entry_point(self) -> bool:
        """Whether the package's own entry point runs."""
        return self.handler == ENTRY_POINT

    @property
    def margin_millis(self) -> int | None:
        """The lease margin; None if it is not valid."""
        default = str(DEFAULT_LEASE_MARGIN_MILLIS)
        return parse_whole(self.environment.get("IDEMPOTENCY_LEASE_MARGIN_MILLIS", default))

    @property
    def record_seconds(self) -> int | None:
        """The retention of records; None if it is not valid."""
        return parse_whole(self.environment.get("IDEMPOTENCY_RETENTION_SECONDS", ""))


def parse_whole(text: str) -> int | None:
    """Parse a text of decimal digits; None for any other text."""
    return int(text) if text.isascii() and text.isdecimal() else None
