"""One owner at work on one key, and the records that it may come upon."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Millis, Seconds
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.record import Owner, Record, Status
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of

if TYPE_CHECKING:
    from .conftest import Engine

ID = "orders#42"
MINE = Owner("mine")
THEIRS = Owner("theirs")
LEASE = Millis(30_000)
RETENTION = Seconds(3_600)


class Worker:
    """One owner token at work on one key."""

    def __init__(
        self, engine: "Engine", clock: ManualClock, owner: Owner, record_id: str = ID
    ) -> None:
        self.engine, self.clock, self.owner, self.record_id = engine, clock, owner, record_id
        self.deadline = Deadline.from_remaining(clock, Millis(60_000))

    def request(self, **more: Any) -> Request:
        return Request(
            record_id=self.record_id,
            owner=self.owner,
            now=self.clock.now(),
            retention=RETENTION,
            **more,
        )

    def claim(
        self,
        *,
        takeover: bool = True,
        lease: int = LEASE,
        token: str | None = None,
        payload: str | None = None,
        stated: bool = False,
    ) -> Any:
        lease_end = EpochMillis(self.clock.now() + lease)
        request = claim_of(self.request(), lease_expires_at=lease_end, takeover=takeover)
        request = replace(request, token=token, payload_hash=payload, stated=stated)
        (outcome,) = self.engine.store.claim([request], self.deadline)
        return outcome

    def complete(self, **more: Any) -> Any:
        (outcome,) = self.engine.store.complete([self.request(**more)], self.deadline)
        return outcome

    def release(self, **more: Any) -> Any:
        (outcome,) = self.engine.store.release([self.request(**more)], self.deadline)
        return outcome

    def park(self, reason: str = "why") -> Any:
        (outcome,) = self.engine.store.park([self.request(reason=reason)], self.deadline)
        return outcome

    def mark(self) -> Any:
        (outcome,) = self.engine.store.mark([self.request()], self.deadline)
        return outcome


def in_progress(clock: ManualClock, **changes: object) -> Record:
    """A record of theirs, its lease ending now, claimed once."""
    record = Record(
        id=ID,
        status=Status.IN_PROGRESS.value,
        owner=THEIRS,
        lease_expires_at=clock.now(),
        expires_at=EpochSeconds(clock.now() // 1000 + RETENTION),
        created_at=EpochMillis(clock.now() - 1),
        attempts=1,
    )
    return replace(record, **changes)


def completed(clock: ManualClock, **changes: object) -> Record:
    """A record that they have completed, expiring now."""
    record = Record(
        id=ID,
        status=Status.COMPLETED.value,
        owner=THEIRS,
        expires_at=EpochSeconds(clock.now() // 1000),
        created_at=EpochMillis(clock.now() - 2),
        completed_at=EpochMillis(clock.now() - 1),
    )
    return replace(record, **changes)


def parked(clock: ManualClock, **changes: object) -> Record:
    """A record that was theirs when it was parked; its copy is not known to be sent."""
    record = Record(
        id=ID,
        status=Status.PARKED.value,
        owner=THEIRS,
        created_at=EpochMillis(clock.now() - 2),
        reason="no such card",
    )
    return replace(record, **changes)
