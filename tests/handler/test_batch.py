"""The pipeline, on a store in memory and a clock that does not run by itself."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.errors import StoreUnavailableError
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock

from .events import event, order, record
from .harness import START, ConsumerHarness, Wire, done, faulty, raising, table_unavailable, taking


class TestOrdinary:
    """Nothing goes wrong."""

    def test_first_delivery(self, harness: ConsumerHarness) -> None:
        """Every message runs once, in order, and is acknowledged."""
        assert harness.deliver("b", "a", "c") == []
        assert harness.ran == ["b", "a", "c"]
        assert set(harness.outcomes.values()) == {"completed"}
        assert [harness.status(each) for each in "abc"] == ["COMPLETED"] * 3

    def test_second_delivery(self, harness: ConsumerHarness) -> None:
        """A message delivered again is acknowledged unrun."""
        harness.deliver("a")
        assert harness.deliver("a") == []
        assert harness.ran == ["a"]
        assert harness.outcomes == {"m-a": "duplicate"}

    def test_a_producers_retry(self, harness: ConsumerHarness) -> None:
        """A new message with the same key is a duplicate."""
        harness.deliver(order("a", "m-1"))
        assert harness.deliver(order("a", "m-2")) == []
        assert harness.ran == ["a"]

    def test_after_the_retention(self, harness: ConsumerHarness) -> None:
        """Once the retention is over the key is new, though its record still lies there."""
        harness.deliver("a")
        harness.clock.advance(Millis(3_600_000))
        harness.deliver("a")
        assert harness.ran == ["a", "a"]

    def test_empty_batch(self, harness: ConsumerHarness) -> None:
        """No messages, no failures."""
        assert harness.deliver() == []

    def test_message(self, harness: ConsumerHarness) -> None:
        """The processor gets key, owner, body and the time that is left."""
        harness.clock.advance(Millis(1))
        harness.deliver("a", remaining=9000)
        (message,) = harness.messages
        assert (message.id, message.key, message.owner) == ("m-a", "a", "owner-1")
        assert message.body == {"id": "a"}
        assert message.remaining_millis() == 9000

    def test_the_claim_is_there_while_it_runs(self, harness: ConsumerHarness) -> None:
        """While the processor runs, the record is its owner's until deadline and margin."""
        seen = {}
        harness.behaviour["a"] = lambda _: seen.update(harness.memory.records)
        harness.deliver("a", remaining=9000)
        assert seen["orders#a"].status == "IN_PROGRESS"
        assert seen["orders#a"].owner == "owner-1"
        assert seen["orders#a"].lease_expires_at == START + 9000 + 5000

    def test_each_claim_has_an_owner_of_its_own(self, harness: ConsumerHarness) -> None:
        """No two claims share a token, neither in a batch nor over time."""
        harness.behaviour["a"] = raising(ValueError())
        harness.deliver("a", "b")
        harness.deliver("a")
        assert len({message.owner for message in harness.messages}) == 3

    def test_owner_tokens_are_random(self) -> None:
        """By default a token is 128 random bits as text."""
        default = Consumer.__dataclass_fields__["new_owner"].default
        assert callable(default)
        tokens = {default() for _ in range(100)}
        assert len(tokens) == 100
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in tokens)


class TestCoalescing:
    """Several messages of a batch with one key."""

    def test_runs_once(self, harness: ConsumerHarness) -> None:
        """The first runs, the others share its completion."""
        assert harness.deliver(order("a", "m-1"), order("b"), order("a", "m-2")) == []
        assert harness.ran == ["a", "b"]
        assert harness.messages[0].id == "m-1"
        assert harness.outcomes["m-2"] == "duplicate"
        assert harness.followers == ["m-2"]

    def test_failure_is_shared(self, harness: ConsumerHarness) -> None:
        """If the first fails, the others are reported and not tried."""
        harness.behaviour["a"] = raising(ValueError())
        assert harness.deliver(order("a", "m-1"), order("a", "m-2")) == ["m-1", "m-2"]
        assert harness.ran == ["a"]

    def test_busy_is_shared(self, harness: ConsumerHarness) -> None:
        """If the key is busy, all are reported."""
        harness.seed_record("a", lease=1)
        assert harness.deliver(order("a", "m-1"), order("a", "m-2")) == ["m-1", "m-2"]

    def test_unconfirmed_is_shared(self) -> None:
        """An effect that could not be confirmed acknowledges none of its messages."""
        harness, store = faulty()
        store.faults["complete"] = table_unavailable()
        assert harness.deliver(order("a", "m-1"), order("a", "m-2")) == ["m-1", "m-2"]

    def test_one_message_id_with_two_ends(self, harness: ConsumerHarness) -> None:
        """An id that both fails and completes is reported: unreported means deleted."""
        harness.behaviour["a"] = raising(ValueError())
        assert harness.deliver(order("a", "m-1"), order("b", "m-1")) == ["m-1"]

    def test_only_equal_keys(self, harness: ConsumerHarness) -> None:
        """1, "1" and true are three keys."""
        harness.deliver(order(1, "m-1"), order("1", "m-2"), order(order_id=True, message_id="m-3"))
        assert len(harness.ran) == 3


class TestFailing:
    """A processor that raises says: not done."""

    def test_reported_and_released(self, harness: ConsumerHarness) -> None:
        """Its message is reported, its claim given back at once, and the next delivery runs."""
        harness.behaviour["a"] = raising(ValueError("no"))
        assert harness.deliver("a") == ["m-a"]
        assert harness.outcomes == {"m-a": "failed"}
        assert harness.status("a") is None
        del harness.behaviour["a"]
        assert harness.deliver("a") == []
        assert harness.ran == ["a", "a"]

    def test_poison_beside_good(self, harness: ConsumerHarness) -> None:
        """The others of the batch run and are acknowledged."""
        harness.behaviour["b"] = raising(ValueError())
        assert harness.deliver("a", "b", "c") == ["m-b"]
        assert harness.ran == ["a", "b", "c"]

    def test_no_key_beside_good(self, harness: ConsumerHarness) -> None:
        """A message without a key never runs, is reported, and costs the others nothing."""
        assert harness.deliver("a", record("{}", message_id="m-x"), "c") == ["m-x"]
        assert harness.ran == ["a", "c"]
        assert harness.outcomes["m-x"] == "rejected"
        assert "finds nothing" in str(harness.histories["m-x"].errors[0])

    def test_key_that_breaks_its_expression_beside_good(self) -> None:
        """A value that breaks the key expression rejects its message, not its neighbours."""
        harness = ConsumerHarness(key="floor(to_number(body.n))")
        good = record('{"n": "7"}', message_id="m-good")
        poison = record('{"n": "nan"}', message_id="m-poison")
        assert harness.deliver(good, poison) == ["m-poison"]
        assert harness.ran == ["7"]

    def test_the_error_is_kept(self, harness: ConsumerHarness) -> None:
        """The observer sees the error as it was raised."""
        error = ValueError("no")
        harness.behaviour["a"] = raising(error)
        harness.deliver("a")
        assert harness.histories["m-a"].errors == [error]

    def test_release_fails(self) -> None:
        """A claim that cannot be given back stays; the message is reported all the same."""
        harness, store = faulty()
        harness.behaviour["a"] = raising(ValueError())
        store.faults["release"] = table_unavailable()
        assert harness.deliver("a", "b") == ["m-a"]
        assert harness.status("a") == "IN_PROGRESS"
        assert [type(each) for each in harness.histories["m-a"].errors] == [
            ValueError,
            StoreUnavailableError,
        ]

    def test_a_group_of_errors(self, harness: ConsumerHarness) -> None:
        """A group of ordinary errors is an ordinary error."""
        harness.behaviour["a"] = raising(ExceptionGroup("several", [ValueError(), OSError()]))
        assert harness.deliver("a", "b") == ["m-a"]
        assert harness.status("a") is None


STOPS = [
    SystemExit(),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    BaseExceptionGroup("several", [SystemExit()]),
]


class TestInterrupted:
    """A processor that is stopped: nobody knows what is done."""

    @pytest.mark.parametrize("error", STOPS, ids=lambda each: type(each).__name__)
    def test_claim_stays_and_batch_stops(
        self, harness: ConsumerHarness, error: BaseException
    ) -> None:
        """The claim stays until its lease ends, the rest is not started, the answer comes."""
        harness.behaviour["b"] = raising(error)
        assert harness.deliver("a", "b", "c", "d") == ["m-b", "m-c", "m-d"]
        assert harness.ran == ["a", "b"]
        assert harness.outcomes == {
            "m-a": "completed",
            "m-b": "interrupted",
            "m-c": "not_started",
            "m-d": "not_started",
        }
        assert harness.status("b") == "IN_PROGRESS"
        assert harness.status("c") is None

    def test_nobody_else_starts_it_before_its_lease_ends(self, harness: ConsumerHarness) -> None:
        """Until deadline and margin are over the key is busy; then it is taken over."""
        harness.behaviour["a"] = raising(SystemExit())
        harness.deliver("a", remaining=9000)
        harness.clock.advance(Millis(13_999))
        assert harness.deliver("a") == ["m-a"]
        assert harness.outcomes == {"m-a": "in_progress"}
        harness.clock.advance(Millis(1))
        del harness.behaviour["a"]
        assert harness.deliver("a") == []
        assert harness.ran == ["a", "a"]
        assert harness.histories["m-a"].attempts == 2

    def test_out_of_memory(self, harness: ConsumerHarness) -> None:
        """MemoryError is an interruption: nobody knows what is done, and the batch stops."""
        harness.behaviour["b"] = raising(MemoryError())
        assert harness.deliver("a", "b", "c") == ["m-b", "m-c"]
        assert harness.outcomes == {"m-a": "completed", "m-b": "interrupted", "m-c": "not_started"}
        assert harness.status("b") == "IN_PROGRESS"

    def test_out_of_memory_ends_with_the_invocation(self, harness: ConsumerHarness) -> None:
        """The next invocation works again."""
        harness.behaviour["a"] = raising(MemoryError())
        harness.deliver("a")
        assert harness.deliver("b") == []


class TestTime:
    """Nothing starts that cannot end."""

    @pytest.mark.parametrize(("remaining", "ran"), [(2000, ["a"]), (1999, [])])
    def test_minimum_remaining(
        self, harness: ConsumerHarness, remaining: int, ran: list[str]
    ) -> None:
        """Nothing starts below 2 s: a claim may take 1.5 s, and half a second is the answer's."""
        harness.deliver("a", remaining=remaining)
        assert harness.ran == ran

    def test_not_started_for_lack_of_time(self, harness: ConsumerHarness) -> None:
        """The rest of a slow batch is reported and not claimed."""
        harness.behaviour["a"] = lambda _: harness.clock.advance(Millis(29_000))
        assert harness.deliver("a", "b", "c") == ["m-b", "m-c"]
        assert harness.outcomes["m-b"] == "not_started"
        assert harness.status("b") is None

    def test_a_slow_claim_is_given_back(self) -> None:
        """A claim that took the time its processor needed is released, not run."""
        harness, store = faulty()
        store.millis = 1200
        assert harness.deliver("a", remaining=2500) == ["m-a"]
        assert harness.outcomes == {"m-a": "not_started"}
        assert store.calls == ["claim orders#a", "release orders#a"]
        assert harness.status("a") is None
        assert harness.ran == []

    def test_a_slow_claim_is_given_back_by_the_deployed_store_too(
        self, dead: tuple[DynamoDBClaimStore, Wire], clock: ManualClock
    ) -> None:
        """A message that is not started leaves no claim: it is given back, or never claimed."""
        store, wire = dead
        harness = ConsumerHarness(store, clock)
        wire.faults = [taking(clock, 900, done({"attempts": {"N": "1"}})), done()]
        assert harness.deliver("a", remaining=2300) == ["m-a"]
        assert harness.outcomes == {"m-a": "not_started"}
        assert wire.sent in ([], ["UpdateItem", "DeleteItem"])

    @pytest.mark.parametrize("correction", [-60_000, 60_000])
    def test_clock_correction_while_running(
        self, harness: ConsumerHarness, correction: int
    ) -> None:
        """A correction of the wall clock in the middle of a run changes neither run nor answer."""
        harness.behaviour["a"] = lambda _: harness.clock.step(Millis(correction))
        assert harness.deliver("a", "b") == []
        assert harness.ran == ["a", "b"]
        harness.clock.step(Millis(-correction))
        harness.deliver("a")
        assert harness.ran == ["a", "b"]


def received(order_id: str, count: int, body: str | None = None) -> dict[str, Any]:
    """An order that has been received so many times."""
    attributes = {"ApproximateReceiveCount": str(count)}
    whole = order(order_id, attributes=attributes)
    return whole if body is None else whole | {"body": body}


class TestStale:
    """Messages whose owner was interrupted before."""

    def test_alone(self) -> None:
        """A batch of one takes over at once: one claim, nothing looked at before."""
        harness, store = faulty()
        harness.seed_record("a", attempts=5)
        assert harness.deliver("a") == []
        assert store.calls == ["claim orders#a", "complete orders#a"]
        assert harness.histories["m-a"].attempts == 6

    def test_alone_with_followers_and_rejects(self) -> None:
        """Messages of one key, and such as have none, are still a single piece of work."""
        harness, store = faulty()
        harness.seed_record("a", attempts=5)
        keyless = record("{}", message_id="m-x")
        assert harness.deliver(order("a", "m-1"), keyless, order("a", "m-2")) == ["m-x"]
        assert store.calls == ["claim orders#a", "complete orders#a"]

    def test_last(self, harness: ConsumerHarness) -> None:
        """A stale message runs after all others."""
        harness.seed_record("a")
        assert harness.deliver("a", "b", "c") == []
        assert harness.ran == ["b", "c", "a"]

    def test_fewest_attempts_first(self, harness: ConsumerHarness) -> None:
        """Among stale messages the most suspect comes last, of equals the first of the batch."""
        for order_id, attempts in [("a", 3), ("b", 1), ("c", 2), ("d", 1)]:
            harness.seed_record(order_id, attempts=attempts)
        for each in "abcd":
            harness.behaviour[each] = raising(ValueError())
        harness.deliver("a", "b", "c", "d")
        assert harness.ran == ["d", "b", "c", "a"]

    @pytest.mark.parametrize("attempts", [1, 2, 9])
    def test_runs_in_company(self, harness: ConsumerHarness, attempts: int) -> None:
        """While every neighbour has receives to spare, it runs, last."""
        harness.seed_record("a", attempts=attempts)
        assert harness.deliver("a", received("b", 2)) == []
        assert harness.ran == ["b", "a"]

    def test_suspects_alone(self, harness: ConsumerHarness) -> None:
        """After a redrive a batch of nothing but interrupted messages runs whole."""
        for each in "abc":
            harness.seed_record(each, attempts=4)
        assert harness.deliver("a", "b", "c") == []
        assert harness.ran == ["c", "b", "a"]

    def test_interrupted_once(self, harness: ConsumerHarness) -> None:
        """One interruption can happen to anybody: it runs whatever is at stake."""
        harness.seed_record("a", attempts=1)
        assert harness.deliver("a", received("b", 4)) == []
        assert harness.ran == ["b", "a"]

    @pytest.mark.parametrize("receives", [3, 4])
    def test_deferred(self, harness: ConsumerHarness, receives: int) -> None:
        """Interrupted twice, it does not run in a batch with a message on its last two receives."""
        harness.seed_record("a", attempts=2)
        assert harness.deliver("a", received("b", receives)) == ["m-a"]
        assert harness.ran == ["b"]
        assert harness.outcomes["m-a"] == "deferred"
        history = harness.histories["m-a"]
        assert (history.attempts, history.takeover) == (2, False)
        assert harness.memory.records["orders#a"].owner == "dead"

    @pytest.mark.parametrize("why", ["failed", "in_progress", "rejected"])
    def test_not_deferred_where_nothing_is_at_stake(
        self, harness: ConsumerHarness, why: str
    ) -> None:
        """If nothing of the batch will be acknowledged anyway, it runs."""
        harness.seed_record("a", attempts=2)
        if why == "in_progress":
            harness.seed_record("b", lease=1)
        harness.behaviour["b"] = raising(ValueError())
        body = "{}" if why == "rejected" else None
        assert harness.deliver("a", received("b", 4, body)) == ["m-b"]
        assert harness.outcomes == {"m-a": "completed", "m-b": why}

    def test_deferred_for_any_acknowledgement_before(self, harness: ConsumerHarness) -> None:
        """A message that was completed first is still at stake after a later one has failed."""
        harness.seed_record("a", attempts=2)
        harness.behaviour["c"] = raising(ValueError())
        assert harness.deliver("a", received("b", 4), "c") == ["m-a", "m-c"]
        assert harness.outcomes["m-a"] == "deferred"

    def test_deferred_beside_a_duplicate(self, harness: ConsumerHarness) -> None:
        """A duplicate's acknowledgement is at stake too, and a follower's."""
        harness.deliver("b")
        harness.seed_record("a", attempts=2)
        follower = received("b", 4) | {"messageId": "m-b2"}
        assert harness.deliver("a", "b", follower) == ["m-a"]
        assert harness.outcomes["m-a"] == "deferred"

    def test_a_memory_hog_does_not_starve_its_neighbours(self, harness: ConsumerHarness) -> None:
        """A message that always runs out of memory does not take its neighbours to the DLQ."""
        harness.behaviour["a"] = raising(MemoryError())
        left = ["a", "b", "c", "d"]
        for _ in range(4):
            reported = harness.deliver(*left)
            left = [each.removeprefix("m-") for each in reported]
            harness.clock.advance(Millis(60_000))
        assert left == ["a"]

    def test_completed_in_between(self) -> None:
        """A late owner that completes while the others run makes the stale one a duplicate."""
        harness, _ = faulty()
        harness.seed_record("a")
        late = harness.memory.records["orders#a"]

        def complete_late(_: Message) -> None:
            harness.memory.records["orders#a"] = replace(
                late, status="COMPLETED", lease_expires_at=None
            )

        harness.behaviour["b"] = complete_late
        assert harness.deliver("a", "b") == []
        assert harness.ran == ["b"]
        assert harness.outcomes["m-a"] == "duplicate"

    def test_busy(self, harness: ConsumerHarness) -> None:
        """A live lease is not touched, not even alone, and is reported."""
        harness.seed_record("a", lease=1)
        before = dict(harness.memory.records)
        assert harness.deliver("a") == ["m-a"]
        assert harness.outcomes == {"m-a": "in_progress"}
        assert harness.memory.records == before


class TestLostLease:
    """An owner that ends after its lease."""

    def test_taken_over(self, harness: ConsumerHarness) -> None:
        """It is not acknowledged, and the next owner's record stays as it is."""

        def take_over(_: Message) -> None:
            harness.seed_record("a", lease=60_000, attempts=2)

        harness.behaviour["a"] = take_over
        assert harness.deliver("a", "b") == ["m-a"]
        assert harness.outcomes == {"m-a": "lost_lease", "m-b": "completed"}
        assert harness.memory.records["orders#a"].owner == "dead"
        assert harness.histories["m-a"].lease_lost

    def test_completed_by_the_next_owner(self, harness: ConsumerHarness) -> None:
        """If the next owner has completed, the message is acknowledged: its key is proven."""

        def take_over_and_complete(_: Message) -> None:
            harness.seed_record("a")
            record = harness.memory.records["orders#a"]
            harness.memory.records["orders#a"] = replace(record, status="COMPLETED")

        harness.behaviour["a"] = take_over_and_complete
        assert harness.deliver("a") == []
        assert harness.outcomes == {"m-a": "lost_lease"}

    def test_late_failure_releases_nothing(self, harness: ConsumerHarness) -> None:
        """An owner that fails late does not release the next owner's record."""

        def fail_late(_: Message) -> None:
            harness.seed_record("a", lease=60_000, attempts=2)
            raise ValueError

        harness.behaviour["a"] = fail_late
        assert harness.deliver("a") == ["m-a"]
        assert harness.memory.records["orders#a"].owner == "dead"
        assert harness.histories["m-a"].lease_lost


class TestObserver:
    """The reports that the log receives."""

    def test_every_message_once(self, harness: ConsumerHarness) -> None:
        """Each message of a batch has exactly one end, whatever it is."""
        ends: list[str] = []

        class Counting:
            def report_message(self, delivery: Any, *_: Any, **__: Any) -> None:
                ends.append(delivery.id)

            def report_batch(self, _: Any) -> None:
                ends.append("the batch")

        harness.seed_record("l", attempts=1)
        harness.seed_record("in_progress", lease=1)
        harness.behaviour["bad"] = raising(ValueError())
        harness.behaviour["l"] = raising(SystemExit())
        consumer = replace(harness.consumer, observer=Counting())
        batch = [order(each) for each in ("l", "a", "in_progress", "bad", "z")]
        batch += [record("{}", message_id="m-x"), order("a", "m-a2")]
        consumer.consume(event(*batch), Millis(30_000))
        assert ends.pop() == "the batch"
        assert sorted(ends) == ["m-a", "m-a2", "m-bad", "m-in_progress", "m-l", "m-x", "m-z"]

    def test_durations(self) -> None:
        """Claim, run and settlement are measured on the monotonic clock."""
        harness, store = faulty()
        store.millis = 40
        harness.behaviour["a"] = lambda _: harness.clock.advance(Millis(200))
        harness.deliver("a")
        assert harness.histories["m-a"].durations == {
            "claim_ms": 40,
            "run_ms": 200,
            "settle_ms": 40,
        }

    def test_recovered(self, harness: ConsumerHarness) -> None:
        """A claim that met its own record is marked as recovered."""
        harness.seed_record("a", lease=10_000)
        own = replace(harness.memory.records["orders#a"], owner=Owner("owner-1"))
        harness.memory.records["orders#a"] = own
        assert harness.deliver("a") == []
        assert harness.histories["m-a"].recovered
        assert harness.memory.records["orders#a"].completed_at == EpochMillis(START)
