"""Order within a group or a shard: whatever fails, what comes behind it does not overtake it."""

from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import Millis

from .events import event, fifo_order, kinesis_record, order, stream_record
from .harness import ConsumerHarness, faulty, raising, table_unavailable

FAILURE = raising(ValueError("on purpose"))


def shard(*order_ids: str) -> list[dict[str, Any]]:
    """A batch of a Kinesis shard, in its order."""
    return [kinesis_record(each, str(place)) for place, each in enumerate(order_ids, 1)]


def table_shard(*order_ids: str) -> list[dict[str, Any]]:
    """A batch of a table's stream, in its order."""
    return [stream_record(each, str(place)) for place, each in enumerate(order_ids, 1)]


class TestGroups:
    """FIFO queues."""

    def test_one_after_the_other(self) -> None:
        """Each message of a group is confirmed before the next one starts; claims are shared."""
        harness, store = faulty()
        assert harness.deliver(*(fifo_order(each) for each in "abc")) == []
        assert harness.ran == ["a", "b", "c"]
        assert store.trips == ["claim 3", "complete 1", "complete 1", "complete 1"]

    def test_across_groups(self) -> None:
        """Group commit spans groups: the first of each run, then they are confirmed together."""
        harness, store = faulty()
        batch = [fifo_order(f"{group}{n}", group) for n in "12" for group in "xyz"]
        assert harness.deliver(*batch) == []
        assert harness.ran == ["x1", "y1", "z1", "x2", "y2", "z2"]
        assert store.trips == ["claim 6", "complete 3", "complete 3"]

    def test_the_batchs_order_is_no_matter(self) -> None:
        """A group that lies in one piece is run in its order all the same."""
        harness, _ = faulty()
        harness.deliver(*(fifo_order(f"{group}{n}", group) for group in "xy" for n in "123"))
        assert harness.ran == ["x1", "y1", "x2", "y2", "x3", "y3"]

    def test_failure_blocks_its_group_only(self) -> None:
        """After a failure the rest of the group is given back unrun; other groups go on."""
        harness, store = faulty()
        harness.behaviour["x2"] = FAILURE
        batch = [fifo_order(f"{group}{n}", group) for group in "xy" for n in "1234"]
        assert harness.deliver(*batch) == ["m-x2", "m-x3", "m-x4"]
        assert harness.ran == ["x1", "y1", "x2", "y2", "y3", "y4"]
        assert [harness.outcomes[f"m-x{n}"] for n in "1234"] == [
            "completed", "failed", "blocked", "blocked",
        ]  # fmt: skip
        assert harness.status("x3") is None
        assert "release 3" in store.trips

    def test_retry_goes_on_where_it_failed(self) -> None:
        """The redelivery of the group runs what is left, in order."""
        harness, _ = faulty()
        harness.behaviour["b"] = FAILURE
        batch = [fifo_order(each) for each in "abc"]
        harness.deliver(*batch)
        harness.behaviour.clear()
        assert harness.deliver(*batch) == []
        assert harness.ran == ["a", "b", "b", "c"]

    @pytest.mark.parametrize("error", [table_unavailable(), table_unavailable(maybe_written=True)])
    def test_unconfirmed_completion(self, error: Any) -> None:
        """While a completion cannot be confirmed, the next of the group does not start."""
        harness, store = faulty()
        store.faults["complete orders#a"] = error
        assert harness.deliver(fifo_order("a"), fifo_order("b")) == ["m-a", "m-b"]
        assert harness.ran == ["a"]

    def test_busy_head(self) -> None:
        """A message behind one that is busy elsewhere waits for it too."""
        harness, _ = faulty()
        harness.seed_record("a", lease=7000)
        assert harness.deliver(fifo_order("a"), fifo_order("b"), fifo_order("c", "other")) == [
            "m-a", "m-b",
        ]  # fmt: skip
        assert harness.ran == ["c"]
        assert harness.queues.postponed == {"m-a": 9, "m-b": 9}

    def test_busy_tail(self) -> None:
        """A message that cannot be claimed holds up the ones behind it, and none before it."""
        harness, store = faulty()
        harness.seed_record("c", lease=7000)
        store.faults["claim orders#d"] = table_unavailable()
        batch = [fifo_order(each) for each in "abcde"]
        assert harness.deliver(*batch) == ["m-c", "m-d", "m-e"]
        assert harness.ran == ["a", "b"]

    def test_no_key(self) -> None:
        """A message without a key holds up what follows it in its group, not what is before it."""
        harness, _ = faulty()
        lost = fifo_order("b", body="{}")
        assert harness.deliver(fifo_order("a"), lost, fifo_order("c")) == ["m-b", "m-c"]
        assert harness.ran == ["a"]
        assert harness.outcomes == {"m-b": "rejected", "m-c": "blocked", "m-a": "completed"}

    def test_stale_head_runs_first(self) -> None:
        """In a group interrupted work keeps its place, however often it was interrupted."""
        harness, _ = faulty()
        harness.seed_record("a", attempts=3)
        assert harness.deliver(*(fifo_order(each) for each in "abc")) == []
        assert harness.ran == ["a", "b", "c"]

    def test_all_stale(self) -> None:
        """After a crash the whole group is taken over in its order."""
        harness, _ = faulty()
        for each in "abc":
            harness.seed_record(each)
        assert harness.deliver(*(fifo_order(each) for each in "abc")) == []
        assert harness.ran == ["a", "b", "c"]

    def test_stale_in_the_middle(self) -> None:
        """A message behind interrupted work waits for it, even if it was claimed earlier."""
        harness, _ = faulty()
        harness.seed_record("b")
        harness.behaviour["b"] = FAILURE
        assert harness.deliver(*(fifo_order(each) for each in "abc")) == ["m-b", "m-c"]
        assert harness.ran == ["a", "b"]

    def test_duplicate_within_the_group(self) -> None:
        """A second message with the same key shares the end of the first."""
        harness, _ = faulty()
        twice = fifo_order("a", messageId="m-again")
        assert harness.deliver(fifo_order("a"), fifo_order("b"), twice) == []
        assert harness.ran == ["a", "b"]

    def test_one_key_in_two_groups(self) -> None:
        """Its failure holds up both groups, because its message was part of both orders."""
        harness, _ = faulty()
        harness.behaviour["k"] = FAILURE
        twin = fifo_order("k", "y", messageId="m-twin")
        batch = [fifo_order("k", "x"), twin, fifo_order("x2", "x"), fifo_order("y2", "y")]
        assert harness.deliver(*batch) == ["m-k", "m-twin", "m-x2", "m-y2"]
        assert harness.ran == ["k"]

    def twice(self) -> list[Any]:
        """K is in the first group, and behind M in the second."""
        first, again = fifo_order("k", "x"), fifo_order("k", "y", messageId="m-again")
        return [first, fifo_order("m", "y"), again, fifo_order("z", "y")]

    def test_one_key_in_two_orders(self) -> None:
        """Both orders are kept: the key runs once, after what precedes it in either group."""
        harness, _ = faulty()
        assert harness.deliver(*self.twice()) == []
        assert harness.ran == ["m", "k", "z"]
        assert harness.outcomes["m-again"] == "duplicate"

    def test_one_key_in_two_orders_of_which_one_fails(self) -> None:
        """A message behind a failure is reported, though its key is done for the other group."""
        harness, _ = faulty()
        harness.behaviour["m"] = FAILURE
        assert harness.deliver(*self.twice()) == ["m-m", "m-again", "m-z"]
        assert harness.ran == ["m", "k"]
        assert harness.outcomes == {
            "m-k": "completed", "m-m": "failed", "m-again": "blocked", "m-z": "blocked",
        }  # fmt: skip

    def test_two_keys_in_opposite_orders(self) -> None:
        """Where no order satisfies both groups, each key runs once, in the batch's order."""
        harness, _ = faulty()
        other = [fifo_order(each, "y", messageId=f"m-{each}-y") for each in "ba"]
        assert harness.deliver(fifo_order("a", "x"), *other, fifo_order("b", "x")) == []
        assert sorted(harness.ran) == ["a", "b"]

    def test_again_behind_a_failure(self) -> None:
        """A key that comes again behind a failure of its group is not acknowledged."""
        harness, _ = faulty()
        harness.behaviour["b"] = FAILURE
        again = fifo_order("a", messageId="m-again")
        assert harness.deliver(fifo_order("a"), fifo_order("b"), again) == ["m-b", "m-again"]
        assert harness.ran == ["a", "b"]

    @pytest.mark.parametrize("head", ["fails", "is in progress"])
    @pytest.mark.parametrize("middle", ["COMPLETED", "PARKED"])
    def test_done_before_in_the_middle(self, middle: str, head: str) -> None:
        """A message whose key is done already does not let those behind it pass a failure."""
        harness, _ = faulty()
        assert harness.deliver("b") == []
        done = harness.memory.records["orders#b"]
        if middle == "PARKED":
            done = replace(done, status=middle, expires_at=None, dead_lettered_at=done.created_at)
        harness.memory.records["orders#b"] = done
        harness.ran.clear()
        harness.behaviour["a"] = FAILURE
        if head == "is in progress":
            harness.seed_record("a", lease=7000)
        batch = [fifo_order(each) for each in "abcd"]
        assert harness.deliver(*batch) == ["m-a", "m-b", "m-c", "m-d"]
        assert harness.ran == (["a"] if head == "fails" else [])
        assert [harness.outcomes[f"m-{each}"] for each in "bcd"] == ["blocked"] * 3

    @pytest.mark.parametrize("copy_first", [True, False])
    @pytest.mark.parametrize("make", [order, fifo_order])
    def test_redriven_copy_and_its_duplicate(self, make: Any, *, copy_first: bool) -> None:
        """A redriven copy and a plain duplicate share one end, in either order."""
        harness, _ = faulty()
        token = {"IdempotencyOwner": {"stringValue": "dead", "dataType": "String"}}
        copy = make("a", messageId="m-copy", messageAttributes=token)
        pair = [copy, make("a")] if copy_first else [make("a"), copy]
        assert harness.deliver(*pair, make("b")) == []
        assert harness.ran == ["a", "b"]

    def test_interruption_stops_all(self) -> None:
        """SystemExit in one group keeps everything from starting, as in a standard queue."""
        harness, _ = faulty()
        harness.behaviour["a"] = raising(SystemExit())
        assert harness.deliver(fifo_order("a"), fifo_order("b"), fifo_order("c", "y")) == [
            "m-a", "m-b", "m-c",
        ]  # fmt: skip
        assert harness.ran == ["a"]

    def test_threads_keep_the_order(self) -> None:
        """With concurrency groups run side by side, and each in its order."""
        harness = ConsumerHarness(concurrency=3)
        batch = [fifo_order(f"{group}{n}", group) for group in "wxyz" for n in range(5)]
        assert harness.deliver(*batch) == []
        for group in "wxyz":
            mine = [each for each in harness.ran if each.startswith(group)]
            assert mine == [f"{group}{n}" for n in range(5)]

    def test_standard_queue_has_no_groups(self) -> None:
        """A group id on a standard queue is for fairness and orders nothing."""
        harness, _ = faulty()
        harness.behaviour["a"] = FAILURE
        fair = order("a", attributes={"MessageGroupId": "g", "ApproximateReceiveCount": "1"})
        later = order("b", attributes={"MessageGroupId": "g", "ApproximateReceiveCount": "1"})
        assert harness.deliver(fair, later) == ["m-a"]


@pytest.mark.parametrize(
    ("records", "key"), [(shard, "body.id"), (table_shard, "dynamodb.Keys.id.S")]
)
class TestShards:
    """Kinesis and DynamoDB Streams."""

    def test_in_order(self, records: Any, key: str) -> None:
        """A shard's records run one after the other."""
        harness = ConsumerHarness(key=key)
        assert harness.deliver(*records("a", "b", "c")) == []
        assert harness.ran == ["a", "b", "c"]

    def test_failure(self, records: Any, key: str) -> None:
        """The first failure is named, nothing behind it runs, and the retry starts with it."""
        harness = ConsumerHarness(key=key)
        harness.behaviour["b"] = FAILURE
        assert harness.deliver(*records("a", "b", "c")) == ["2"]
        assert harness.ran == ["a", "b"]
        harness.behaviour.clear()
        assert harness.deliver(*records("a", "b", "c")) == []
        assert harness.ran == ["a", "b", "b", "c"]

    def test_no_key(self, records: Any, key: str) -> None:
        """A record without a key is where the shard is retried from, and what is before it ran."""
        harness = ConsumerHarness(key=f"{key} && missing || {key} == 'a' && 'a' || missing")
        assert harness.deliver(*records("a", "b", "c")) == ["2"]
        assert harness.ran == ["a"]


def test_busy_record_is_waited_for() -> None:
    """A stream delivers again at once, so a live claim is waited out inside the invocation."""
    harness = ConsumerHarness()
    harness.seed_record("a", lease=4000)
    began = harness.clock.now()
    assert harness.deliver(*shard("a", "b")) == []
    assert harness.ran == ["a", "b"]
    assert harness.clock.now() - began == 5000
    assert harness.histories["1"].attempts == 2


def test_busy_record_without_time() -> None:
    """A lease that ends too late is waited for all the same: a stream would retry at once."""
    harness = ConsumerHarness()
    harness.seed_record("a", lease=28_000)
    began = harness.clock.now()
    assert harness.deliver(*shard("a", "b")) == ["1"]
    assert harness.clock.now() - began == 29_000
    assert harness.outcomes == {"1": "in_progress", "2": "blocked"}
    assert harness.queues.postponed == {}


class Released:
    """A clock at whose first pause the other owners give their claims back."""

    def __init__(self, harness: ConsumerHarness, *order_ids: str) -> None:
        sleep = harness.clock.sleep

        def released(duration: Millis) -> None:
            for each in order_ids:
                harness.memory.records.pop(f"orders#{each}", None)
            sleep(duration)

        harness.clock.sleep = released  # type: ignore[method-assign]


@pytest.mark.parametrize("in_progress", ["b", "c", "bc", "abc"])
def test_wait_keeps_its_place(in_progress: str) -> None:
    """A message that was waited for runs in its place; messages before it do not wait."""
    harness = ConsumerHarness()
    for each in in_progress:
        harness.seed_record(each, lease=4000)
    Released(harness, *in_progress)
    assert harness.deliver(*shard("a", "b", "c")) == []
    assert harness.ran == ["a", "b", "c"]


def test_wait_behind_a_failure() -> None:
    """A waiting message in a group that has failed does not run, and nothing waits for it."""
    harness = ConsumerHarness()
    harness.seed_record("b", lease=4000)
    harness.behaviour["a"] = FAILURE
    began = harness.clock.now()
    assert harness.deliver(*shard("a", "b")) == ["1"]
    assert harness.outcomes == {"1": "failed", "2": "blocked"}
    assert harness.clock.now() == began


def test_busy_event_is_waited_for() -> None:
    """The lease of an event that was sent straight to the function is waited for too."""
    harness = ConsumerHarness(key="body.id")
    harness.seed_record("a", lease=4000)
    assert harness.consumer.consume({"id": "a"}, Millis(30_000)) is None
    assert harness.ran == ["a"]


def test_two_sources_are_refused() -> None:
    """A batch is from one source."""
    harness = ConsumerHarness()
    with pytest.raises(Exception, match="several sources"):
        harness.consumer.consume(event(order("a"), *shard("b")), Millis(30_000))
