"""Every `ClaimStore` keeps its promises for parked records, alone and in a group."""

from dataclasses import replace

import pytest

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Millis
from idempotent_lambda.protocol.claims import (
    Claimed,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Parked,
    Released,
    Stale,
    Stray,
)
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda_toolkit.testing import ManualClock

from .conftest import Engine
from .worker import ID, LEASE, MINE, RETENTION, THEIRS, Worker, completed, in_progress, parked

pytestmark = pytest.mark.slow


class TestPark:
    """Setting a record aside."""

    def test_own(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A parking leaves a record with exactly these attributes: nothing of it ever ends."""
        made = clock.now()
        mine.claim()
        clock.advance(Millis(10))
        assert mine.park("no such card") == Parked(MINE, dead_lettered=False)
        assert engine.get(ID) == Record(
            id=ID, status="PARKED", owner=MINE, created_at=made, reason="no such card"
        )

    def test_interrupted(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A stale claim is parked by the name of the owner that was seen."""
        engine.put(in_progress(clock, attempts=3))
        seen = mine.claim(takeover=False)
        assert seen == Stale(3, THEIRS)
        finder = Worker(engine, clock, seen.owner)
        assert finder.park() == Parked(THEIRS)
        record = engine.get(ID)
        assert record == parked(clock, created_at=EpochMillis(clock.now() - 1), reason="why")

    def test_keeps_what_the_key_stands_for(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """A parked record still says for which payload it was claimed."""
        engine.put(in_progress(clock, owner=MINE, payload_hash="v1:a"))
        mine.park()
        record = engine.get(ID)
        assert record is not None
        assert record.payload_hash == "v1:a"

    def test_a_stray_mark(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A mark that a record in progress has by mistake does not count as its copy's mark."""
        engine.put(in_progress(clock, owner=MINE, dead_lettered_at=EpochMillis(7)))
        assert mine.park() == Parked(MINE, dead_lettered=False)
        record = engine.get(ID)
        assert record is not None
        assert record.dead_lettered_at is None

    @pytest.mark.parametrize("marked", [None, EpochMillis(7)])
    def test_again(
        self, engine: Engine, mine: Worker, clock: ManualClock, marked: EpochMillis | None
    ) -> None:
        """A parking that was done before, its answer lost, is done; also if its copy is sent."""
        before = parked(clock, owner=MINE, dead_lettered_at=marked)
        engine.put(before)
        assert mine.park() == Parked(MINE, dead_lettered=marked is not None)
        assert engine.get(ID) == before

    def test_lost(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A record that somebody else has claimed, parked or released is not this owner's."""
        assert mine.park() == LostLease(completed=False)
        assert engine.get(ID) is None
        for theirs in (in_progress(clock), parked(clock)):
            engine.put(theirs)
            assert mine.park() == LostLease(completed=False)
            assert engine.get(ID) == theirs

    @pytest.mark.parametrize("owner", [MINE, THEIRS])
    def test_completed(
        self, engine: Engine, mine: Worker, clock: ManualClock, owner: Owner
    ) -> None:
        """A record that is completed in the meantime, even by a late owner, is not parked."""
        before = completed(clock, owner=owner)
        engine.put(before)
        assert mine.park() == LostLease(completed=True)
        assert engine.get(ID) == before

    def test_a_late_owner_does_not_undo_it(
        self, engine: Engine, mine: Worker, theirs: Worker, clock: ManualClock
    ) -> None:
        """An owner that ends after its record was set aside neither completes nor releases it."""
        theirs.claim()
        clock.advance(LEASE)
        Worker(engine, clock, THEIRS).park()
        before = engine.get(ID)
        assert theirs.complete() == LostLease(completed=False)
        assert theirs.release() == LostLease(completed=False)
        assert mine.complete() == LostLease(completed=False)
        assert engine.get(ID) == before


class TestMark:
    """Noting that the copy is sent."""

    def test_parked(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """The note is a moment, and changes nothing else."""
        engine.put(parked(clock, owner=MINE))
        clock.advance(Millis(10))
        before = engine.get(ID)
        assert before is not None
        assert mine.mark() == Parked(MINE, dead_lettered=True)
        assert engine.get(ID) == replace(before, dead_lettered_at=clock.now())
        assert mine.claim() == Parked(MINE, dead_lettered=True)

    def test_again(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """Two workers that have both sent a copy both may note it."""
        engine.put(parked(clock, owner=MINE))
        assert mine.mark() == mine.mark() == Parked(MINE, dead_lettered=True)

    def test_lost(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A record that is gone, not parked, or parked by another claim is not marked."""
        assert mine.mark() == LostLease(completed=False)
        assert engine.get(ID) is None
        for record in (parked(clock), in_progress(clock, owner=MINE)):
            engine.put(record)
            assert mine.mark() == LostLease(completed=False)
            assert engine.get(ID) == record

    def test_completed(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """Of a record whose copy was redriven and completed, that is said."""
        engine.put(completed(clock))
        assert mine.mark() == LostLease(completed=True)
        assert engine.get(ID) == completed(clock)


class TestClaim:
    """Claiming what is set aside."""

    @pytest.mark.parametrize("token", [None, "stale", MINE])
    @pytest.mark.parametrize("marked", [None, EpochMillis(7)])
    def test_locked(
        self,
        engine: Engine,
        mine: Worker,
        clock: ManualClock,
        token: str | None,
        marked: EpochMillis | None,
    ) -> None:
        """Without its copy's token a parked record stays as it is, however old it is."""
        before = parked(clock, dead_lettered_at=marked)
        engine.put(before)
        clock.step(Millis(10 * RETENTION * 1000))
        for takeover in (True, False):
            outcome = mine.claim(takeover=takeover, token=token)
            assert outcome == Parked(THEIRS, dead_lettered=marked is not None)
            assert engine.get(ID) == before

    @pytest.mark.parametrize("takeover", [True, False])
    @pytest.mark.parametrize("marked", [None, EpochMillis(7)])
    def test_unlocked(
        self,
        engine: Engine,
        mine: Worker,
        clock: ManualClock,
        takeover: bool,
        marked: EpochMillis | None,
    ) -> None:
        """With the token it is claimed afresh, and nothing of the parking is left in it."""
        engine.put(parked(clock, dead_lettered_at=marked, payload_hash="v1:a", result="1"))
        assert mine.claim(takeover=takeover, token=THEIRS) == Claimed(MINE, attempts=1)
        assert engine.get(ID) == Record(
            id=ID,
            status="IN_PROGRESS",
            owner=MINE,
            lease_expires_at=EpochMillis(clock.now() + LEASE),
            expires_at=EpochSeconds(clock.now() // 1000 + RETENTION),
            created_at=EpochMillis(clock.now() - 2),
            attempts=1,
        )
        assert mine.complete() == Completed()

    def test_unlocked_and_the_answer_lost(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """A claim that unlocked a record and did not hear of it knows its own record."""
        engine.put(parked(clock))
        mine.claim(token=THEIRS)
        assert mine.claim(token=THEIRS) == Claimed(MINE, attempts=1, recovered=True)

    def test_each_copy_unlocks_once(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A copy that is redriven twice meets a claim, or the parking that came of it."""
        engine.put(parked(clock))
        second = Worker(engine, clock, Owner("second"))
        mine.claim(token=THEIRS)
        assert second.claim(token=THEIRS) == InProgress(EpochMillis(clock.now() + LEASE))
        mine.park()
        assert second.claim(token=THEIRS) == Parked(MINE)
        assert second.claim(token=MINE) == Claimed(Owner("second"), attempts=1)

    def test_a_token_unlocks_nothing_else(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """A token does not unlock a live claim of the token's owner, or a completion."""
        end = EpochMillis(clock.now() + 1)
        engine.put(in_progress(clock, lease_expires_at=end))
        assert mine.claim(token=THEIRS) == InProgress(end)

    def test_absent(self, mine: Worker) -> None:
        """A copy whose record is gone is claimed like any message."""
        assert mine.claim(token=THEIRS) == Claimed(MINE, attempts=1)


class TestStated:
    """Copies that only state their key: their token alone says that the record is theirs."""

    def unlocked(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A record that my copy has unlocked, and that is in progress."""
        engine.put(parked(clock, dead_lettered_at=EpochMillis(7)))
        assert mine.claim(token=THEIRS, stated=True) == Claimed(MINE, attempts=1)

    def test_unlocked(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """The claim of a parked record keeps the token of the copy."""
        self.unlocked(engine, mine, clock)
        record = engine.get(ID)
        assert record is not None
        assert (record.unlocked_by, record.copy_tokens) == (THEIRS, frozenset({THEIRS}))
        assert (record.status, record.dead_lettered_at) == ("IN_PROGRESS", None)
        assert mine.claim(token=THEIRS, stated=True) == Claimed(MINE, attempts=1, recovered=True)

    @pytest.mark.parametrize("status", ["absent", "parked", "in progress", "stale", "completed"])
    def test_stray(self, engine: Engine, mine: Worker, clock: ManualClock, status: str) -> None:
        """A copy gets nothing from another record, whatever its status."""
        found = {
            "absent": None,
            "parked": parked(clock, owner=Owner("other")),
            "in progress": in_progress(clock, lease_expires_at=EpochMillis(clock.now() + 1)),
            "stale": in_progress(clock),
            "completed": completed(clock, owner=Owner("other")),
        }[status]
        if found:
            engine.put(found)
        for takeover in (True, False):
            assert mine.claim(token=THEIRS, stated=True, takeover=takeover) == Stray()
            assert engine.get(ID) == found

    def test_delivered_again(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """The same copy meets its own claim, takes it over when that is stale, and its end."""
        self.unlocked(engine, mine, clock)
        again = Worker(engine, clock, Owner("again"))
        end = EpochMillis(clock.now() + LEASE)
        assert again.claim(token=THEIRS, stated=True) == InProgress(end)
        clock.advance(LEASE)
        assert again.claim(token=THEIRS, stated=True, takeover=False) == Stale(1, MINE)
        assert again.claim(token=THEIRS, stated=True) == Claimed(Owner("again"), attempts=2)
        assert again.complete() == Completed()
        assert mine.claim(token=THEIRS, stated=True) == Duplicate()

    def test_others_leave_it(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """No other message and no older copy takes over what a copy has unlocked."""
        self.unlocked(engine, mine, clock)
        mine.park()
        newer = Worker(engine, clock, Owner("newer"))
        assert newer.claim(token=MINE, stated=True) == Claimed(Owner("newer"), attempts=1)
        clock.advance(LEASE)
        other = Worker(engine, clock, Owner("other"))
        before = engine.get(ID)
        assert before is not None
        assert before.copy_tokens == frozenset({MINE, THEIRS})
        for ask in ({}, {"token": THEIRS, "stated": True}, {"takeover": False}):
            outcome = other.claim(**ask)  # type: ignore[arg-type]  # arguments by name
            assert outcome == Parked(Owner("newer"), dead_lettered=True)
            assert engine.get(ID) == before

    def test_released(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A release parks it for the same copy again, also if its answer was lost."""
        self.unlocked(engine, mine, clock)
        for _ in range(2):
            assert mine.release(token=THEIRS, stated=True, reason="given back") == Released()
            record = engine.get(ID)
            assert record is not None
            assert (record.status, record.owner, record.reason) == ("PARKED", THEIRS, "given back")
            assert record.dead_lettered_at == clock.now()
            assert (record.lease_expires_at, record.expires_at, record.attempts) == (None,) * 3
        assert mine.claim(token=THEIRS, stated=True) == Claimed(MINE, attempts=1)

    def test_released_late(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """An owner that has lost its lease parks nothing."""
        self.unlocked(engine, mine, clock)
        clock.advance(LEASE)
        again = Worker(engine, clock, Owner("again"))
        again.claim(token=THEIRS, stated=True)
        before = engine.get(ID)
        late = mine.release(token=THEIRS, stated=True, reason="given back")
        assert late == LostLease(completed=False)
        assert engine.get(ID) == before

    def test_resolved(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """A copy that is left over when an operator has completed its record is a duplicate."""
        later = EpochSeconds(clock.now() // 1000 + 60)
        engine.put(completed(clock, expires_at=later))
        assert mine.claim(token=THEIRS, stated=True) == Duplicate()
