"""What an owner asks of a record: one value for every attempt to ask it."""

from collections.abc import Mapping
from dataclasses import dataclass

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds, seconds_after
from idempotent_lambda.protocol.conditions import Or
from idempotent_lambda.protocol.record import Owner, Status, build_claim_condition

Action = Mapping[str, Mapping[str, object]]
"""One of DynamoDB's TransactItems: ``{"Delete": {"TableName": "orders", "Key": {...}}}``."""


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
    actions: tuple[Action, ...] = ()
    reason: str | None = None
    token: str | None = None
    stated: bool = False

    @property
    def expires_at(self) -> EpochSeconds:
        """The record's TTL, rounded up: expiry must never come early."""
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
            # Rounded down: what expires is compared with a clock that does not run ahead.
            "now_seconds": self.now // 1000,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest(Request):
    """One claim.

    Attributes:
        takeover: whether a stale record may be claimed.
        redelivered: the source has handed the message out before, so it probably has a record.
        payload_hash: what the key stands for, if that is to be checked.
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
        """Outlives the lease too: TTL must not erase the evidence of interrupted work."""
        lease_end = seconds_after(self.lease_expires_at)
        return EpochSeconds(max(lease_end, seconds_after(self.now) + self.retention))

    @property
    def condition(self) -> Or:
        """What must hold of the record."""
        return build_claim_condition(**self.kind)

    @property
    def kind(self) -> dict[str, bool]:
        """What the condition depends on."""
        return {
            "takeover": self.takeover,
            "redriven": bool(self.token),
            "checked": self.payload_hash is not None,
            "stated": self.stated,
        }
