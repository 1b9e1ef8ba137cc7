"""The reports of the pipeline about each message and batch, and their receiver."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda.keys import Key
from idempotent_lambda.protocol import claims, steps
from idempotent_lambda.sources.delivery import Delivery

if TYPE_CHECKING:
    from idempotent_lambda.tracers import TracedRun

OPENTELEMETRY: Final = "opentelemetry.trace"
XRAY: Final = "aws_xray_sdk.core"
"""The modules of the tracers that `tracers` knows."""

_DURATIONS: Final[dict[type, str]] = {
    steps.Claim: "claim_ms",
    steps.Wait: "wait_ms",
    steps.Run: "run_ms",
}
"""The log field for the duration of each step; all other steps settle the claim."""

_SETTLE_FIELD: Final = "settle_ms"

DURATION_FIELDS: Final = (*_DURATIONS.values(), _SETTLE_FIELD)

CLAIM_RESULTS: Final[dict[type, str]] = {
    claims.Claimed: "claimed",
    claims.Duplicate: "duplicate",
    claims.InProgress: "in_progress",
    claims.Stale: "stale",
    claims.Parked: "parked",
    claims.Mismatch: "mismatch",
    steps.Unanswered: "unanswered",
    steps.Unkeyed: "unkeyed",
}
"""The name of the first reply to a claim in the log."""


@dataclass(slots=True)
class ClaimHistory:
    """The history of one key in this invocation.

    Attributes:
        request_id: Lambda's id of the invocation.
        decorated: name of the decorated function; empty for a message.
        attempts: number of claims since the last release; None if unknown.
        takeover: an interrupted owner held the record before.
        recovered: an answer of the table was lost, and the owner recognized its own write.
        lease_lost: the record had another owner at settlement.
        claim_result: result of the first claim, a value of `CLAIM_RESULTS`; None without a claim.
        parked: this run parked the record.
        parked_since: time of the first claim of a key whose record was found parked.
        payload_differs: the message is coalesced, and its body differs from its leader's body.
        durations: milliseconds spent, by log field.
        errors: errors in the order in which they occurred.
        run: run of the processor, if a tracer is loaded.
    """

    request_id: str = ""
    decorated: str = ""
    attempts: int | None = None
    takeover: bool = False
    recovered: bool = False
    lease_lost: bool = False
    claim_result: str | None = None
    parked: bool = False
    parked_since: EpochMillis | None = None
    payload_differs: bool = False
    durations: dict[str, Millis] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)
    run: "TracedRun | None" = None

    def note(self, step: steps.Step, reply: steps.Reply, spent: Millis) -> None:
        """Note a step, its reply and its duration."""
        self.durations[_DURATIONS.get(type(step), _SETTLE_FIELD)] = spent
        if self.claim_result in {None, "unanswered"}:  # a claim that was not sent is repeated
            self.claim_result = CLAIM_RESULTS.get(type(reply)) or self.claim_result
        match reply:
            case claims.Claimed(_, attempts, recovered):
                self.attempts = attempts
                self.takeover = attempts > 1
                self.recovered = recovered
            case claims.Completed(recovered):
                self.recovered |= recovered
            case claims.Stale(attempts):
                self.attempts = attempts
            case claims.LostLease():
                self.lease_lost = True
            case claims.Parked(since=since):
                self.parked |= isinstance(step, steps.Park)
                self.parked_since = self.parked_since or since
            case steps.Raised(error) | steps.Interrupted(error):
                self.errors.append(error)
            case steps.Unanswered(_, error) | steps.Unkeyed(error):
                self.errors.append(error)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class BatchStats:
    """The costs of a batch.

    Attributes:
        request_id: Lambda's id of the invocation.
        messages: number of messages in the batch, at least one.
        overhead: milliseconds in which no processor ran.
        store: milliseconds of each step with the table, including retries.
        decorated: name of the decorated function; empty for a batch of messages.
    """

    request_id: str
    messages: int
    overhead: Millis
    store: Sequence[Millis]
    decorated: str = ""


class Observer(Protocol):
    """Receives a report for every message, for every batch, and for every partial failure.

    Threads may call an observer at the same time.
    """

    def report_message(
        self,
        delivery: Delivery,
        key: Key | None,
        settled: steps.Settled,
        history: ClaimHistory,
        *,
        follows: bool,
    ) -> None:
        """Report a settled message; called once per message.

        Args:
            delivery: delivery of the message.
            key: key of the message; None if there is none.
            settled: end of the message.
            history: history of its key.
            follows: whether the message shares the end of its leader, another message with the same
                key.
        """

    def report_batch(self, stats: BatchStats) -> None:
        """Report a batch, or a call of a decorated function, with all messages settled."""

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        """Report that every claim and settlement is a separate call from now on, and why."""

    def report_visibility_change_failed(self, error: StoreError) -> None:
        """Report that messages in progress come back only after the visibility timeout, and why."""


def is_traced() -> bool:
    """Whether the function has loaded a tracer."""
    return OPENTELEMETRY in sys.modules or XRAY in sys.modules
