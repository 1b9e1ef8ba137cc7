"""The words of one claim's life: how a message ends, what is done next, what came of it.

A step is what the worker does next, and at the same time the state of the claim. A reply is what
came of the step. `lifecycle.advance` says which step follows which reply.
"""

from dataclasses import dataclass
from enum import StrEnum

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.errors import MessageError, StoreError
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import Claimed
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.requests import Action


class Outcome(StrEnum):
    """How a message ended; the ``outcome`` of its log line."""

    COMPLETED = "completed"
    """The effect ran and its completion is confirmed."""
    DUPLICATE = "duplicate"
    """The key was completed before."""
    IN_PROGRESS = "in_progress"
    """Another owner's lease is live."""
    FAILED = "failed"
    """The processor raised: not done, the claim was given back."""
    INTERRUPTED = "interrupted"
    """SystemExit, MemoryError or the like stopped the processor; the claim stays for its lease."""
    UNCONFIRMED = "unconfirmed"
    """The effect ran, its completion could not be confirmed; the claim stays."""
    LOST_LEASE = "lost_lease"
    """The effect ended after its lease; the record is another owner's, or gone."""
    TABLE_UNAVAILABLE = "table_unavailable"
    """The table refused or did not answer this claim or earlier ones; the processor did not run."""
    NOT_STARTED = "not_started"
    """Too little time was left, or the batch was stopped; the processor did not run."""
    DEFERRED = "deferred"
    """Stale twice or more, and not run beside what the dead-letter queue could get next."""
    REJECTED = "rejected"
    """No key, or one that stands for another payload: the processor did not run."""
    BLOCKED = "blocked"
    """A message before it in its group is not done; not run, to keep the order."""
    PARKED = "parked"
    """Set aside for a person; acknowledged once a copy is in the dead-letter queue."""
    OBSERVED = "observed"
    """Ran in observe mode without a claim or a confirmed completion."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Take the record.

    Attributes:
        takeover: a stale record is claimed too.
        park_interrupted: a stale record is parked instead.
        wait_for_lease: if another owner's lease is live, the worker waits for its end, because the
            source does not deliver again by itself.
        observe_only: the processor runs, whatever the answer.
    """

    takeover: bool = False
    park_interrupted: bool = False
    wait_for_lease: bool = False
    observe_only: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a lease to end, then claim again; if there is time for both."""

    claim: Claim
    lease_expires_at: EpochMillis


@dataclass(frozen=True, slots=True)
class Run:
    """Run the processor; ``observed`` in observe mode, where the claim may be none."""

    claim: Claimed
    observed: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """Write the completion with what belongs to it, until it is confirmed or the time is over."""

    owner: Owner
    result: str | None = None
    actions: tuple[Action, ...] = ()
    observed: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """Give the claim back, as best one can; ``outcome`` stands whatever the reply."""

    owner: Owner
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Park:
    """Set the record of this owner aside, for a person."""

    owner: Owner
    reason: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Send a copy, which bears this token, to the dead-letter queue."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class MarkDeadLettered:
    """Note in the parked record that its copy is sent."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class TakeOverLater:
    """Leave the stale record until the rest of the batch is settled."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The end. What is not acknowledged is reported, and delivered again.

    Attributes:
        held_until: the end of the lease that was met.
    """

    outcome: Outcome
    acknowledged: bool = False
    held_until: EpochMillis | None = None


Step = Claim | Wait | Run | Complete | Release | Park | DeadLetter | MarkDeadLettered
Settlement = Complete | Release | Park | MarkDeadLettered
End = Settled | TakeOverLater


@dataclass(frozen=True, slots=True)
class Returned:
    """The processor returned: the effect is done, or ready to be committed.

    Attributes:
        result: what it returned, as JSON; None where that is not stored.
        actions: what is to be committed.
    """

    result: str | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """The processor raised an Exception, by which it says: not done."""

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
    """The lease has ended; or it ends too late for this invocation."""

    in_time: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The store, or the dead-letter queue, refused or did not answer.

    Attributes:
        owner: the owner token of the request.
    """

    owner: Owner
    error: StoreError


@dataclass(frozen=True, slots=True)
class Unkeyed:
    """The message only claims to be a copy, and it has no key by itself."""

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
"""What runs in observe mode without a claim."""
