"""Every `ClaimStore` keeps its promises for stored results and checked payloads.

Only decorated functions have them, and their requests go out alone.
"""

import json
from dataclasses import replace

import pytest

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Millis
from idempotent_lambda.protocol.claims import (
    Claimed,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Mismatch,
    Parked,
    Stale,
)
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.testing import ManualClock

from .conftest import ALONE, Engine, engines
from .worker import ID, LEASE, MINE, RETENTION, THEIRS, Worker, completed, in_progress, parked

pytestmark = pytest.mark.parametrize("engine", engines(ALONE), indirect=True)

LATER = EpochSeconds(ManualClock().now() // 1000 + 1)


class TestResult:
    """The results that duplicates get."""

    def test_kept(self, engine: Engine, mine: Worker, theirs: Worker, clock: ManualClock) -> None:
        """A completion with a result leaves a record with exactly these attributes."""
        mine.claim(payload="v1:a")
        assert mine.complete(result='{"id":7}') == Completed()
        assert engine.get(ID) == Record(
            id=ID,
            status="COMPLETED",
            owner=MINE,
            expires_at=EpochSeconds(clock.now() // 1000 + RETENTION),
            created_at=clock.now(),
            completed_at=clock.now(),
            payload_hash="v1:a",
            result='{"id":7}',
        )
        assert theirs.claim() == Duplicate('{"id":7}')

    @pytest.mark.parametrize(
        "value", [None, 0, False, "", [], {}, "'; --", "\u2028\ud800", ["x" * 1000] * 256]
    )
    def test_replayed(self, mine: Worker, theirs: Worker, value: object) -> None:
        """A result comes back as it was stored: falsy, strange or large."""
        mine.claim()
        mine.complete(result=json.dumps(value))
        outcome = theirs.claim()
        assert isinstance(outcome, Duplicate)
        assert outcome.result == json.dumps(value)

    def test_none_kept(self, mine: Worker, theirs: Worker) -> None:
        """Without a stored result duplicates get none."""
        mine.claim()
        mine.complete()
        assert theirs.claim() == Duplicate(None)

    def test_lost_answer(self, engine: Engine, mine: Worker) -> None:
        """A completion whose answer was lost recognises its own work, result included."""
        mine.claim()
        mine.complete(result="1")
        before = engine.get(ID)
        assert mine.complete(result="1") == Completed(recovered=True)
        assert engine.get(ID) == before

    def test_lost_lease(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A late owner's result is not stored."""
        engine.put(in_progress(clock))
        assert mine.complete(result="1") == LostLease(completed=False)
        assert engine.get(ID) == in_progress(clock)

    def test_completed_by_another(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A late owner learns which result the other one stored, and for which payload."""
        for found in ({"result": '"theirs"', "payload_hash": "v1:a"}, {"result": "null"}, {}):
            engine.put(completed(clock, expires_at=LATER, **found))
            assert mine.complete(result="1") == LostLease(completed=True, **found)

    def test_expired(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """Once the retention is over the key is claimed afresh, and no old result is left."""
        engine.put(completed(clock, result="1", payload_hash="v1:a"))
        assert mine.claim() == Claimed(MINE, attempts=1)
        record = engine.get(ID)
        assert record is not None
        assert (record.result, record.payload_hash) == (None, None)


class TestPayload:
    """One key, one payload."""

    def test_kept(self, engine: Engine, mine: Worker) -> None:
        """A claim writes down the payload of its key, and its completion keeps that."""
        mine.claim(payload="v1:a")
        for _ in range(2):
            record = engine.get(ID)
            assert record is not None
            assert record.payload_hash == "v1:a"
            mine.complete()

    @pytest.mark.parametrize("takeover", [True, False])
    def test_mismatch(
        self, engine: Engine, mine: Worker, clock: ManualClock, takeover: bool
    ) -> None:
        """A key with another payload is not claimed, taken over or replayed."""
        stale = in_progress(clock, payload_hash="v1:b")
        for record in (
            stale,
            replace(stale, lease_expires_at=EpochMillis(clock.now() + 1)),
            completed(clock, expires_at=LATER, payload_hash="v1:b", result="1"),
            parked(clock, payload_hash="v1:b"),
        ):
            engine.put(record)
            assert mine.claim(takeover=takeover, payload="v1:a") == Mismatch()
            assert engine.get(ID) == record

    def test_same(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """With the same payload everything is as it is without a check."""
        stale = in_progress(clock, payload_hash="v1:a", attempts=2)
        engine.put(replace(stale, lease_expires_at=EpochMillis(clock.now() + 1)))
        assert mine.claim(payload="v1:a") == InProgress(EpochMillis(clock.now() + 1))
        engine.put(completed(clock, expires_at=LATER, payload_hash="v1:a", result="1"))
        assert mine.claim(payload="v1:a") == Duplicate("1")
        engine.put(parked(clock, payload_hash="v1:a"))
        assert mine.claim(payload="v1:a") == Parked(THEIRS)
        engine.put(stale)
        assert mine.claim(takeover=False, payload="v1:a") == Stale(2, THEIRS)
        assert mine.claim(payload="v1:a") == Claimed(MINE, attempts=3)

    @pytest.mark.parametrize(
        ("theirs", "asked"), [(None, "v1:a"), ("v1:b", None)], ids=["not stored", "not asked"]
    )
    def test_missing(
        self,
        engine: Engine,
        mine: Worker,
        clock: ManualClock,
        theirs: str | None,
        asked: str | None,
    ) -> None:
        """Where one of the two has none, there is nothing that differs."""
        engine.put(completed(clock, expires_at=LATER, payload_hash=theirs))
        assert mine.claim(payload=asked) == Duplicate()
        engine.put(in_progress(clock, payload_hash=theirs))
        assert mine.claim(payload=asked) == Claimed(MINE, attempts=2)
        record = engine.get(ID)
        assert record is not None
        assert record.payload_hash == asked

    def test_expired(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """Once the retention is over the key may stand for something else."""
        engine.put(completed(clock, payload_hash="v1:b"))
        assert mine.claim(payload="v1:a") == Claimed(MINE, attempts=1)
        record = engine.get(ID)
        assert record is not None
        assert record.payload_hash == "v1:a"

    def test_own_claim(self, mine: Worker, clock: ManualClock) -> None:
        """A claim whose answer was lost knows its own record, whatever the time."""
        mine.claim(payload="v1:a")
        clock.advance(Millis(LEASE + 1))
        assert mine.claim(payload="v1:a", takeover=False) == Claimed(MINE, 1, recovered=True)
