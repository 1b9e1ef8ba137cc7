"""Parking: what must not simply run again is set aside, with a copy for a person to redrive."""

import json
import threading
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda_toolkit.testing import ManualClock
from tests.waiting import SECONDS

from .bench import Bench, FaultyStore, raising, refused, unavailable
from .events import bus_event, fifo_order, kinesis_record, order, record


class SilentFailure(PermanentFailure):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError


class ExitingFailure(PermanentFailure):
    """Its text ends the process."""

    def __str__(self) -> str:
        raise SystemExit


class NumberedFailure(PermanentFailure):
    """Its text is a number."""

    def __str__(self) -> str:
        return 1  # type: ignore[return-value]  # noqa: PLE0307


class ReasonlessFailure(PermanentFailure):
    """Its reason cannot be had."""

    @property
    def reason(self) -> str:
        raise RuntimeError


class CodedFailure(PermanentFailure):
    """Its reason is a number."""

    reason = 1  # type: ignore[assignment]


class WordyFailure(PermanentFailure):
    """Its reason is long, and no Unicode."""

    reason = "\ud83d" + "x" * 500_000


HOSTILE_FAILURES = (
    SilentFailure(), ExitingFailure(), NumberedFailure(), ReasonlessFailure(), CodedFailure(),
)  # fmt: skip

NEVER = raising(PermanentFailure("no such account"))
CRASH = raising(SystemExit())


def faulty(**changes: Any) -> tuple[Bench, FaultyStore]:
    """A bench in park mode whose store can be made faulty."""
    clock = ManualClock()
    bench = Bench(clock=clock, park_interrupted=True, **changes)
    store = FaultyStore(clock, bench.memory)
    object.__setattr__(bench.consumer, "store", store)
    return bench, store


def redriven(bench: Bench, order_id: str, token: str | None = None) -> dict[str, Any]:
    """The copy of a parked order as an operator's redrive delivers it: with a new message id."""
    bearer = token or bench.queues.dead_letters[-1][1]
    attribute = {"IdempotencyOwner": {"stringValue": bearer, "dataType": "String"}}
    return order(order_id, message_id=f"again-{bearer}", messageAttributes=attribute)


class TestPermanentFailure:
    """Raised by a processor, in either mode."""

    @pytest.mark.parametrize("parks", [True, False])
    def test_parked(self, parks: bool) -> None:
        """It is parked with its reason, its copy is sent with the token, and it is acknowledged."""
        bench = Bench(park_interrupted=parks)
        bench.behaviour["a"] = NEVER
        assert bench.deliver("a", "b") == []
        assert bench.outcomes == {"m-b": "completed", "m-a": "parked"}
        parked = bench.memory.records["orders#a"]
        assert (parked.status, parked.reason) == ("PARKED", "no such account")
        assert parked.expires_at is None
        assert parked.dead_lettered_at == bench.clock.now()
        assert bench.queues.dead_letters == [('{"id": "a"}', f"{parked.owner} //m-a a")]

    def test_any_reason(self) -> None:
        """A reason is cut to what a record and its reader can take."""
        bench = Bench()
        bench.behaviour["a"] = raising(PermanentFailure("\ud83d" + "x" * 500_000))
        assert bench.deliver("a") == []
        assert bench.memory.records["orders#a"].reason == "?" + "x" * 999

    @pytest.mark.parametrize("error", HOSTILE_FAILURES, ids=lambda each: type(each).__name__)
    def test_no_reason(self, error: PermanentFailure) -> None:
        """A failure that cannot be asked for its reason is parked with its type instead."""
        bench = Bench()
        bench.behaviour["a"] = raising(error)
        assert bench.deliver("a", "b") == []
        assert bench.outcomes == {"m-b": "completed", "m-a": "parked"}
        assert type(error).__name__ in str(bench.memory.records["orders#a"].reason)

    def test_reason_of_their_own(self) -> None:
        """A reason that a subclass gives is cut too."""
        bench = Bench()
        bench.behaviour["a"] = raising(WordyFailure())
        assert bench.deliver("a") == []
        assert bench.memory.records["orders#a"].reason == "?" + "x" * 999

    def test_duplicates_are_acknowledged(self) -> None:
        """A duplicate of what is parked is acknowledged unrun, its copy being where it should."""
        bench = Bench()
        bench.behaviour["a"] = NEVER
        bench.deliver("a")
        bench.behaviour.clear()
        assert bench.deliver(order("a", message_id="m-2")) == []
        assert bench.ran == ["a"]
        assert len(bench.queues.dead_letters) == 1

    def test_followers_share_it(self) -> None:
        """Messages of the same key in the batch are acknowledged with it."""
        bench = Bench()
        bench.behaviour["a"] = NEVER
        assert bench.deliver("a", order("a", message_id="m-2")) == []

    def test_its_group_goes_on(self) -> None:
        """A parked message does not hold up its group: it has gone to the dead-letter queue."""
        bench = Bench()
        bench.behaviour["a"] = NEVER
        assert bench.deliver(fifo_order("a"), fifo_order("b")) == []
        assert bench.ran == ["a", "b"]

    @pytest.mark.parametrize("step", ["park", "mark"])
    @pytest.mark.parametrize("error", [unavailable(), refused()])
    def test_table_fails(self, step: str, error: StoreError) -> None:
        """Where the table does not confirm each step the message is not acknowledged."""
        bench, store = faulty()
        bench.behaviour["a"] = NEVER
        store.faults[step] = error
        assert bench.deliver("a") == ["m-a"]

    def test_queue_fails(self) -> None:
        """Without a copy it stays unacknowledged; the next delivery sends it, without a run."""
        bench = Bench()
        bench.behaviour["a"] = NEVER
        bench.queues.failure = refused()
        assert bench.deliver("a") == ["m-a"]
        bench.queues.failure = None
        assert bench.deliver("a") == []
        assert bench.ran == ["a"]
        assert bench.memory.records["orders#a"].dead_lettered_at is not None


class TestInterrupted:
    """Park mode."""

    def test_parked_instead_of_run(self) -> None:
        """Interrupted work does not run again by itself."""
        bench = Bench(park_interrupted=True)
        bench.lay("a")
        assert bench.deliver("a", "b") == []
        assert bench.ran == ["b"]
        assert bench.outcomes == {"m-b": "completed", "m-a": "parked"}
        assert bench.queues.dead_letters == [('{"id": "a"}', "dead //m-a a")]
        assert "interrupted" in str(bench.memory.records["orders#a"].reason)

    def test_live_claim(self) -> None:
        """Whose lease is live is busy, not interrupted."""
        bench = Bench(park_interrupted=True)
        bench.lay("a", lease=1)
        assert bench.deliver("a") == ["m-a"]
        assert bench.outcomes == {"m-a": "in_progress"}

    def test_side_by_side(self) -> None:
        """With concurrency several are claimed and run at the same time, each just in time."""
        bench = Bench(park_interrupted=True, concurrency=3)
        together = threading.Barrier(3, timeout=SECONDS)
        bench.behaviour = dict.fromkeys("abc", lambda _: together.wait())
        assert bench.deliver("a", "b", "c") == []
        assert set(bench.outcomes.values()) == {"completed"}

    def test_claimed_singly(self) -> None:
        """A message is claimed just before it starts, so a crash parks no bystander."""
        bench, store = faulty()
        bench.behaviour["b"] = CRASH
        assert bench.deliver("a", "b", "c") == ["m-b", "m-c"]
        assert store.trips == ["claim 1", "claim 1", "complete 1"]
        assert bench.status("c") is None

    def test_owner_completes_meanwhile(self) -> None:
        """If the late owner confirms its completion just before, there is nothing to park."""
        bench, store = faulty()
        bench.lay("a")
        seen = bench.memory.records["orders#a"]

        def completing(name: str, request: Any, deadline: Any) -> Any:
            if name == "park":
                bench.memory.complete([request], deadline)
                assert bench.memory.records["orders#a"].owner == seen.owner
            return answer(name, request, deadline)

        answer, store._answer = store._answer, completing  # type: ignore[method-assign]
        assert bench.deliver("a") == []
        assert bench.outcomes == {"m-a": "lost_lease"}
        assert bench.queues.dead_letters == []

    def test_stale_owner_cannot_complete(self) -> None:
        """Once parked, the interrupted owner can neither complete nor release."""
        bench = Bench(park_interrupted=True)

        def late(_: Any) -> None:
            bench.clock.advance(Millis(60_000))
            other = Bench(bench.memory, bench.clock, park_interrupted=True)
            other.owners = 100
            other.deliver(order("a", message_id="m-2"))
            outcomes.update(other.outcomes)

        outcomes: dict[str, str] = {}
        bench.behaviour["a"] = late
        assert bench.deliver("a") == ["m-a"]
        assert outcomes == {"m-2": "parked"}
        assert bench.outcomes == {"m-a": "lost_lease"}
        assert bench.status("a") == "PARKED"


class TestCrashes:
    """A worker may die at each step of parking."""

    def parked(self) -> Bench:
        bench = Bench(park_interrupted=True)
        bench.lay("a")
        return bench

    def test_before_the_copy(self) -> None:
        """Parked and not sent: the next delivery sends the copy, with the token of the record."""
        bench, store = faulty()
        bench.lay("a")
        bench.queues.failure = unavailable()
        bench.deliver("a")
        bench.queues.failure = None
        store.trips.clear()
        assert bench.deliver("a") == []
        assert bench.queues.dead_letters == [('{"id": "a"}', "dead //m-a a")]
        assert store.trips == ["claim 1", "mark 1"]

    def test_before_the_mark(self) -> None:
        """Sent and not marked: a second copy is sent, and both bear one token."""
        bench, store = faulty()
        bench.lay("a")
        store.faults["mark"] = unavailable()
        assert bench.deliver("a") == ["m-a"]
        store.faults.clear()
        assert bench.deliver("a") == []
        assert [token for _, token in bench.queues.dead_letters] == ["dead //m-a a", "dead //m-a a"]

    def test_both_copies_redriven(self) -> None:
        """Of two copies the first to come unlocks, the other is a duplicate."""
        bench, store = faulty()
        bench.lay("a")
        store.faults["mark"] = unavailable()
        bench.deliver("a")
        store.faults.clear()
        bench.deliver("a")
        assert bench.deliver(redriven(bench, "a")) == []
        assert bench.deliver(redriven(bench, "a")) == []
        assert bench.ran == ["a"]
        assert bench.status("a") == "COMPLETED"

    def test_before_the_acknowledgement(self) -> None:
        """Marked and not acknowledged: the redelivery is acknowledged, no further copy is sent."""
        bench = self.parked()
        bench.deliver("a")
        assert bench.deliver("a") == []
        assert len(bench.queues.dead_letters) == 1

    def test_answer_of_the_parking_lost(self) -> None:
        """A parking that was carried out without an answer is recognised by its owner's token."""
        bench, store = faulty()
        bench.lay("a")
        store.after["park orders#a"] = unavailable(maybe_written=True)
        assert bench.deliver("a") == ["m-a"]
        store.after.clear()
        assert bench.deliver("a") == []
        assert bench.outcomes == {"m-a": "parked"}


class TestRedrive:
    """An operator sends the copy back to the queue."""

    def parked(self, **changes: Any) -> Bench:
        bench = Bench(**{"park_interrupted": True} | changes)
        bench.lay("a")
        bench.deliver("a")
        return bench

    def test_runs(self) -> None:
        """The copy bears the token, so it may claim; nothing of the parking is left."""
        bench = self.parked()
        assert bench.deliver(redriven(bench, "a")) == []
        assert bench.ran == ["a"]
        done = bench.memory.records["orders#a"]
        assert (done.status, done.reason, done.dead_lettered_at) == ("COMPLETED", None, None)

    def test_keyed_by_message_id(self) -> None:
        """A redrive gives a copy another message id; its key stays that of the first."""
        bench = Bench(park_interrupted=True, key=None)
        bench.behaviour["m-a"] = CRASH
        bench.deliver("a")
        bench.clock.advance(Millis(60_000))
        for _ in range(2):
            bench.deliver("a")
            copy = redriven(bench, "a")
            bench.deliver(copy)
            bench.clock.advance(Millis(60_000))
            bench.deliver(copy)
        bench.behaviour.clear()
        assert bench.deliver(redriven(bench, "a")) == []
        assert bench.ran == ["m-a"] * 4
        assert [each.status for each in bench.memory.records.values()] == ["COMPLETED"]

    def test_twice(self) -> None:
        """It is interrupted again, parked again, and its new copy unlocks it again."""
        bench = self.parked()
        bench.behaviour["a"] = CRASH
        first = redriven(bench, "a")
        assert bench.deliver(first) == [first["messageId"]]
        bench.clock.advance(Millis(60_000))
        assert bench.deliver(first) == []
        assert bench.outcomes[first["messageId"]] == "parked"
        bench.behaviour.clear()
        second = redriven(bench, "a")
        assert second["messageId"] != first["messageId"]
        assert bench.deliver(second) == []
        assert bench.ran == ["a", "a"]
        assert bench.status("a") == "COMPLETED"

    def test_stale_copy(self) -> None:
        """A copy of an earlier parking unlocks nothing: the newer copy is in the queue."""
        bench = self.parked()
        stale = redriven(bench, "a", "of-long-ago")
        assert bench.deliver(stale) == []
        assert bench.ran == []
        assert bench.status("a") == "PARKED"

    def test_original_after_the_redrive(self) -> None:
        """The message itself, delivered once more, is a duplicate of its redriven copy."""
        bench = self.parked()
        bench.deliver(redriven(bench, "a"))
        assert bench.deliver("a") == []
        assert bench.ran == ["a"]

    def test_two_tokens_in_a_batch(self) -> None:
        """A claim shows one token, so a copy with another one has its turn after it."""
        bench = self.parked()
        stale, current = redriven(bench, "a", "of-long-ago"), redriven(bench, "a")
        assert bench.deliver(stale, current) == []
        assert bench.ran == ["a"]
        assert bench.status("a") == "COMPLETED"

    def test_fails_again(self) -> None:
        """Raised means not done: the copy is delivered again as any message."""
        bench = self.parked()
        bench.behaviour["a"] = raising(ValueError())
        copy = redriven(bench, "a")
        assert bench.deliver(copy) == [copy["messageId"]]
        bench.behaviour.clear()
        assert bench.deliver(copy) == []
        assert bench.ran == ["a", "a"]

    def test_in_a_batch(self) -> None:
        """Copies unlock among other messages too, in either mode."""
        bench = self.parked()
        mixed = Bench(bench.memory, bench.clock)
        mixed.queues = bench.queues
        assert mixed.deliver("x", redriven(bench, "a"), "y") == []
        assert sorted(mixed.ran) == ["a", "x", "y"]


class TestOtherSources:
    """Where no queue delivers, the copy is the event that a redrive through the queue unwraps."""

    def redrive(self, bench: Bench, body: str, token: str) -> list[str]:
        attribute = {"IdempotencyOwner": {"stringValue": token, "dataType": "String"}}
        return bench.deliver(record(body, messageAttributes=attribute))

    def test_shard(self) -> None:
        """A parked record is passed, the shard goes on; its copy has the same key."""
        bench = Bench()
        bench.behaviour["a"] = NEVER
        first, following = kinesis_record("a", "1"), kinesis_record("b", "2")
        assert bench.deliver(first, following) == []
        assert bench.ran == ["a", "b"]
        ((body, token),) = bench.queues.dead_letters
        assert json.loads(body) == {"Records": [first]}
        bench.behaviour.clear()
        assert self.redrive(bench, body, token) == []
        assert bench.ran == ["a", "b", "a"]
        assert bench.status("a") == "COMPLETED"

    def test_event(self) -> None:
        """So is an event that was sent straight to the function."""
        bench = Bench(key=None)
        bench.behaviour["b-1"] = NEVER
        assert bench.consumer.consume(bus_event("a"), Millis(30_000)) is None
        ((body, token),) = bench.queues.dead_letters
        assert json.loads(body) == bus_event("a")
        bench.behaviour.clear()
        assert self.redrive(bench, body, token) == []
        assert bench.ran == ["b-1", "b-1"]
