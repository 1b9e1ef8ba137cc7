"""Doubles that keep the real rules: a store in memory and a clock that stands still.

    from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock

`InMemoryClaimStore` decides by the conditions of `idempotent_lambda.claims` themselves and
passes the same contract suite as the DynamoDB store.
"""

import threading
from collections.abc import Sequence

from idempotent_lambda import claims
from idempotent_lambda.claims import (
    ClaimAnswer,
    ClaimRequest,
    CompleteAnswer,
    Record,
    ReleaseAnswer,
    Request,
)
from idempotent_lambda.clock import Clock, Deadline, EpochMillis, Millis
from idempotent_lambda.conditions import holds
from idempotent_lambda.errors import StoreRefusedError

__all__ = ["InMemoryClaimStore", "ManualClock"]


class ManualClock(Clock):
    """A clock that moves only when told to, or when somebody sleeps."""

    def __init__(self, now: EpochMillis = EpochMillis(1_700_000_000_000)) -> None:  # noqa: B008  # a number
        self._now = now
        self._elapsed = Millis(0)

    def now(self) -> EpochMillis:
        """The wall clock."""
        return self._now

    def elapsed(self) -> Millis:
        """The monotonic clock."""
        return self._elapsed

    def sleep(self, duration: Millis) -> None:
        """Move on by ``duration`` at once."""
        self.advance(duration)

    def advance(self, duration: Millis) -> None:
        """Move both clocks forward."""
        self._elapsed = Millis(self._elapsed + duration)
        self._now = EpochMillis(self._now + duration)

    def step(self, correction: Millis) -> None:
        """Correct the wall clock alone, as a time server does."""
        self._now = EpochMillis(self._now + correction)


class InMemoryClaimStore:
    """Claims in a dictionary; safe for threads.

    Attributes:
        records: what is stored, by record id. Tests may read and change it.
    """

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._lock = threading.Lock()

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> list[ClaimAnswer]:
        """See `ClaimStore.claim`."""
        del deadline  # answers at once
        return [self._claim(request) for request in requests]

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> list[CompleteAnswer]:
        """See `ClaimStore.complete`."""
        del deadline
        return [self._complete(request) for request in requests]

    def release(self, requests: Sequence[Request], deadline: Deadline) -> list[ReleaseAnswer]:
        """See `ClaimStore.release`."""
        del deadline
        return [self._release(request) for request in requests]

    def _claim(self, request: ClaimRequest) -> ClaimAnswer:
        with self._lock:
            found = self.records.get(request.record_id)
            if holds(request.condition, found, request.operands):
                record = claims.claimed_record(found, request)
                self.records[record.id] = record
                return claims.Claimed(request.owner, record.attempts or 1)
            try:
                return claims.refused_claim(found, request)
            except StoreRefusedError as error:
                return error

    def _complete(self, request: Request) -> claims.CompleteOutcome:
        with self._lock:
            found = self.records.get(request.record_id)
            if found and holds(claims.OWNED, found, request.operands):
                self.records[found.id] = completed_record(found, request)
                return claims.Completed()
            return claims.refused_completion(found, request)

    def _release(self, request: Request) -> claims.ReleaseOutcome:
        with self._lock:
            found = self.records.get(request.record_id)
            if found and holds(claims.OWNED, found, request.operands):
                del self.records[found.id]
                return claims.Released()
            return claims.refused_release(found, request)


def completed_record(found: Record, request: Request) -> Record:
    """The record after a successful completion."""
    return Record(
        id=found.id,
        status=claims.Status.COMPLETED,
        owner=found.owner,
        expires_at=request.expires_at,
        created_at=found.created_at,
        completed_at=request.now,
    )
