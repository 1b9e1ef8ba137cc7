"""The outcome of a claim or settlement, given the record that made its condition fail."""

from typing import TypeVar

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimOutcome,
    ClaimRequest,
    Completed,
    CompleteOutcome,
    Duplicate,
    InProgress,
    LostLease,
    Mismatch,
    Parked,
    ParkOutcome,
    Released,
    ReleaseOutcome,
    Request,
    Stale,
    Stray,
)
from idempotent_lambda.protocol.conditions import evaluate
from idempotent_lambda.protocol.record import (
    IS_EXPIRED,
    IS_KNOWN_COPY,
    IS_REDRIVEN,
    IS_RESOLVED,
    UNREADABLE,
    Owner,
    Record,
    Status,
)

KindT = TypeVar("KindT")


def build_claimed_record(found: Record | None, request: ClaimRequest) -> Record:
    """Return the record that a successful claim makes of the record found.

    Raises:
        StoreRefusedError: ``attempts`` or ``copy_tokens`` of the record found cannot be read.
    """
    attempts: object = found and found.attempts
    if not isinstance(attempts, int | None):
        raise _describe_damage("attempts", "a number")
    created: EpochMillis | None = None if found is None else found.created_at
    return Record(
        id=request.record_id,
        status=Status.IN_PROGRESS,
        owner=request.owner,
        lease_expires_at=request.lease_expires_at,
        expires_at=request.expires_at,
        created_at=request.now if created is None else created,
        attempts=(attempts or 0) + 1,
        payload_hash=request.payload_hash,
        unlocked_by=request.token if request.stated else None,
        copy_tokens=_add_copy_token(found, request),
    )


def _add_copy_token(found: Record | None, request: ClaimRequest) -> frozenset[str] | None:
    if not request.stated:
        return None if found is None else found.copy_tokens
    tokens: object = found and found.copy_tokens
    if not isinstance(tokens, frozenset | None):
        raise _describe_damage("copy_tokens", "a set of texts")
    return (tokens or frozenset()) | {str(request.token)}


def judge_existing(found: Record | None, request: ClaimRequest) -> ClaimOutcome | None:
    """Return the outcome of a claim, given the record just read; None if the claim may go on.

    Raises:
        StoreRefusedError: see `build_claimed_record` and `explain_failed_claim`.
    """
    if evaluate(request.condition, found, request.operands):
        build_claimed_record(found, request)  # raises if the claim could not be written
        return None
    return explain_failed_claim(found, request)


def explain_failed_claim(found: Record | None, request: ClaimRequest) -> ClaimOutcome:
    """Return the outcome of a claim, given the record that made its condition fail.

    An unreadable attribute counts as missing. If the decision needs the attribute, the claim is
    refused.

    Raises:
        StoreRefusedError: this version cannot judge the record; the record stays unchanged.
    """
    same = (None, request.payload_hash)
    match found:
        case Record(status=Status.IN_PROGRESS, owner=request.owner):
            return Claimed(request.owner, _read_as(int, found.attempts) or 1, recovered=True)
        case None | Record(status=Status.IN_PROGRESS | Status.COMPLETED | Status.PARKED) if (
            request.stated and not _is_of_copy(found, request)
        ):
            return Stray()
        case Record(payload_hash=str(theirs)) if request.payload_hash and theirs not in same:
            return Mismatch()
        case Record(payload_hash=theirs) if request.payload_hash and theirs not in same:
            raise _describe_damage("payload_hash", "a text")
        case Record(status=Status.COMPLETED):
            return Duplicate(_read_as(str, found.result))
        case Record(status=Status.PARKED):
            is_sent = isinstance(found.dead_lettered_at, int)
            return Parked(_read_owner(found), is_sent, _read_creation(found))
        case Record(status=Status.IN_PROGRESS, lease_expires_at=int(lease_end)):
            return _judge_unfinished(found, EpochMillis(lease_end), request)
        case Record(status=Status.IN_PROGRESS):
            raise _describe_damage("lease_expires_at", "a number")
        case Record(status=other) if not isinstance(other, str):
            raise _describe_damage("status", "a text")
        case _:
            status = found and found.status
            problem = (
                f"the record of this key has the status {status!r}, which this version cannot "
                "judge, so it stays as it is: if a newer version wrote it, deploy that one"
            )
            raise StoreRefusedError("UnknownRecord", problem, maybe_written=False)


def _is_of_copy(found: Record | None, request: ClaimRequest) -> bool:
    """Whether the record belongs to the copy that states the key."""
    if found and not isinstance(found.copy_tokens, frozenset | None):
        raise _describe_damage("copy_tokens", "a set of texts")
    known, resolved, expired = (
        evaluate(condition, found, request.operands)
        for condition in (IS_KNOWN_COPY, IS_RESOLVED, IS_EXPIRED)
    )
    if found and not (known or expired) and found.status in (Status.PARKED, Status.COMPLETED):
        _read_owner(found)  # raises if the owner is unreadable, so that no copy can be matched
    return known or (resolved and not expired)


def _judge_unfinished(found: Record, lease_end: EpochMillis, request: ClaimRequest) -> ClaimOutcome:
    if lease_end > request.now:
        return InProgress(lease_end)
    unlocked_by: object = found.unlocked_by
    if unlocked_by is not None and not (isinstance(unlocked_by, str) and unlocked_by):
        raise _describe_damage("unlocked_by", "a text that is not empty")
    if unlocked_by and not (request.stated and unlocked_by == request.token):
        # The copy that unlocked the record is delivered again and continues with it.
        return Parked(_read_owner(found), dead_lettered=True, since=_read_creation(found))
    owner = _read_as(str, found.owner)
    return Stale(_read_as(int, found.attempts) or 1, Owner(owner) if owner else UNREADABLE)


def explain_failed_completion(found: Record | None, request: Request) -> CompleteOutcome:
    """Return the outcome of a completion, given the record that made its condition fail."""
    if found is None or found.status != Status.COMPLETED:
        return LostLease(completed=False)
    if found.owner == request.owner:
        return Completed(recovered=True)
    return LostLease(completed=True, result=found.result, payload_hash=found.payload_hash)


def explain_failed_release(found: Record | None, request: Request) -> ReleaseOutcome:
    """Return the outcome of a release, given the record that made its condition fail."""
    given_back = request.stated and evaluate(IS_REDRIVEN, found, request.operands)
    if found is None or given_back:
        return Released()
    return LostLease(found.status == Status.COMPLETED)


def explain_failed_parking(found: Record | None, request: Request) -> ParkOutcome:
    """Return the outcome of a parking or a mark, given the record that made its condition fail.

    Raises:
        StoreRefusedError: the record's owner cannot be read.
    """
    if found is None or found.status == Status.COMPLETED:
        return LostLease(completed=found is not None)
    if _read_owner(found) == request.owner and found.status == Status.PARKED:
        return Parked(request.owner, isinstance(found.dead_lettered_at, int))
    return LostLease(completed=False)


def _read_as(kind: type[KindT], value: object) -> KindT | None:
    """Return the value; None if it has another type, as if the attribute were missing."""
    return value if isinstance(value, kind) else None


def _read_creation(found: Record) -> EpochMillis | None:
    created = _read_as(int, found.created_at)
    return None if created is None else EpochMillis(created)


def _read_owner(found: Record) -> Owner:
    if not _read_as(str, found.owner):
        raise _describe_damage("owner", "a text that is not empty")
    return found.owner


def _describe_damage(name: str, needed: str) -> StoreRefusedError:
    problem = (
        f"the record of this key is damaged: its {name} must be {needed}. The record stays as it "
        f"is: correct its {name}, or delete the record if the key may run again"
    )
    return StoreRefusedError("DamagedRecord", problem, maybe_written=False)
