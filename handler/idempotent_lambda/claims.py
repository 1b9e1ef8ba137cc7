"""The record of one key, who may change it when, and what the store answers.

Each condition is written here once and nowhere else; docs/protocol.md says why each is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, NewType, Protocol, cast

from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Seconds, seconds_after
from idempotent_lambda.conditions import And, Compare, Contains, Missing, Or, evaluate
from idempotent_lambda.errors import StoreError, StoreRefusedError

Owner = NewType("Owner", str)
"""The random id of one claim, constant over every retry of that claim."""


class Status(StrEnum):
    """What a record says of its key. Anything else is from a newer version: never claimed."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The item of one key.

    A record that is read from a table may lack any attribute, and holds one that cannot be read
    as a value of another type: no comparison with it is true, see `conditions.evaluate`.

    Attributes:
        id: namespace and key.
        lease_expires_at: until when the claim excludes others; none once completed.
        expires_at: the TTL attribute. DynamoDB deletes days late, so nothing trusts it alone.
            None while parked: a person decides when that is over.
        attempts: claims since the last release; removed on completion.
        payload_hash: of what the key stands for, with its version; only with a payload check.
        result: what duplicates get, as JSON; only where results are stored.
        reason: why it is parked, for people.
        dead_lettered_at: since when its copy is in the dead-letter queue.
        unlocked_by: the owner token of the redriven copy that has claimed it by what it states.
            That copy is delivered again until it is settled, and no other message goes on with it.
        copy_tokens: the owner tokens of all copies that have claimed it so. Whoever shows one is a
            copy, of now or of before.
    """

    id: str
    status: str
    owner: Owner
    created_at: EpochMillis
    expires_at: EpochSeconds | None = None
    lease_expires_at: EpochMillis | None = None
    completed_at: EpochMillis | None = None
    attempts: int | None = None
    payload_hash: str | None = None
    result: str | None = None
    reason: str | None = None
    dead_lettered_at: EpochMillis | None = None
    unlocked_by: str | None = None
    copy_tokens: frozenset[str] | None = None


EXPIRED = And((Compare("status", "=", "completed"), Compare("expires_at", "<=", "now_seconds")))
"""Completed, and the retention is over. Until TTL deletes it the record is still there."""

_OVER = (Compare("status", "=", "in_progress"), Compare("lease_expires_at", "<=", "now_millis"))

LAPSED = And((*_OVER, Missing("unlocked_by")))
"""Its owner was interrupted, or could not confirm its completion."""

REDRIVEN = And((Compare("status", "=", "parked"), Compare("owner", "=", "token")))
"""Parked, and the claimant has the copy that was sent away then: each copy unlocks once."""

KNOWN_COPY = Contains("copy_tokens", "token")
"""It was parked, and a copy with the claimant's token has unlocked it since."""

RESOLVED = And((Compare("status", "=", "completed"), Compare("owner", "=", "token")))
"""An operator has completed it while it was parked. A copy may be left over."""

OVER_FOR_COPY = And(
    (*_OVER, Or((Missing("unlocked_by"), Compare("unlocked_by", "=", "token")))),
)
"""The same for a copy that states its key: not while it belongs to a newer one, which was sent when
it was parked again."""

SAME_PAYLOAD = Or((Missing("payload_hash"), Compare("payload_hash", "=", "payload_hash")))
"""Nothing says that the key stood for something else before."""

FREE = Or((Missing("id"), EXPIRED))
"""Nobody's: may be claimed at once."""


@cache
def claimable(*, takeover: bool, redriven: bool, checked: bool, stated: bool = False) -> Or:
    """What must hold of a record to be claimed: it is free, or as one of these allows.

    Args:
        takeover: it may be lapsed.
        redriven: the claimant carries a token.
        checked: the claimant has a payload hash.
        stated: only that token says that this is the key, so the record must belong to the copy.
    """
    if stated:
        again = Or((EXPIRED, *[OVER_FOR_COPY] * takeover))
        return Or((REDRIVEN, And((KNOWN_COPY, again))))
    lapsed = And((LAPSED, SAME_PAYLOAD)) if checked else LAPSED
    return Or((*FREE.parts, *[lapsed] * takeover, *[REDRIVEN] * redriven))


UNREADABLE = Owner("unreadable")
"""The owner of a record whose owner cannot be read: a condition on it holds for no record."""

OWNED = And((Compare("owner", "=", "owner"), Compare("status", "=", "in_progress")))
"""Still the owner's: may be completed, released or parked."""

PARKED = And((Compare("owner", "=", "owner"), Compare("status", "=", "parked")))
"""Parked when it was this owner's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one owner asks of one record; the same value is sent again when an answer is lost.

    Attributes:
        now: the wall clock that conditions compare with.
        retention: how long the record is kept, in seconds.
        result: to be stored with a completion, as JSON.
        actions: writes that take effect with a completion or not at all, as DynamoDB's
            TransactItems.
        reason: of a parking, for people.
        token: the owner token that a redriven copy carries.
        stated: nothing but that token says that this is the key of the copy. If such a claim is
            released, the record is parked for that token again: it still belongs to the copy.
    """

    record_id: str
    owner: Owner
    now: EpochMillis
    retention: Seconds
    result: str | None = None
    actions: tuple[Mapping[str, Any], ...] = ()
    reason: str | None = None
    token: str | None = None
    stated: bool = False

    @property
    def expires_at(self) -> EpochSeconds:
        """The record's TTL, rounded up: expiry must never come early."""
        return EpochSeconds(seconds_after(self.now) + self.retention)

    @property
    def operands(self) -> Mapping[str, Any]:
        """The values of all operands, by name."""
        return {
            "completed": Status.COMPLETED.value,
            "in_progress": Status.IN_PROGRESS.value,
            "parked": Status.PARKED.value,
            "owner": self.owner,
            "result": self.result,
            "reason": self.reason,
            "token": self.token,
            "tokens": frozenset({self.token}) if self.stated else None,
            "expires_at": self.expires_at,
            "now_millis": self.now,
            # Rounded down: what expires is compared with a clock that does not run ahead.
            "now_seconds": self.now // 1000,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest(Request):
    """One claim.

    Attributes:
        takeover: whether a lapsed record may be claimed.
        redelivered: the source has handed the message out before, so it probably has a record.
        payload_hash: what the key stands for, if that is to be checked.
    """

    lease_expires_at: EpochMillis
    takeover: bool
    redelivered: bool = False
    payload_hash: str | None = None

    @property
    def operands(self) -> Mapping[str, Any]:
        """The values of all operands, by name."""
        return {
            **super(ClaimRequest, self).operands,
            "lease_expires_at": self.lease_expires_at,
            "payload_hash": self.payload_hash,
            "zero": 0,
            "one": 1,
        }

    @property
    def expires_at(self) -> EpochSeconds:
        """Outlives the lease too: TTL must not erase the evidence of interrupted work."""
        lease_end = seconds_after(self.lease_expires_at)
        return EpochSeconds(max(lease_end, seconds_after(self.now) + self.retention))

    @property
    def condition(self) -> Or:
        """What must hold of the record."""
        return claimable(**self.kind)

    @property
    def kind(self) -> dict[str, bool]:
        """What the condition depends on."""
        return {
            "takeover": self.takeover,
            "redriven": bool(self.token),
            "checked": self.payload_hash is not None,
            "stated": self.stated,
        }


@dataclass(frozen=True, slots=True)
class Claimed:
    """The record is the caller's.

    Attributes:
        attempts: claims since the last release; more than one means a takeover.
        recovered: the caller's own earlier request had been carried out, its answer lost.
    """

    owner: Owner
    attempts: int
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The key is completed, and the retention is not over."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """Another owner's lease is live."""

    lease_expires_at: EpochMillis


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The owner's lease is over, and a takeover was not asked for."""

    attempts: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class Parked:
    """The record is set aside for a person; ``dead_lettered`` once its copy is known to be sent.

    Attributes:
        since: when the key was first claimed, if the record was there before.
    """

    owner: Owner
    dead_lettered: bool = False
    since: EpochMillis | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Stray:
    """The record does not belong to the copy that states its key."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key stands for another payload."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The completion is written; ``recovered`` as in `Claimed`."""

    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The record is gone: the key may be claimed."""


@dataclass(frozen=True, slots=True)
class LostLease:
    """The record is not the caller's any more, and nothing was written.

    Attributes:
        completed: another owner has completed the key.
        result: what that owner stored with a completion, as JSON.
        payload_hash: of what the key stands for then.
    """

    completed: bool
    result: str | None = None
    payload_hash: str | None = None


ClaimOutcome = Claimed | Duplicate | Busy | Lapsed | Parked | Mismatch | Stray
CompleteOutcome = Completed | LostLease
ReleaseOutcome = Released | LostLease
ParkOutcome = Parked | LostLease

ClaimAnswer = ClaimOutcome | StoreError
CompleteAnswer = CompleteOutcome | StoreError
ReleaseAnswer = ReleaseOutcome | StoreError
ParkAnswer = ParkOutcome | StoreError


PARALLEL_CALLS = 8
"""How many calls a store makes at the same time for one request of its user."""


class ClaimStore(Protocol):
    """A table of records. One suite (tests/contracts) holds every implementation to this.

    Every method takes requests for different records and answers each in its place: with its
    outcome, or with the `StoreRefusedError` or `StoreUnavailableError` that kept it from one. It
    makes no call whose worst case would not end before the deadline's reserve, except the first
    of a completion or release. Threads may call it at the same time.
    """

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Sequence[ClaimAnswer]:
        """Take each record if its condition holds."""

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[CompleteAnswer]:
        """Complete each record if it is still the owner's; insists until the deadline.

        The actions of a request take effect with it or not at all.
        """

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ReleaseAnswer]:
        """Delete each record if it is still the owner's; park it again if it belongs to a copy."""

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """Set each record aside if it is still the owner's."""

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """Note of each parked record of this owner that its copy is dead-lettered."""


def claimed_record(found: Record | None, request: ClaimRequest) -> Record:
    """The record after a successful claim of what was found.

    Raises:
        StoreRefusedError: a claim cannot be added to its attempts.
    """
    attempts: Any = found and found.attempts
    if not isinstance(attempts, int | None):
        raise _damaged("attempts", "a number")
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
        copy_tokens=_copy_tokens(found, request),
    )


def _copy_tokens(found: Record | None, request: ClaimRequest) -> frozenset[str] | None:
    before: Any = found and found.copy_tokens
    if not request.stated:
        return cast("frozenset[str] | None", before)
    if not isinstance(before, frozenset | None):
        raise _damaged("copy_tokens", "a set of texts")
    return (before or frozenset()) | {str(request.token)}


def seen_claim(found: Record | None, request: ClaimRequest) -> ClaimOutcome | None:
    """What a claim means that has only read its record; None where it may be claimed.

    Raises:
        StoreRefusedError: see `refused_claim`.
    """
    if evaluate(request.condition, found, request.operands):
        claimed_record(found, request)  # raises what would keep the claim from being written
        return None
    return refused_claim(found, request)


def refused_claim(found: Record | None, request: ClaimRequest) -> ClaimOutcome:  # a row each
    """What a claim means whose condition failed on the record that was found.

    What cannot be read counts as missing. If the decision needs it, the key is refused.

    Raises:
        StoreRefusedError: the record is not one this version can judge; it is left as it is.
    """
    same = (None, request.payload_hash)
    match found:
        case Record(status=Status.IN_PROGRESS, owner=request.owner):
            return Claimed(request.owner, _readable(int, found.attempts) or 1, recovered=True)
        case None | Record(status=Status.IN_PROGRESS | Status.COMPLETED | Status.PARKED) if (
            request.stated and not _is_of_copy(found, request)
        ):
            return Stray()
        case Record(payload_hash=str(theirs)) if request.payload_hash and theirs not in same:
            return Mismatch()
        case Record(payload_hash=theirs) if request.payload_hash and theirs not in same:
            raise _damaged("payload_hash", "a text")
        case Record(status=Status.COMPLETED):
            return Duplicate(_readable(str, found.result))
        case Record(status=Status.PARKED):
            sent, since = found.dead_lettered_at, found.created_at
            return Parked(_owner(found), isinstance(sent, int), _readable(int, since))
        case Record(status=Status.IN_PROGRESS, lease_expires_at=int(lease_end)):
            return _judge_unfinished(found, EpochMillis(lease_end), request)
        case Record(status=Status.IN_PROGRESS):
            raise _damaged("lease_expires_at", "a number")
        case Record(status=other) if not isinstance(other, str):
            raise _damaged("status", "a text")
        case _:
            status = found and found.status
            problem = (
                f"the record of this key has the status {status!r}, which this version cannot "
                "judge, so it stays as it is: if a newer version wrote it, deploy that one"
            )
            raise StoreRefusedError("UnknownRecord", problem, maybe_written=False)


def _is_of_copy(found: Record | None, request: ClaimRequest) -> bool:
    """Whether the record is the one of the copy that states its key."""
    if found and not isinstance(found.copy_tokens, frozenset | None):
        raise _damaged("copy_tokens", "a set of texts")
    holding = [evaluate(each, found, request.operands) for each in (KNOWN_COPY, RESOLVED, EXPIRED)]
    known, resolved, expired = holding
    if found and not (known or expired) and found.status in (Status.PARKED, Status.COMPLETED):
        _owner(found)  # raises where nobody can say whose copy it is
    return known or (resolved and not expired)


def _judge_unfinished(found: Record, lease_end: EpochMillis, request: ClaimRequest) -> ClaimOutcome:
    if lease_end > request.now:
        return Busy(lease_end)
    unlocked_by: Any = found.unlocked_by
    if unlocked_by is not None and not (isinstance(unlocked_by, str) and unlocked_by):
        raise _damaged("unlocked_by", "a text that is not empty")
    if unlocked_by and not (request.stated and unlocked_by == request.token):
        # The copy that has unlocked it is delivered again, and goes on with it.
        since = _readable(int, found.created_at)
        return Parked(_owner(found), dead_lettered=True, since=since)
    owner = _readable(str, found.owner) or UNREADABLE
    return Lapsed(_readable(int, found.attempts) or 1, owner)


def refused_completion(found: Record | None, request: Request) -> CompleteOutcome:
    """What a completion means whose condition failed on the record that was found."""
    if found is None or found.status != Status.COMPLETED:
        return LostLease(completed=False)
    if found.owner == request.owner:
        return Completed(recovered=True)
    return LostLease(completed=True, result=found.result, payload_hash=found.payload_hash)


def refused_release(found: Record | None, request: Request) -> ReleaseOutcome:
    """What a release means whose condition failed on the record that was found."""
    given_back = request.stated and evaluate(REDRIVEN, found, request.operands)
    if found is None or given_back:
        return Released()
    return LostLease(found.status == Status.COMPLETED)


def refused_parking(found: Record | None, request: Request) -> ParkOutcome:
    """What a parking, or the mark of one, means whose condition failed on the record found.

    Raises:
        StoreRefusedError: the record's owner cannot be read.
    """
    if found is None or found.status == Status.COMPLETED:
        return LostLease(completed=found is not None)
    if _owner(found) == request.owner and found.status == Status.PARKED:
        return Parked(request.owner, isinstance(found.dead_lettered_at, int))
    return LostLease(completed=False)


def _readable(kind: type, value: Any) -> Any:
    """The value of an attribute, which counts as missing if it is of another type."""
    return value if isinstance(value, kind) else None


def _owner(found: Record) -> Owner:
    if not _readable(str, found.owner):
        raise _damaged("owner", "a text that is not empty")
    return found.owner


def _damaged(name: str, needed: str) -> StoreRefusedError:
    problem = (
        f"the record of this key is damaged: its {name} must be {needed}. The record stays as it "
        f"is: correct its {name}, or delete the record if the key may run again"
    )
    return StoreRefusedError("DamagedRecord", problem, maybe_written=False)
