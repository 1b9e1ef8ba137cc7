"""The life of one claim as a pure state machine: which step follows which reply.

A step is the worker's next action and at the same time its state. `advance` is the whole protocol
of one key. It does no I/O, reads no clock and keeps no state, so the same code runs in production
and in a test that tries every order of events.
"""

from dataclasses import replace
from operator import attrgetter
from typing import assert_never

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.errors import PermanentFailure, text_of
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import Claimed, Request
from idempotent_lambda.protocol.steps import (
    NOBODY,
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
    End,
    Interrupted,
    MarkDeadLettered,
    Outcome,
    Park,
    Raised,
    Release,
    Reply,
    Returned,
    Run,
    Settled,
    Settlement,
    Step,
    TakeOverLater,
    Unanswered,
    Unkeyed,
    Wait,
    Waited,
)

INTERRUPTED_REASON = "its owner was interrupted, or could not confirm its completion"
"""The reason in a parked record whose processor did not give one."""

GIVEN_BACK_REASON = "its copy was redriven and not processed; the copy is delivered again"
"""The reason in a record that is parked again."""


def classify_exception(error: BaseException) -> Raised | Interrupted:
    """Return the reply for an exception of the user's code.

    The exception means "not done" if the code can raise it on purpose.
    """
    if isinstance(error, Exception) and not isinstance(error, MemoryError):
        return Raised(error)
    return Interrupted(error)


def build_settlement_request(
    step: Settlement,
    *,
    record_id: str,
    now: EpochMillis,
    retention: Seconds,
    copy_token: str | None = None,
) -> Request:
    """Build the store request of a settlement.

    Args:
        step: settlement.
        record_id: record of the key.
        now: time of the request.
        retention: retention of a completed record, in seconds.
        copy_token: owner token of a copy whose key is only stated; None for all others.
    """
    match step:
        case Complete(owner, result, actions):
            return Request(
                record_id=record_id,
                owner=owner,
                now=now,
                retention=retention,
                result=result,
                actions=actions,
            )
        case Park(owner, reason):
            return Request(
                record_id=record_id, owner=owner, now=now, retention=retention, reason=reason
            )
        case Release(owner) if copy_token:
            return Request(
                record_id=record_id,
                owner=owner,
                now=now,
                retention=retention,
                reason=GIVEN_BACK_REASON,
                token=copy_token,
                stated=True,
            )
        case Release(owner) | MarkDeadLettered(owner):
            return Request(record_id=record_id, owner=owner, now=now, retention=retention)
        case _:
            assert_never(step)


def advance(step: Step, reply: Reply) -> Step | End:  # noqa: C901, PLR0911, PLR0912  # one case each
    """Return the step or end that follows a step and its reply.

    Args:
        step: step that was done.
        reply: result of the step.

    Raises:
        TypeError: this reply never follows this step.
    """
    match step, reply:
        # First the cases of nearly every message.
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
        case Claim(wait_for_lease=True), claims.InProgress(lease_end):
            return Wait(step, lease_end)
        case Claim(), claims.InProgress(lease_end):
            return Settled(Outcome.IN_PROGRESS, held_until=lease_end)
        case Claim(park_interrupted=True), claims.Stale(_, owner):
            return Park(owner, INTERRUPTED_REASON)
        case Claim(), claims.Stale(attempts):
            return TakeOverLater(attempts)
        case Claim(), claims.Mismatch() | Unkeyed():
            return Settled(Outcome.REJECTED)
        case Claim(), Unanswered(owner, error):
            # Fail closed: the side effect must not run. If the claim was written after all, its
            # release spares the next delivery a wait for the lease.
            if error.maybe_written:
                return Release(owner, Outcome.TABLE_UNAVAILABLE)
            return Settled(Outcome.TABLE_UNAVAILABLE)
        case Wait(claim, lease_end), Waited(in_time):
            if in_time:
                return replace(claim, takeover=not claim.park_interrupted)
            return Settled(Outcome.IN_PROGRESS, held_until=lease_end)
        case Run(), Interrupted():
            return Settled(Outcome.INTERRUPTED)
        case Run(), Returned():
            return Settled(Outcome.OBSERVED, acknowledged=True)
        case Run(claim), Raised() if claim is NOBODY:
            return Settled(Outcome.FAILED)
        case Run(claim, observed=False), Raised(PermanentFailure() as error):
            # Fit the reason into a record.
            reason = text_of(error, attrgetter("reason"))[:1000]
            return Park(claim.owner, reason.encode(errors="replace").decode())
        case Run(claim), Raised():
            return Release(claim.owner, Outcome.FAILED)
        case Complete(observed=True), _:
            return Settled(Outcome.OBSERVED, acknowledged=True)
        case Complete(), claims.LostLease(completed):
            return Settled(Outcome.LOST_LEASE, acknowledged=completed)
        case Complete(owner, actions=(_, *_)), Unanswered(_, error):
            # A commit needs its record and cannot follow the release: released work is not done.
            unsure = error.maybe_written
            return Release(owner, Outcome.UNCONFIRMED if unsure else Outcome.FAILED)
        case Complete(), Unanswered():
            # The side effect is done, so the claim is never released here.
            return Settled(Outcome.UNCONFIRMED)
        case Release(_, outcome), claims.Released() | claims.LostLease() | Unanswered():
            return Settled(outcome)
        # A copy is sent at least once: if a worker dies in between, the next one sends it.
        case ((Claim() | Park()), claims.Parked(owner, dead_lettered=False)):
            return DeadLetter(owner)
        case DeadLetter(owner), DeadLettered():
            return MarkDeadLettered(owner)
        case ((Claim() | Park() | MarkDeadLettered()), claims.Parked()):
            return Settled(Outcome.PARKED, acknowledged=True)
        case ((Park() | MarkDeadLettered()), claims.LostLease(completed)):
            return Settled(Outcome.LOST_LEASE, acknowledged=completed)
        case ((Park() | DeadLetter() | MarkDeadLettered()), Unanswered()):
            return Settled(Outcome.PARKED)
        case _:
            raise TypeError(f"{reply!r} is not a reply to {step!r}")
