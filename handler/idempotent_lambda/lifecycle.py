"""The life of one claim as a pure state machine: which step follows which reply.

A step is what the worker does next, and at the same time the state it is in. `advance` is the
whole protocol of one key; it does no I/O, reads no clock and keeps nothing, so that the same
code runs in production and under a test that tries every order of events.
"""

from dataclasses import dataclass
from enum import StrEnum

from idempotent_lambda import claims
from idempotent_lambda.claims import Claimed, Owner
from idempotent_lambda.errors import StoreError


class Outcome(StrEnum):
    """How a message ended; the ``outcome`` of its log line."""

    COMPLETED = "completed"
    """The effect ran and its completion is confirmed."""
    DUPLICATE = "duplicate"
    """The key was completed before."""
    BUSY = "busy"
    """Another owner's lease is live."""
    FAILED = "failed"
    """The processor raised: not done, the claim was given back."""
    INTERRUPTED = "interrupted"
    """SystemExit, MemoryError or the like stopped the processor; the claim stays for its lease."""
    UNCONFIRMED = "unconfirmed"
    """The effect ran, its completion could not be confirmed; the claim stays."""
    LOST_LEASE = "lost_lease"
    """The effect ended after its lease; the record is another owner's, or gone."""
    UNAVAILABLE = "unavailable"
    """The table refused or did not answer this claim or earlier ones; the processor did not run."""
    NOT_STARTED = "not_started"
    """Too little time was left, or the batch was stopped; the processor did not run."""
    DEFERRED = "deferred"
    """Lapsed twice or more, and not run beside what the dead-letter queue could get next."""
    REJECTED = "rejected"
    """No key: the processor did not run."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Take the record; a lapsed one only with ``takeover``."""

    takeover: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Run the processor."""

    claim: Claimed


@dataclass(frozen=True, slots=True)
class Complete:
    """Write the completion, until it is confirmed or the time is over."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class Release:
    """Give the claim back, as best one can; ``outcome`` stands whatever the reply."""

    owner: Owner
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class PutOff:
    """Leave the lapsed record until the rest of the batch is settled."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The end. What is not acknowledged is reported, and delivered again."""

    outcome: Outcome
    acknowledged: bool = False


Step = Claim | Run | Complete | Release
End = Settled | PutOff


@dataclass(frozen=True, slots=True)
class Returned:
    """The processor returned: the effect is done."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The processor raised an Exception, by which it says: not done."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Interrupted:
    """SystemExit, MemoryError or the like stopped the processor: nobody knows what is done."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The store refused or did not answer.

    Attributes:
        owner: the owner token of the request.
    """

    owner: Owner
    error: StoreError


Reply = (
    claims.ClaimOutcome
    | claims.CompleteOutcome
    | claims.ReleaseOutcome
    | Returned
    | Raised
    | Interrupted
    | Unanswered
)


def advance(step: Step, reply: Reply) -> Step | End:  # noqa: C901, PLR0911, PLR0912  # a row each
    """The step after ``step`` was done and answered by ``reply``.

    Args:
        step: what was done.
        reply: how it ended.

    Raises:
        TypeError: such a reply never follows such a step.
    """
    match step, reply:
        case Claim(), Claimed():
            return Run(reply)
        case Claim(), claims.Duplicate():
            return Settled(Outcome.DUPLICATE, acknowledged=True)
        case Claim(), claims.Busy():
            return Settled(Outcome.BUSY)
        case Claim(), claims.Lapsed(attempts):
            return PutOff(attempts)
        case Claim(), Unanswered(owner, error):
            # Fail closed: the effect must not run. If the claim did get through, giving it back
            # spares the next delivery a wait for the lease.
            if error.maybe_written:
                return Release(owner, Outcome.UNAVAILABLE)
            return Settled(Outcome.UNAVAILABLE)
        case Run(claim), Returned():
            return Complete(claim.owner)
        case Run(claim), Raised():
            return Release(claim.owner, Outcome.FAILED)
        case Run(), Interrupted():
            return Settled(Outcome.INTERRUPTED)
        case Complete(), claims.Completed():
            return Settled(Outcome.COMPLETED, acknowledged=True)
        case Complete(), claims.LostLease(completed):
            return Settled(Outcome.LOST_LEASE, acknowledged=completed)
        case Complete(), Unanswered():
            # The effect is done, so the claim is never given back here.
            return Settled(Outcome.UNCONFIRMED)
        case Release(_, outcome), claims.Released() | claims.LostLease() | Unanswered():
            return Settled(outcome)
        case _:
            raise TypeError(f"{reply!r} is no reply to {step!r}")
