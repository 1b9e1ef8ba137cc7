"""What the pipeline reports of each message and batch, and to whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda.keys import Key
from idempotent_lambda.protocol import claims, steps
from idempotent_lambda.sources.delivery import Delivery

_DURATIONS: Final[dict[type, str]] = {
    steps.Claim: "claim_ms",
    steps.Wait: "wait_ms",
    steps.Run: "run_ms",
}
"""The log field of each step's duration; all other steps settle the claim."""

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
"""What the log calls the first reply to a claim."""


@dataclass(slots=True)
class ClaimHistory:
    """What happened to one key in this invocation.

    Attributes:
        request_id: Lambda's id of the invocation.
        attempts: claims since the last release; None if none is known.
        takeover: an interrupted owner held the record before.
        recovered: an answer of the table was lost, and the owner recognized its own write.
        lease_lost: the record had another owner when it was to be settled.
        claim_result: how the first claim ended, a value of `CLAIM_RESULTS`; None without a claim.
        parked: this run parked the record.
        parked_since: when the key of a record that was found parked was first claimed.
        payload_differs: the message is coalesced, and its body is not its leader's.
        durations: milliseconds spent, by log field.
        errors: in the order they occurred.
    """

    request_id: str = ""
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

    def note(self, step: steps.Step, reply: steps.Reply, spent: Millis) -> None:
        """Take down one step, its reply and how long it took."""
        self.durations[_DURATIONS.get(type(step), _SETTLE_FIELD)] = spent
        if self.claim_result is None:
            self.claim_result = CLAIM_RESULTS.get(type(reply))
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
    """What a batch took.

    Attributes:
        request_id: Lambda's id of the invocation.
        messages: how many messages the batch had, at least one.
        overhead: milliseconds in which no processor ran.
        store: milliseconds of each step with the table, its retries included.
    """

    request_id: str
    messages: int
    overhead: Millis
    store: Sequence[Millis]


class Observer(Protocol):
    """Receives a report of every message, of every batch, and of what works only in part.

    Threads may call it at the same time.
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
        """Report a message that is settled; called once for each.

        Args:
            delivery: the message.
            key: its key; None if it has none.
            settled: how it ended.
            history: what happened to its key.
            follows: another message of the batch with the same key is its leader, and this
                one shares that one's end.
        """

    def report_batch(self, stats: BatchStats) -> None:
        """Report a batch, or a call of a decorated function, whose messages are all settled."""

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        """Report that every claim and settlement is a call of its own from now on, and why."""

    def report_visibility_change_failed(self, error: StoreError) -> None:
        """Report that messages in progress come back only after the visibility timeout, and why."""
