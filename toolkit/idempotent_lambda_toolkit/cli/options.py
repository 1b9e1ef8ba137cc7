"""The options of every command, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options that every command has; None for an option that is not given.

    Attributes:
        as_json: whether standard output is one JSON object, for a program.
        debug: whether an error is shown with its traceback.
    """

    function: str | None = None
    table: str | None = None
    namespace: str | None = None
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    as_json: bool = False
    debug: bool = False
