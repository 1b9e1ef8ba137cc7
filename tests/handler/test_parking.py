"""Parking sets aside messages that must not simply run again; an operator redrives a copy."""

import json
import threading
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda_toolkit.testing import ManualClock
from tests.waiting import SECONDS

from .events import bus_event, fifo_order, kinesis_record, order, record
from .harness import ConsumerHarness, FaultyStore, raising, refused, table_unavailable


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


def faulty(**changes: Any) -> tuple[ConsumerHarness, FaultyStore]:
    """A harness in park mode whose store can be made faulty."""
    clock = ManualClock()
    harness = ConsumerHarness(clock=clock, park_interrupted=True, **changes)
    store = FaultyStore(clock, harness.memory)
    object.__setattr__(harness.consumer, "store", store)
    return harness, store


def redriven(harness: ConsumerHarness, order_id: str, token: str | None = None) -> dict[str, Any]:
    """The copy of a parked order as an operator's redrive delivers it: with a new message id."""
    bearer = token or harness.queues.dead_letters[-1][1]
    attribute = {"IdempotencyOwner": {"stringValue": bearer, "dataType": "String"}}
    return order(order_id, message_id=f"again-{bearer}", messageAttributes=attribute)


class TestPermanentFailure:
    """Raised by a processor, in either mode."""

    @pytest.mark.parametrize("is_parking", [True, False])
    def test_parked(self, is_parking: bool) -> None:
        """It is parked with its reason, its copy is sent with the token, and it is acknowledged."""
        harness = ConsumerHarness(park_interrupted=is_parking)
        harness.behaviour["a"] = NEVER
        assert harness.deliver("a", "b") == []
        assert harness.outcomes == {"m-b": "completed", "m-a": "parked"}
        parked = harness.memory.records["orders#a"]
        assert (parked.status, parked.reason) == ("PARKED", "no such account")
        assert parked.expires_at is None
        assert parked.dead_lettered_at == harness.clock.now()
        assert harness.queues.dead_letters == [('{"id": "a"}', f"{parked.owner} //m-a a")]

    def test_any_reason(self) -> None:
        """A reason is cut to what a record and its reader can take."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = raising(PermanentFailure("\ud83d" + "x" * 500_000))
        assert harness.deliver("a") == []
        assert harness.memory.records["orders#a"].reason == "?" + "x" * 999

    @pytest.mark.parametrize("error", HOSTILE_FAILURES, ids=lambda each: type(each).__name__)
    def test_no_reason(self, error: PermanentFailure) -> None:
        """A failure that cannot be asked for its reason is parked with its type instead."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = raising(error)
        assert harness.deliver("a", "b") == []
        assert harness.outcomes == {"m-b": "completed", "m-a": "parked"}
        assert type(error).__name__ in str(harness.memory.records["orders#a"].reason)

    def test_reason_of_their_own(self) -> None:
        """A reason that a subclass gives is cut too."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = raising(WordyFailure())
        assert harness.deliver("a") == []
        assert harness.memory.records["orders#a"].reason == "?" + "x" * 999

    def test_duplicates_are_acknowledged(self) -> None:
        """A duplicate of what is parked is acknowledged unrun, its copy being where it should."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = NEVER
        harness.deliver("a")
        harness.behaviour.clear()
        assert harness.deliver(order("a", message_id="m-2")) == []
        assert harness.ran == ["a"]
        assert len(harness.queues.dead_letters) == 1

    def test_followers_share_it(self) -> None:
        """Messages of the same key in the batch are acknowledged with it."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = NEVER
        assert harness.deliver("a", order("a", message_id="m-2")) == []

    def test_its_group_goes_on(self) -> None:
        """A parked message does not hold up its group: it has gone to the dead-letter queue."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = NEVER
        assert harness.deliver(fifo_order("a"), fifo_order("b")) == []
        assert harness.ran == ["a", "b"]

    @pytest.mark.parametrize("step", ["park", "mark"])
    @pytest.mark.parametrize("error", [table_unavailable(), refused()])
    def test_table_fails(self, step: str, error: StoreError) -> None:
        """Where the table does not confirm each step the message is not acknowledged."""
        harness, store = faulty()
        harness.behaviour["a"] = NEVER
        store.faults[step] = error
        assert harness.deliver("a") == ["m-a"]

    def test_queue_fails(self) -> None:
        """Without a copy it stays unacknowledged; the next delivery sends it, without a run."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = NEVER
        harness.queues.failure = refused()
        assert harness.deliver("a") == ["m-a"]
        harness.queues.failure = None
        assert harness.deliver("a") == []
        assert harness.ran == ["a"]
        assert harness.memory.records["orders#a"].dead_lettered_at is not None


class TestInterrupted:
    """Park mode."""

    def test_parked_instead_of_run(self) -> None:
        """Interrupted work does not run again by itself."""
        harness = ConsumerHarness(park_interrupted=True)
        harness.seed_record("a")
        assert harness.deliver("a", "b") == []
        assert harness.ran == ["b"]
        assert harness.outcomes == {"m-b": "completed", "m-a": "parked"}
        assert harness.queues.dead_letters == [('{"id": "a"}', "dead //m-a a")]
        assert "interrupted" in str(harness.memory.records["orders#a"].reason)

    def test_live_claim(self) -> None:
        """Whose lease is live is busy, not interrupted."""
        harness = ConsumerHarness(park_interrupted=True)
        harness.seed_record("a", lease=1)
        assert harness.deliver("a") == ["m-a"]
        assert harness.outcomes == {"m-a": "in_progress"}

    def test_side_by_side(self) -> None:
        """With concurrency several are claimed and run at the same time, each just in time."""
        harness = ConsumerHarness(park_interrupted=True, concurrency=3)
        together = threading.Barrier(3, timeout=SECONDS)
        harness.behaviour = dict.fromkeys("abc", lambda _: together.wait())
        assert harness.deliver("a", "b", "c") == []
        assert set(harness.outcomes.values()) == {"completed"}

    def test_claimed_singly(self) -> None:
        """A message is claimed just before it starts, so a crash parks no bystander."""
        harness, store = faulty()
        harness.behaviour["b"] = CRASH
        assert harness.deliver("a", "b", "c") == ["m-b", "m-c"]
        assert store.trips == ["claim 1", "claim 1", "complete 1"]
        assert harness.status("c") is None

    def test_owner_completes_meanwhile(self) -> None:
        """If the late owner confirms its completion just before, there is nothing to park."""
        harness, store = faulty()
        harness.seed_record("a")
        seen = harness.memory.records["orders#a"]

        def completing(name: str, request: Any, deadline: Any) -> Any:
            if name == "park":
                harness.memory.complete([request], deadline)
                assert harness.memory.records["orders#a"].owner == seen.owner
            return answer(name, request, deadline)

        answer, store._answer = store._answer, completing  # type: ignore[method-assign]
        assert harness.deliver("a") == []
        assert harness.outcomes == {"m-a": "lost_lease"}
        assert harness.queues.dead_letters == []

    def test_stale_owner_cannot_complete(self) -> None:
        """Once parked, the interrupted owner can neither complete nor release."""
        harness = ConsumerHarness(park_interrupted=True)

        def late(_: Any) -> None:
            harness.clock.advance(Millis(60_000))
            other = ConsumerHarness(harness.memory, harness.clock, park_interrupted=True)
            other.owners = 100
            other.deliver(order("a", message_id="m-2"))
            outcomes.update(other.outcomes)

        outcomes: dict[str, str] = {}
        harness.behaviour["a"] = late
        assert harness.deliver("a") == ["m-a"]
        assert outcomes == {"m-2": "parked"}
        assert harness.outcomes == {"m-a": "lost_lease"}
        assert harness.status("a") == "PARKED"


class TestCrashes:
    """A worker may die at each step of parking."""

    def parked(self) -> ConsumerHarness:
        harness = ConsumerHarness(park_interrupted=True)
        harness.seed_record("a")
        return harness

    def test_before_the_copy(self) -> None:
        """Parked and not sent: the next delivery sends the copy, with the token of the record."""
        harness, store = faulty()
        harness.seed_record("a")
        harness.queues.failure = table_unavailable()
        harness.deliver("a")
        harness.queues.failure = None
        store.trips.clear()
        assert harness.deliver("a") == []
        assert harness.queues.dead_letters == [('{"id": "a"}', "dead //m-a a")]
        assert store.trips == ["claim 1", "mark 1"]

    def test_before_the_mark(self) -> None:
        """Sent and not marked: a second copy is sent, and both bear one token."""
        harness, store = faulty()
        harness.seed_record("a")
        store.faults["mark"] = table_unavailable()
        assert harness.deliver("a") == ["m-a"]
        store.faults.clear()
        assert harness.deliver("a") == []
        assert [token for _, token in harness.queues.dead_letters] == [
            "dead //m-a a",
            "dead //m-a a",
        ]

    def test_both_copies_redriven(self) -> None:
        """Of two copies the first to come unlocks, the other is a duplicate."""
        harness, store = faulty()
        harness.seed_record("a")
        store.faults["mark"] = table_unavailable()
        harness.deliver("a")
        store.faults.clear()
        harness.deliver("a")
        assert harness.deliver(redriven(harness, "a")) == []
        assert harness.deliver(redriven(harness, "a")) == []
        assert harness.ran == ["a"]
        assert harness.status("a") == "COMPLETED"

    def test_before_the_acknowledgement(self) -> None:
        """Marked and not acknowledged: the redelivery is acknowledged, no further copy is sent."""
        harness = self.parked()
        harness.deliver("a")
        assert harness.deliver("a") == []
        assert len(harness.queues.dead_letters) == 1

    def test_answer_of_the_parking_lost(self) -> None:
        """A parking that was carried out without an answer is recognised by its owner's token."""
        harness, store = faulty()
        harness.seed_record("a")
        store.after["park orders#a"] = table_unavailable(maybe_written=True)
        assert harness.deliver("a") == ["m-a"]
        store.after.clear()
        assert harness.deliver("a") == []
        assert harness.outcomes == {"m-a": "parked"}


class TestRedrive:
    """An operator sends the copy back to the queue."""

    def parked(self, **changes: Any) -> ConsumerHarness:
        harness = ConsumerHarness(**{"park_interrupted": True} | changes)
        harness.seed_record("a")
        harness.deliver("a")
        return harness

    def test_runs(self) -> None:
        """The copy carries the token, so it may claim; nothing remains of the parking."""
        harness = self.parked()
        assert harness.deliver(redriven(harness, "a")) == []
        assert harness.ran == ["a"]
        done = harness.memory.records["orders#a"]
        assert (done.status, done.reason, done.dead_lettered_at) == ("COMPLETED", None, None)

    def test_keyed_by_message_id(self) -> None:
        """A redrive gives a copy another message id, but its key does not change."""
        harness = ConsumerHarness(park_interrupted=True, key=None)
        harness.behaviour["m-a"] = CRASH
        harness.deliver("a")
        harness.clock.advance(Millis(60_000))
        for _ in range(2):
            harness.deliver("a")
            copy = redriven(harness, "a")
            harness.deliver(copy)
            harness.clock.advance(Millis(60_000))
            harness.deliver(copy)
        harness.behaviour.clear()
        assert harness.deliver(redriven(harness, "a")) == []
        assert harness.ran == ["m-a"] * 4
        assert [each.status for each in harness.memory.records.values()] == ["COMPLETED"]

    def test_twice(self) -> None:
        """It is interrupted again, parked again, and its new copy unlocks it again."""
        harness = self.parked()
        harness.behaviour["a"] = CRASH
        first = redriven(harness, "a")
        assert harness.deliver(first) == [first["messageId"]]
        harness.clock.advance(Millis(60_000))
        assert harness.deliver(first) == []
        assert harness.outcomes[first["messageId"]] == "parked"
        harness.behaviour.clear()
        second = redriven(harness, "a")
        assert second["messageId"] != first["messageId"]
        assert harness.deliver(second) == []
        assert harness.ran == ["a", "a"]
        assert harness.status("a") == "COMPLETED"

    def test_stale_copy(self) -> None:
        """A copy of an earlier parking unlocks nothing: the newer copy is in the queue."""
        harness = self.parked()
        stale = redriven(harness, "a", "of-long-ago")
        assert harness.deliver(stale) == []
        assert harness.ran == []
        assert harness.status("a") == "PARKED"

    def test_original_after_the_redrive(self) -> None:
        """The message itself, delivered once more, is a duplicate of its redriven copy."""
        harness = self.parked()
        harness.deliver(redriven(harness, "a"))
        assert harness.deliver("a") == []
        assert harness.ran == ["a"]

    def test_two_tokens_in_a_batch(self) -> None:
        """A claim shows one token, so a copy with another one has its turn after it."""
        harness = self.parked()
        stale, current = redriven(harness, "a", "of-long-ago"), redriven(harness, "a")
        assert harness.deliver(stale, current) == []
        assert harness.ran == ["a"]
        assert harness.status("a") == "COMPLETED"

    def test_fails_again(self) -> None:
        """Raised means not done: the copy is delivered again as any message."""
        harness = self.parked()
        harness.behaviour["a"] = raising(ValueError())
        copy = redriven(harness, "a")
        assert harness.deliver(copy) == [copy["messageId"]]
        harness.behaviour.clear()
        assert harness.deliver(copy) == []
        assert harness.ran == ["a", "a"]

    def test_in_a_batch(self) -> None:
        """Copies unlock among other messages too, in either mode."""
        harness = self.parked()
        mixed = ConsumerHarness(harness.memory, harness.clock)
        mixed.queues = harness.queues
        assert mixed.deliver("x", redriven(harness, "a"), "y") == []
        assert sorted(mixed.ran) == ["a", "x", "y"]


class TestOtherSources:
    """Where no queue delivers, the copy is the event that a redrive through the queue unwraps."""

    def redrive(self, harness: ConsumerHarness, body: str, token: str) -> list[str]:
        attribute = {"IdempotencyOwner": {"stringValue": token, "dataType": "String"}}
        return harness.deliver(record(body, messageAttributes=attribute))

    def test_shard(self) -> None:
        """A parked record is passed, the shard goes on; its copy has the same key."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = NEVER
        first, following = kinesis_record("a", "1"), kinesis_record("b", "2")
        assert harness.deliver(first, following) == []
        assert harness.ran == ["a", "b"]
        ((body, token),) = harness.queues.dead_letters
        assert json.loads(body) == {"Records": [first]}
        harness.behaviour.clear()
        assert self.redrive(harness, body, token) == []
        assert harness.ran == ["a", "b", "a"]
        assert harness.status("a") == "COMPLETED"

    def test_event(self) -> None:
        """So is an event that was sent straight to the function."""
        harness = ConsumerHarness(key=None)
        harness.behaviour["b-1"] = NEVER
        assert harness.consumer.consume(bus_event("a"), Millis(30_000)) is None
        ((body, token),) = harness.queues.dead_letters
        assert json.loads(body) == bus_event("a")
        harness.behaviour.clear()
        assert self.redrive(harness, body, token) == []
        assert harness.ran == ["b-1", "b-1"]
