"""Every `ClaimStore` keeps its promises for side effects that are committed with a completion.

Owner tokens are random here: they are also the tokens of the transactions, which an engine
remembers for ten minutes and for all tables.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.claims import Claimed, Completed, LostLease, Released
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of

from .conftest import Engine, counted, engines, first
from .worker import ID, LEASE, Worker, completed, in_progress, parked

pytestmark = pytest.mark.slow


def worker(engine: Engine, clock: ManualClock, record_id: str = ID) -> Worker:
    """A worker like no other."""
    return Worker(engine, clock, Owner(secrets.token_hex(16)), record_id)


@pytest.fixture
def mine(engine: Engine, clock: ManualClock) -> Worker:
    """The worker under test."""
    return worker(engine, clock)


@pytest.fixture
def theirs(engine: Engine, clock: ManualClock) -> Worker:
    """Another worker on the same key."""
    return worker(engine, clock)


def done(engine: Engine, clock: ManualClock, action: Mapping[str, Any]) -> None:
    """Let it take effect for another key."""
    other = worker(engine, clock, "orders#other")
    other.claim()
    assert other.complete(actions=(action,)) == Completed()


def own(mine: Worker) -> Record:
    """The record of this worker."""
    record = mine.engine.get(ID)
    assert record is not None
    assert record.owner == mine.owner
    return record


class TestCommit:
    """All of it, or nothing."""

    def test_all(self, engine: Engine, mine: Worker, clock: ManualClock) -> None:
        """The effects take place, and the record is as after any other completion."""
        mine.claim()
        actions = (counted(engine, "a"), first(engine, "b"))
        assert mine.complete(actions=actions) == Completed()
        assert (engine.count("a"), engine.count("b")) == (1, 1)
        committed = own(mine)
        engine.put(in_progress(clock, owner=mine.owner, created_at=clock.now()))
        mine.complete()
        assert own(mine) == committed

    def test_none_without_the_record(self, engine: Engine, mine: Worker) -> None:
        """Where the claim is gone nothing takes effect."""
        assert mine.complete(actions=(counted(engine, "a"),)) == LostLease(completed=False)
        assert engine.count("a") == 0
        assert engine.get(ID) is None

    def test_none_for_a_late_owner(
        self, engine: Engine, mine: Worker, theirs: Worker, clock: ManualClock
    ) -> None:
        """Of two owners the late one's effects do not take place; the other's do."""
        mine.claim()
        clock.advance(LEASE)
        theirs.claim()
        assert mine.complete(actions=(counted(engine, "a"),)) == LostLease(completed=False)
        assert engine.count("a") == 0
        assert theirs.complete(actions=(counted(engine, "a"),)) == Completed()
        assert mine.complete(actions=(counted(engine, "a"),)) == LostLease(completed=True)
        assert engine.count("a") == 1

    def test_none_where_it_is_parked(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """The actions of a parked record do not take effect while it waits for an operator."""
        engine.put(parked(clock, owner=mine.owner))
        assert mine.complete(actions=(counted(engine, "a"),)) == LostLease(completed=False)
        assert engine.count("a") == 0

    def test_sent_again(self, engine: Engine, mine: Worker) -> None:
        """A commit whose answer was lost is done, and has no second effect."""
        mine.claim()
        request = mine.request(actions=(counted(engine, "a"),))
        for _ in range(3):
            (outcome,) = engine.store.complete([request], mine.deadline)
            assert isinstance(outcome, Completed)
        assert engine.count("a") == 1


class TestTheProcessorsConditions:
    """A condition of the processor's actions fails."""

    @pytest.fixture(autouse=True)
    def _once(self, engine: Engine, clock: ManualClock) -> None:
        done(engine, clock, first(engine, "once"))

    def test_nothing_is_written(self, engine: Engine, mine: Worker) -> None:
        """Neither its effects nor the completion take place, and the claim can be given back."""
        mine.claim()
        before = own(mine)
        refusal = mine.complete(actions=(counted(engine, "a"), first(engine, "once")))
        assert isinstance(refusal, StoreRefusedError)
        assert (refusal.code, refusal.maybe_written) == ("TransactionCanceled", False)
        assert (engine.count("a"), engine.count("once")) == (0, 1)
        assert own(mine) == before
        assert mine.release() == Released()

    @pytest.mark.parametrize("own", [True, False])
    def test_a_completion_is_read_first(
        self, engine: Engine, mine: Worker, clock: ManualClock, own: bool
    ) -> None:
        """A completed key is a completed key, also where the processor's conditions fail too."""
        engine.put(completed(clock, owner=mine.owner if own else Owner("theirs")))
        outcome = mine.complete(actions=(counted(engine, "a"), first(engine, "once")))
        assert outcome == (Completed(recovered=True) if own else LostLease(completed=True))
        assert engine.count("a") == 0

    def test_a_lost_lease_is_read_first(
        self, engine: Engine, mine: Worker, clock: ManualClock
    ) -> None:
        """So is a record that somebody else has taken over."""
        engine.put(in_progress(clock))
        outcome = mine.complete(actions=(first(engine, "once"),))
        assert outcome == LostLease(completed=False)


@pytest.mark.parametrize(
    # The calls go out side by side, and moto's transactions are not atomic then.
    "engine",
    [each for each in engines() if "moto" not in str(each.id)],
    indirect=True,
)
class TestMany:
    """Several completions in one call."""

    def test_each_has_its_own(self, engine: Engine, clock: ManualClock) -> None:
        """Each is decided by itself: plain, with effects, refused, and lost."""
        done(engine, clock, first(engine, "once"))
        workers = [worker(engine, clock, f"orders#{number}") for number in range(5)]
        lease_end = EpochMillis(clock.now() + LEASE)
        claims = [
            claim_of(each.request(), lease_expires_at=lease_end, takeover=False)
            for each in workers[:-1]
        ]
        deadline = workers[0].deadline
        claimed = engine.store.claim(claims, deadline)
        assert list(claimed) == [Claimed(each.owner, attempts=1) for each in claims]
        asked: list[tuple[Mapping[str, Any], ...]] = [
            (),
            (counted(engine, "a"),),
            (counted(engine, "a"), counted(engine, "b")),
            (counted(engine, "b"), first(engine, "once")),
            (counted(engine, "b"),),
        ]
        requests = [
            each.request(actions=actions) for each, actions in zip(workers, asked, strict=True)
        ]
        *ended, refusal, lost = engine.store.complete(requests, deadline)
        assert ended == [Completed()] * 3
        assert isinstance(refusal, StoreRefusedError)
        assert lost == LostLease(completed=False)
        assert [engine.count(each) for each in ("a", "b", "once")] == [2, 1, 1]
        found = [engine.get(each.record_id) for each in workers]
        statuses = [each and each.status for each in found]
        assert statuses == [*["COMPLETED"] * 3, "IN_PROGRESS", None]
