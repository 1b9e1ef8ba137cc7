"""The vocabulary of one claim: its steps, their replies, and the outcomes of a message.

A step is the worker's next action and at the same time the state of the claim. A reply is the
result of a step. `lifecycle.advance` says which step follows which reply.
"""

from dataclasses import dataclass
from enum import StrEnum

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.errors import MessageError, StoreError
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import Action, Claimed
from idempotent_lambda.protocol.record import Owner


class Outcome(StrEnum):
    """The outcome of a message: ``outcome`` in its log line."""

    COMPLETED = "completed"
    """The side effect ran, and its completion is confirmed."""
    DUPLICATE = "duplicate"
    """The key was completed before."""
    IN_PROGRESS = "in_progress"
    """Another owner's lease is live."""
    FAILED = "failed"
    """The processor raised, or its result reports failures: the work is not done, and the claim was
    released."""
    INTERRUPTED = "interrupted"
    """SystemExit, MemoryError or the like stopped the processor; the claim stays for its lease."""
    UNCONFIRMED = "unconfirmed"
    """The side effect ran, but its completion could not be confirmed; the claim stays."""
    LOST_LEASE = "lost_lease"
    """The side effect ended after its lease; another owner has the record, or it is gone."""
    TABLE_UNAVAILABLE = "table_unavailable"
    """The table refused or did not answer this claim or earlier ones; the processor did not run."""
    NOT_STARTED = "not_started"
    """Too little time was left, or the batch was stopped; the processor did not run."""
    DEFERRED = "deferred"
    """Stale at least twice: the processor did not run with messages near their receive limit."""
    REJECTED = "rejected"
    """The message has no key, or its key has another payload: the processor did not run."""
    BLOCKED = "blocked"
    """An earlier message of the group is not done; the processor did not run, to keep the order."""
    PARKED = "parked"
    """The record is parked for an operator; acknowledged once a copy is dead-lettered."""
    OBSERVED = "observed"
    """The processor ran in observe mode without a claim or a confirmed completion."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim the record.

    Attributes:
        takeover: a stale record is claimed too.
        park_interrupted: a stale record is parked instead.
        wait_for_lease: the worker waits for another owner's lease to end, because the source does
            not deliver again by itself.
        observe_only: the processor runs, whatever the answer.
    """

    takeover: bool = False
    park_interrupted: bool = False
    wait_for_lease: bool = False
    observe_only: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a lease to end, then claim again, if there is time for both."""

    claim: Claim
    lease_expires_at: EpochMillis


@dataclass(frozen=True, slots=True)
class Run:
    """Run the processor; ``observed`` in observe mode, where the claim may be `NOBODY`."""

    claim: Claimed
    observed: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """Write the completion with its result and actions, until it is confirmed or time is up."""

    owner: Owner
    result: str | None = None
    actions: tuple[Action, ...] = ()
    observed: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """Try to release the claim; the message ends with ``outcome``, whatever the reply."""

    owner: Owner
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Park:
    """Park the record of this owner for an operator."""

    owner: Owner
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Send a copy with this owner token to the dead-letter queue."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class MarkDeadLettered:
    """Mark in the parked record that its copy is sent."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class TakeOverLater:
    """Leave the stale record until the rest of the batch is settled."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of a message. An unacknowledged message is reported and delivered again.

    Attributes:
        held_until: end of another owner's lease.
    """

    outcome: Outcome
    acknowledged: bool = False
    held_until: EpochMillis | None = None


Step = Claim | Wait | Run | Complete | Release | Park | DeadLetter | MarkDeadLettered
Settlement = Complete | Release | Park | MarkDeadLettered
End = Settled | TakeOverLater


@dataclass(frozen=True, slots=True)
class Returned:
    """The processor returned: the side effect is done, or ready to be committed.

    Attributes:
        result: returned value, as JSON; None where results are not stored.
        actions: writes to commit.
    """

    result: str | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """The processor raised an Exception: the work is not done."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Interrupted:
    """SystemExit, MemoryError or the like stopped the processor: nobody knows what is done."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """The copy is sent."""


@dataclass(frozen=True, slots=True)
class Waited:
    """The lease has ended, or ends too late for this invocation."""

    in_time: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The store or the dead-letter queue refused the request or did not answer.

    Attributes:
        owner: owner token of the request.
    """

    owner: Owner
    error: StoreError


@dataclass(frozen=True, slots=True)
class Unkeyed:
    """The message only claims to be a copy, and has no other key."""

    error: MessageError


Reply = (
    claims.ClaimOutcome
    | Unkeyed
    | claims.CompleteOutcome
    | claims.ReleaseOutcome
    | claims.ParkOutcome
    | Returned
    | Raised
    | Interrupted
    | DeadLettered
    | Waited
    | Unanswered
)

NOBODY = Claimed(Owner(""), 0)
"""The claim of a run in observe mode that has no claim."""
