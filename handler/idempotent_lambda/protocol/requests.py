"""The requests of an owner to the store: one value for every attempt."""

from collections.abc import Mapping
from dataclasses import dataclass

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds, seconds_after
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
