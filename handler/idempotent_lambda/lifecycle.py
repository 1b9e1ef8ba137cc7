"""The life of one claim as a pure state machine: which step follows which reply.

A step is what the worker does next, and at the same time the state it is in. `advance` is the
whole protocol of one key; it does no I/O, reads no clock and keeps nothing, so that the same
code runs in production and under a test that tries every order of events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from typing import Any

from idempotent_lambda import claims
from idempotent_lambda.claims import Claimed, Owner
from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.errors import MessageError, PermanentFailure, StoreError, text_of


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
        takeover: a lapsed one too.
        park_interrupted: a lapsed one is set aside instead.
        wait_for_lease: a live claim of another is waited for, because its source would not
            deliver again.
        observe_only: whatever the answer, the processor runs.
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
    actions: tuple[Mapping[str, Any], ...] = ()
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
class Mark:
    """Note in the parked record that its copy is sent."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class PutOff:
    """Leave the lapsed record until the rest of the batch is settled."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The end. What is not acknowledged is reported, and delivered again.

    Attributes:
        busy_until: the end of the lease that was met.
    """

    outcome: Outcome
    acknowledged: bool = False
    busy_until: EpochMillis | None = None


Step = Claim | Wait | Run | Complete | Release | Park | DeadLetter | Mark
Settlement = Complete | Release | Park | Mark
End = Settled | PutOff


@dataclass(frozen=True, slots=True)
class Returned:
    """The processor returned: the effect is done, or ready to be committed.

    Attributes:
        result: what it returned, as JSON; None where that is not stored.
        actions: what is to be committed.
    """

    result: str | None = None
    actions: tuple[Mapping[str, Any], ...] = ()


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

INTERRUPTED = "its owner was interrupted, or could not confirm its completion"
"""The reason of a parked record whose processor did not give one."""

GIVEN_BACK = "its copy was redriven and not processed; the copy is delivered again"
"""The reason of a record that is parked again."""

NOBODY = Claimed(Owner(""), 0)
"""What runs in observe mode without a claim."""


def raised(error: BaseException) -> Raised | Interrupted:
    """What it means that the user's code raised.

    It means "not done", if the code could raise of its own accord.
    """
    own = isinstance(error, Exception) and not isinstance(error, MemoryError)
    return Raised(error) if own else Interrupted(error)  # type: ignore[arg-type]  # checked


def settlement(
    step: Settlement,
    *,
    record_id: str,
    now: EpochMillis,
    retention: Seconds,
    copy_of: str | None = None,
) -> claims.Request:
    """What such a step asks of the store's method of its name.

    ``copy_of`` is the token of a copy whose key is only what it states.
    """
    about: dict[str, Any] = {"record_id": record_id, "now": now, "retention": retention}
    if isinstance(step, Complete):
        about |= {"result": step.result, "actions": step.actions}
    elif isinstance(step, Park):
        about["reason"] = step.reason
    elif isinstance(step, Release) and copy_of:
        about |= {"reason": GIVEN_BACK, "token": copy_of, "stated": True}
    return claims.Request(owner=step.owner, **about)


def advance(step: Step, reply: Reply) -> Step | End:  # noqa: C901, PLR0911, PLR0912  # a row each
    """The step after ``step`` was done and answered by ``reply``.

    Args:
        step: what was done.
        reply: how it ended.

    Raises:
        TypeError: such a reply never follows such a step.
    """
    match step, reply:
        # First what nearly every message goes through.
        case Claim(), Claimed():
            return Run(reply, step.observe_only)
        case Run(claim, observed), Returned(result, actions) if claim is not NOBODY:
            return Complete(claim.owner, result, actions, observed)
        case Complete(), claims.Completed():
            return Settled(Outcome.COMPLETED, acknowledged=True)
        case Claim(observe_only=True), _:
            return Run(NOBODY, observed=True)
        case Claim(), claims.Duplicate():
            return Settled(Outcome.DUPLICATE, acknowledged=True)
        case Claim(wait_for_lease=True), claims.Busy(lease_end):
            return Wait(step, lease_end)
        case Claim(), claims.Busy(lease_end):
            return Settled(Outcome.BUSY, busy_until=lease_end)
        case Claim(park_interrupted=True), claims.Lapsed(_, owner):
            return Park(owner, INTERRUPTED)
        case Claim(), claims.Lapsed(attempts):
            return PutOff(attempts)
        case Claim(), claims.Mismatch() | Unkeyed():
            return Settled(Outcome.REJECTED)
        case Claim(), Unanswered(owner, error):
            # Fail closed: the effect must not run. If the claim did get through, giving it back
            # spares the next delivery a wait for the lease.
            if error.maybe_written:
                return Release(owner, Outcome.UNAVAILABLE)
            return Settled(Outcome.UNAVAILABLE)
        case Wait(claim, lease_end), Waited(in_time):
            if in_time:
                return replace(claim, takeover=not claim.park_interrupted)
            return Settled(Outcome.BUSY, busy_until=lease_end)
        case Run(), Interrupted():
            return Settled(Outcome.INTERRUPTED)
        case Run(), Returned():
            return Settled(Outcome.OBSERVED, acknowledged=True)
        case Run(claim), Raised() if claim is NOBODY:
            return Settled(Outcome.FAILED)
        case Run(claim, observed=False), Raised(PermanentFailure() as error):
            # As a record can hold it.
            reason = text_of(error, attrgetter("reason"))[:1000]
            return Park(claim.owner, reason.encode(errors="replace").decode())
        case Run(claim), Raised():
            return Release(claim.owner, Outcome.FAILED)
        case Complete(observed=True), _:
            return Settled(Outcome.OBSERVED, acknowledged=True)
        case Complete(), claims.LostLease(completed):
            return Settled(Outcome.LOST_LEASE, acknowledged=completed)
        case Complete(owner, actions=(_, *_)), Unanswered(_, error):
            # Without its record the commit cannot come late, so nothing is done that is given back.
            unsure = error.maybe_written
            return Release(owner, Outcome.UNCONFIRMED if unsure else Outcome.FAILED)
        case Complete(), Unanswered():
            # The effect is done, so the claim is never given back here.
            return Settled(Outcome.UNCONFIRMED)
        case Release(_, outcome), claims.Released() | claims.LostLease() | Unanswered():
            return Settled(outcome)
        # A copy is sent at least once: an owner that dies in between leaves that to the next.
        case ((Claim() | Park()), claims.Parked(owner, dead_lettered=False)):
            return DeadLetter(owner)
        case DeadLetter(owner), DeadLettered():
            return Mark(owner)
        case ((Claim() | Park() | Mark()), claims.Parked()):
            return Settled(Outcome.PARKED, acknowledged=True)
        case ((Park() | Mark()), claims.LostLease(completed)):
            return Settled(Outcome.LOST_LEASE, acknowledged=completed)
        case ((Park() | DeadLetter() | Mark()), Unanswered()):
            return Settled(Outcome.PARKED)
        case _:
            raise TypeError(f"{reply!r} is no reply to {step!r}")
