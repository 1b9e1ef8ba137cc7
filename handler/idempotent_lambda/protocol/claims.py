"""The requests to a claim store, its answers, and the interface of the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Seconds, seconds_after
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.conditions import Or
from idempotent_lambda.protocol.record import Owner, Status, build_claim_condition

Action = Mapping[str, Mapping[str, object]]
"""An entry of DynamoDB's TransactItems: ``{"Delete": {"TableName": "orders", "Key": {...}}}``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request of one owner for one record; the same value is sent again when an answer is lost.

    Attributes:
        now: wall-clock time that conditions compare with.
        retention: retention of the record, in seconds.
        result: result to store with a completion, as JSON.
        actions: writes that take effect with a completion or not at all (DynamoDB's TransactItems).
        reason: reason of a parking, for operators.
        token: owner token that a redriven copy carries.
        stated: only that token connects the copy to this key. The release of such a claim parks the
            record for that token again, because the record still belongs to the copy.
    """

    record_id: str
    owner: Owner
    now: EpochMillis
    retention: Seconds
    result: str | None = None
    actions: tuple[Action, ...] = ()
    reason: str | None = None
    token: str | None = None
    stated: bool = False

    @property
    def expires_at(self) -> EpochSeconds:
        """The record's TTL, rounded up: the record must never expire early."""
        return EpochSeconds(seconds_after(self.now) + self.retention)

    @property
    def operands(self) -> Mapping[str, object]:
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
            # Rounded down: expiry is compared with a clock that does not run ahead.
            "now_seconds": self.now // 1000,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest(Request):
    """A request to claim a record.

    Attributes:
        takeover: whether a stale record may be claimed.
        redelivered: the source has delivered the message before, so a record probably exists.
        payload_hash: hash of the key's payload, if the payload is to be checked.
    """

    lease_expires_at: EpochMillis
    takeover: bool
    redelivered: bool = False
    payload_hash: str | None = None

    @property
    def operands(self) -> Mapping[str, object]:
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
        """The record's TTL, never before the lease ends: interrupted work must leave a trace."""
        lease_end = seconds_after(self.lease_expires_at)
        return EpochSeconds(max(lease_end, seconds_after(self.now) + self.retention))

    @property
    def condition(self) -> Or:
        """The condition of this claim."""
        return build_claim_condition(**self.kind)

    @property
    def kind(self) -> dict[str, bool]:
        """The arguments of `build_claim_condition`."""
        return {
            "takeover": self.takeover,
            "redriven": bool(self.token),
            "checked": self.payload_hash is not None,
            "stated": self.stated,
        }


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claim succeeded: the caller owns the record.

    Attributes:
        attempts: number of claims since the last release; more than one means a takeover.
        recovered: an earlier attempt of the same request succeeded, but its answer was lost.
    """

    owner: Owner
    attempts: int
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The key is completed, and its retention is not over."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class InProgress:
    """Another owner's lease is live."""

    lease_expires_at: EpochMillis


@dataclass(frozen=True, slots=True)
class Stale:
    """The owner's lease is over, and the request did not ask for a takeover."""

    attempts: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class Parked:
    """The record is parked for an operator; ``dead_lettered`` once its copy is known to be sent.

    Attributes:
        since: time of the first claim of the key, if the record existed before.
    """

    owner: Owner
    dead_lettered: bool = False
    since: EpochMillis | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Stray:
    """The record does not belong to the copy that states the key."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used for another payload."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The completion is written; see `Claimed` for ``recovered``."""

    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The claim is released: the record is deleted, or parked again for its copy."""


@dataclass(frozen=True, slots=True)
class LostLease:
    """The caller no longer owns the record, and nothing was written.

    Attributes:
        completed: whether another owner has completed the key.
        result: stored result of that completion, as JSON.
        payload_hash: payload hash of that completion.
    """

    completed: bool
    result: str | None = None
    payload_hash: str | None = None


ClaimOutcome = Claimed | Duplicate | InProgress | Stale | Parked | Mismatch | Stray
CompleteOutcome = Completed | LostLease
ReleaseOutcome = Released | LostLease
ParkOutcome = Parked | LostLease

ClaimAnswer = ClaimOutcome | StoreError
CompleteAnswer = CompleteOutcome | StoreError
ReleaseAnswer = ReleaseOutcome | StoreError
ParkAnswer = ParkOutcome | StoreError


PARALLEL_CALLS = 8
"""The number of parallel calls that a store makes for one method call."""


class ClaimStore(Protocol):
    """A table of records. The test suite in tests/contracts checks every implementation.

    Every method takes requests for different records and returns one answer for each, in order: an
    outcome, or the `StoreRefusedError` or `StoreUnavailableError` that prevented an outcome. A
    method makes no call that could last into the deadline's reserve, except the first call of a
    completion or release. Threads may call a method at the same time.
    """

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Sequence[ClaimAnswer]:
        """Claim each record for which the condition of its request holds."""

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[CompleteAnswer]:
        """Complete each record that the caller still owns; retry until the deadline.

        The actions of a request take effect together with its completion, or not at all.
        """

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ReleaseAnswer]:
        """Delete each record that the caller still owns; park it again if it belongs to a copy."""

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """Park each record that the caller still owns."""

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """Mark each record that was parked for this owner as dead-lettered."""
