"""Every `ClaimStore` keeps its promises for one request, on every engine, alone and in a group."""

import pytest

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Millis
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.claims import (
    Claimed,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Released,
    Stale,
)
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.testing import ManualClock

from .conftest import Engine
from .worker import ID, LEASE, MINE, RETENTION, THEIRS, Worker, completed, in_progress


class TestClaim:
    """Taking a record."""

    def test_absent(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """The first claim of a key writes a record with exactly these attributes."""
        assert mine.claim() == Claimed(MINE, attempts=1)
        assert engine.get(ID) == Record(
            id=ID,
            status="IN_PROGRESS",
            owner=MINE,
            lease_expires_at=EpochMillis(clock.now() + LEASE),
            expires_at=EpochSeconds(clock.now() // 1000 + RETENTION),
            created_at=clock.now(),
            attempts=1,
        )

    def test_ttl_outlives_a_long_lease(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """A lease beyond the retention keeps its record until it ends, rounded up."""
        mine.claim(lease=RETENTION * 1000 + 1)
        record = engine.get(ID)
        assert record is not None
        assert record.expires_at == clock.now() // 1000 + RETENTION + 1

    @pytest.mark.parametrize("takeover", [True, False])
    def test_busy(self, mine: Worker, theirs: Worker, clock: ManualClock, takeover: bool) -> None:
        """A live lease excludes others to its last millisecond, and says until when."""
        theirs.claim()
        end = EpochMillis(clock.now() + LEASE)
        clock.advance(Millis(LEASE - 1))
        assert mine.claim(takeover=takeover) == InProgress(end)

    @pytest.mark.parametrize("takeover", [True, False])
    def test_own_claim(self, engine: Engine, mine: Worker, takeover: bool) -> None:
        """A claim whose answer was lost meets its own record and is not a duplicate of itself."""
        mine.claim(takeover=takeover)
        before = engine.get(ID)
        assert mine.claim(takeover=takeover) == Claimed(MINE, attempts=1, recovered=True)
        assert engine.get(ID) == before

    @pytest.mark.parametrize("takeover", [True, False])
    def test_duplicate(
        self, engine: Engine, mine: Worker, clock: ManualClock, takeover: bool
    ) -> None:
        """A completed record suppresses duplicates until its last second, and is not touched."""
        record = completed(clock, expires_at=EpochSeconds(clock.now() // 1000 + 1))
        engine.put(record)
        clock.advance(Millis(999))
        assert mine.claim(takeover=takeover) == Duplicate()
        assert engine.get(ID) == record

    @pytest.mark.parametrize("takeover", [True, False])
    def test_expired(
        self, engine: Engine, mine: Worker, clock: ManualClock, takeover: bool
    ) -> None:
        """A completed record past its retention is claimed afresh though TTL has not deleted it."""
        engine.put(completed(clock))
        assert mine.claim(takeover=takeover) == Claimed(MINE, attempts=1)
        record = engine.get(ID)
        assert record is not None
        assert (record.status, record.completed_at) == ("IN_PROGRESS", None)

    def test_stale_is_told_apart(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """Without takeover a stale record is left alone, and its attempts are returned."""
        engine.put(in_progress(clock, attempts=3))
        assert mine.claim(takeover=False) == Stale(attempts=3, owner=THEIRS)
        assert engine.get(ID) == in_progress(clock, attempts=3)

    def test_takeover(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A takeover counts one attempt more and keeps when the record was made."""
        engine.put(in_progress(clock, attempts=3))
        assert mine.claim() == Claimed(MINE, attempts=4)
        record = engine.get(ID)
        assert record is not None
        assert (record.owner, record.created_at) == (MINE, clock.now() - 1)
        assert record.lease_expires_at == clock.now() + LEASE

    def test_own_takeover(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A takeover whose answer was lost is recognised as a takeover."""
        engine.put(in_progress(clock))
        mine.claim()
        assert mine.claim() == Claimed(MINE, attempts=2, recovered=True)

    def test_ttl_does_not_free_a_live_claim(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """An expiry in the past never overrides a lease that is live."""
        end = EpochMillis(clock.now() + 1)
        engine.put(in_progress(clock, lease_expires_at=end, expires_at=EpochSeconds(1)))
        assert mine.claim() == InProgress(end)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"status": "DELETED"}, "UnknownRecord"),
            ({"status": "later"}, "UnknownRecord"),
            ({"lease_expires_at": None}, "DamagedRecord"),
        ],
    )
    def test_unknown_record(
        self,
        engine: Engine,
        mine: Worker,
        clock: ManualClock,
        changes: dict[str, object],
        code: str,
    ) -> None:
        """A record this version cannot judge is neither claimed nor called a duplicate."""
        engine.put(in_progress(clock, **changes))
        refusal = mine.claim()
        assert isinstance(refusal, StoreRefusedError)
        assert (refusal.code, refusal.maybe_written) == (code, False)
        assert engine.get(ID) == in_progress(clock, **changes)


class TestComplete:
    """Confirming an effect."""

    def test_own(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A completion leaves a record with exactly these attributes, expiry counted from now."""
        made = clock.now()
        mine.claim()
        clock.advance(Millis(1_500))
        assert mine.complete() == Completed()
        assert engine.get(ID) == Record(
            id=ID,
            status="COMPLETED",
            owner=MINE,
            expires_at=EpochSeconds(made // 1000 + 2 + RETENTION),
            created_at=made,
            completed_at=clock.now(),
        )

    def test_lost_answer(self, engine: Engine, mine: Worker) -> None:
        """A completion whose answer was lost recognises its own work and changes nothing."""
        mine.claim()
        mine.complete()
        before = engine.get(ID)
        assert mine.complete() == Completed(recovered=True)
        assert engine.get(ID) == before

    def test_taken_over(
        self, engine: Engine, mine: Worker, theirs: Worker, clock: ManualClock
    ) -> None:
        """A late owner does not complete the record of the next one."""
        mine.claim()
        clock.advance(LEASE)
        theirs.claim()
        before = engine.get(ID)
        assert mine.complete() == LostLease(completed=False)
        assert engine.get(ID) == before

    def test_completed_by_another(
        self, engine: Engine, mine: Worker, theirs: Worker, clock: ManualClock
    ) -> None:
        """A late owner learns that the key is completed, and by whom stays as it is."""
        mine.claim()
        clock.advance(LEASE)
        theirs.claim()
        theirs.complete()
        before = engine.get(ID)
        assert mine.complete() == LostLease(completed=True)
        assert engine.get(ID) == before

    def test_late_but_untouched(self, mine: Worker, clock: ManualClock) -> None:
        """An owner whose lease is over still completes while nobody has taken over."""
        mine.claim()
        clock.advance(Millis(LEASE + 1))
        assert mine.complete() == Completed()

    def test_absent(self, engine: Engine, mine: Worker) -> None:
        """A completion never makes a record: a missing record did not belong to this owner."""
        assert mine.complete() == LostLease(completed=False)
        assert engine.get(ID) is None


class TestRelease:
    """Giving a record back."""

    def test_own(self, engine: Engine, mine: Worker) -> None:
        """A release removes the record, and the next claim is a first one."""
        mine.claim()
        assert mine.release() == Released()
        assert engine.get(ID) is None
        assert mine.claim() == Claimed(MINE, attempts=1)

    def test_lost_answer(self, mine: Worker) -> None:
        """A release whose answer was lost finds the record gone, and that is what it wanted."""
        mine.claim()
        mine.release()
        assert mine.release() == Released()

    def test_of_another_owner(self, engine: Engine, mine: Worker, theirs: Worker) -> None:
        """A repeated release never deletes the next owner's claim."""
        mine.claim()
        mine.release()
        theirs.claim()
        before = engine.get(ID)
        assert mine.release() == LostLease(completed=False)
        assert engine.get(ID) == before

    def test_of_a_completed_record(self, engine: Engine, mine: Worker) -> None:
        """A release never deletes a completed record, not even the owner's own."""
        mine.claim()
        mine.complete()
        before = engine.get(ID)
        assert mine.release() == LostLease(completed=True)
        assert engine.get(ID) == before
