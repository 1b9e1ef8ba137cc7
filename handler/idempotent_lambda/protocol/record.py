"""The record of one key, and the conditions under which it may change.

Each condition is written only here; docs/protocol.md gives the reason for each.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NewType

from idempotent_lambda.clock import EpochMillis, EpochSeconds
from idempotent_lambda.protocol.conditions import And, Compare, Condition, Contains, Missing, Or

Owner = NewType("Owner", str)
"""The random id of one claim, the same for every retry of that claim."""


class Status(StrEnum):
    """The status of a record. Any other status is from a newer version, and is never claimed."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one key.

    A record from a table may lack any attribute. An unreadable attribute keeps a value of another
    type: no comparison with that value is true, see `conditions.evaluate`.

    Attributes:
        id: namespace and key.
        lease_expires_at: end of the lease, which excludes others; None once completed or parked.
        expires_at: TTL attribute. DynamoDB deletes days late, so nothing trusts it alone. None
            while parked: an operator decides when the parking ends.
        attempts: number of claims since the last release; removed on completion and parking.
        payload_hash: versioned hash of the key's payload; only with a payload check.
        result: result for duplicates, as JSON; only where results are stored.
        reason: reason of the parking, for operators.
        dead_lettered_at: time since which the copy is in the dead-letter queue.
        unlocked_by: owner token of the redriven copy that claimed the record by the stated key.
            That copy is delivered again until it is settled; no other message continues its work.
        copy_tokens: owner tokens of all copies, past and present, that claimed the record this way.
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


IS_EXPIRED = And((Compare("status", "=", "completed"), Compare("expires_at", "<=", "now_seconds")))
"""The record is completed and its retention is over. It exists until TTL deletes it."""

_OVER = (Compare("status", "=", "in_progress"), Compare("lease_expires_at", "<=", "now_millis"))

IS_STALE = And((*_OVER, Missing("unlocked_by")))
"""The owner was interrupted, or could not confirm its completion."""

IS_REDRIVEN = And((Compare("status", "=", "parked"), Compare("owner", "=", "token")))
"""The record is parked, and the claimant is the copy that was sent then. Each copy unlocks once."""

IS_KNOWN_COPY = Contains("copy_tokens", "token")
"""The record was parked, and a copy with the claimant's token has unlocked it since."""

IS_RESOLVED = And((Compare("status", "=", "completed"), Compare("owner", "=", "token")))
"""An operator completed the record while it was parked. A copy may be left."""

IS_OVER_FOR_COPY = And(
    (*_OVER, Or((Missing("unlocked_by"), Compare("unlocked_by", "=", "token")))),
)
"""The claim is stale for a copy that states the key: the record does not belong to a newer copy,
which was sent when the record was parked again."""

HAS_SAME_PAYLOAD = Or((Missing("payload_hash"), Compare("payload_hash", "=", "payload_hash")))
"""Nothing shows that the key was used for another payload before."""

IS_FREE = Or((Missing("id"), IS_EXPIRED))
"""No owner holds the record: it may be claimed at once."""


@cache
def build_claim_condition(
    *, takeover: bool, redriven: bool, checked: bool, stated: bool = False
) -> Or:
    """Return the condition of a claim: the record is free, or one of the arguments allows it.

    Args:
        takeover: the record may be stale.
        redriven: the claimant carries an owner token.
        checked: the claimant has a payload hash.
        stated: only that token connects the claimant to the key: the record must belong to the
            copy.
    """
    if stated:
        again: list[Condition] = [IS_EXPIRED]
        if takeover:
            again.append(IS_OVER_FOR_COPY)
        return Or((IS_REDRIVEN, And((IS_KNOWN_COPY, Or(tuple(again))))))
    parts = [*IS_FREE.parts]
    if takeover:
        parts.append(And((IS_STALE, HAS_SAME_PAYLOAD)) if checked else IS_STALE)
    if redriven:
        parts.append(IS_REDRIVEN)
    return Or(tuple(parts))


UNREADABLE = Owner("unreadable")
"""The owner of a record whose owner cannot be read: no record meets a condition on it."""

IS_OWNED = And((Compare("owner", "=", "owner"), Compare("status", "=", "in_progress")))
"""The owner still holds the record, and may complete, release or park it."""

IS_PARKED_BY_OWNER = And((Compare("owner", "=", "owner"), Compare("status", "=", "parked")))
"""The record was parked while this owner held it."""
