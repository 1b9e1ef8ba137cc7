"""The record of one key, and who may change it when.

Each condition is written here once and nowhere else; docs/protocol.md says why each is there.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NewType

from idempotent_lambda.clock import EpochMillis, EpochSeconds
from idempotent_lambda.protocol.conditions import And, Compare, Condition, Contains, Missing, Or

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


IS_EXPIRED = And((Compare("status", "=", "completed"), Compare("expires_at", "<=", "now_seconds")))
"""Completed, and the retention is over. Until TTL deletes it the record is still there."""

_OVER = (Compare("status", "=", "in_progress"), Compare("lease_expires_at", "<=", "now_millis"))

IS_STALE = And((*_OVER, Missing("unlocked_by")))
"""Its owner was interrupted, or could not confirm its completion."""

IS_REDRIVEN = And((Compare("status", "=", "parked"), Compare("owner", "=", "token")))
"""Parked, and the claimant has the copy that was sent away then: each copy unlocks once."""

IS_KNOWN_COPY = Contains("copy_tokens", "token")
"""It was parked, and a copy with the claimant's token has unlocked it since."""

IS_RESOLVED = And((Compare("status", "=", "completed"), Compare("owner", "=", "token")))
"""An operator has completed it while it was parked. A copy may be left over."""

IS_OVER_FOR_COPY = And(
    (*_OVER, Or((Missing("unlocked_by"), Compare("unlocked_by", "=", "token")))),
)
"""The same for a copy that states its key: not while it belongs to a newer one, which was sent when
it was parked again."""

HAS_SAME_PAYLOAD = Or((Missing("payload_hash"), Compare("payload_hash", "=", "payload_hash")))
"""Nothing says that the key stood for something else before."""

IS_FREE = Or((Missing("id"), IS_EXPIRED))
"""Nobody's: may be claimed at once."""


@cache
def build_claim_condition(
    *, takeover: bool, redriven: bool, checked: bool, stated: bool = False
) -> Or:
    """Return what must hold of a record to be claimed: it is free, or as one of these allows.

    Args:
        takeover: the record may be stale.
        redriven: the claimant carries a token.
        checked: the claimant has a payload hash.
        stated: only that token says that this is the key, so the record must belong to the copy.
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
"""The owner of a record whose owner cannot be read: a condition on it holds for no record."""

IS_OWNED = And((Compare("owner", "=", "owner"), Compare("status", "=", "in_progress")))
"""Still the owner's: may be completed, released or parked."""

IS_PARKED_BY_OWNER = And((Compare("owner", "=", "owner"), Compare("status", "=", "parked")))
"""Parked when it was this owner's."""
