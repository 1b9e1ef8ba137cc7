"""Metrics are what happened: in the lines of each batch, as CloudWatch extracts them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from idempotent_lambda import PermanentFailure, idempotent
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import BatchFailedError, StoreUnavailableError
from idempotent_lambda.log import JsonLines
from idempotent_lambda.metrics import MAX_VALUES, METRICS
from idempotent_lambda.observer import BatchStats
from idempotent_lambda.pipeline.invocation import measure_covered
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda_toolkit.testing import ManualClock

from .events import event, order, record
from .harness import ConsumerHarness, FaultyStore, faulty, raising, refused, table_unavailable

NEVER = raising(PermanentFailure("no such account"))
COUNTED = {name for name, unit in METRICS.items() if unit == "Count"} - {"batch_size"}
UNITS = {"Count", "Milliseconds", "Seconds"}


def extracted(line: str) -> dict[str, list[float]]:
    """The values that CloudWatch finds in a line, by metric; of the function ``orders`` alone."""
    found = json.loads(line)
    about = found["_aws"]
    assert set(about) == {"Timestamp", "CloudWatchMetrics"}
    assert type(about["Timestamp"]) is int
    (directive,) = about["CloudWatchMetrics"]
    assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
    assert directive["Namespace"] == "IdempotentLambda"
    assert directive["Dimensions"] == [["FunctionName"]]
    assert found["FunctionName"] == "orders"
    values: dict[str, list[float]] = {}
    for metric in directive["Metrics"]:
        assert set(metric) == {"Name", "Unit"}
        assert metric["Unit"] == METRICS[metric["Name"]]
        value = found[metric["Name"]]
        values[metric["Name"]] = value if isinstance(value, list) else [value]
        assert 0 < len(values[metric["Name"]]) <= MAX_VALUES
        assert all(type(each) in {int, float} for each in values[metric["Name"]])
    assert len(values) == len(directive["Metrics"])
    return values


class Log:
    """Benches whose lines are kept.

    Attributes:
        stream: the lines.
    """

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def harness(self, harness: ConsumerHarness | None = None, **changes: Any) -> ConsumerHarness:
        """A harness that writes here."""
        made = harness or ConsumerHarness(**changes)
        observer = JsonLines(made.clock, hash_keys=False, function="orders", stream=self.stream)
        object.__setattr__(made.consumer, "observer", observer)
        return made

    def faulty(self) -> tuple[ConsumerHarness, FaultyStore]:
        """One whose store can be made faulty."""
        harness, store = faulty()
        return self.harness(harness), store

    def batches(self) -> list[dict[str, list[float]]]:
        """What each batch's line has for CloudWatch, in their order."""
        lines = self.stream.getvalue().splitlines()
        assert all(("_aws" in json.loads(each)) == ('"event":"batch"' in each) for each in lines)
        return [extracted(each) for each in lines if '"event":"batch"' in each]


class Scenario(NamedTuple):
    """What makes lines, and what is counted in them, batch by batch."""

    play: Callable[[Log], object]
    counted: list[dict[str, int]]


def _again(log: Log) -> None:
    harness = log.harness()
    harness.deliver("a", order("a", "m-2"))
    harness.deliver(order("a", "m-3"))


def _failed(log: Log) -> None:
    harness = log.harness()
    harness.behaviour["a"] = raising(ValueError("no"))
    harness.deliver("a", order("a", "m-2"))


def _in_progress(log: Log) -> None:
    harness = log.harness()
    harness.seed_record("a", lease=1000)
    harness.deliver("a")


def _taken_over(log: Log) -> None:
    harness = log.harness()
    harness.seed_record("a")
    harness.deliver("a", order("a", "m-2"))


def _taken_over_in_vain(log: Log) -> None:
    harness = log.harness()
    harness.seed_record("a", attempts=2)
    harness.behaviour["a"] = raising(ValueError("no"))
    harness.deliver("a")


def _late(log: Log) -> None:
    harness = log.harness()
    harness.behaviour["a"] = lambda _: harness.seed_record("a", lease=60_000)
    harness.deliver("a", order("a", "m-2"))


def _late_and_completed(log: Log) -> None:
    harness = log.harness()

    def complete(_: object) -> None:
        harness.seed_record("a")
        found = harness.memory.records["orders#a"]
        harness.memory.records["orders#a"] = replace(found, status="COMPLETED")

    harness.behaviour["a"] = complete
    harness.deliver("a")


def _never_had_the_lease(log: Log) -> None:
    harness, store = log.faulty()
    harness.deliver("a")
    store.after["claim orders#a"] = table_unavailable(maybe_written=True)
    harness.deliver("a")
    assert json.loads(log.stream.getvalue().splitlines()[-2])["lease_lost"]


def _parked(log: Log) -> None:
    harness = log.harness()
    harness.behaviour["a"] = NEVER
    harness.deliver("a", order("a", "m-2"))
    harness.deliver(order("a", "m-3"))


def _parked_without_a_copy(log: Log) -> None:
    harness = log.harness()
    harness.behaviour["a"] = NEVER
    harness.queues.failure = refused()
    harness.deliver("a")
    harness.queues.failure = None
    harness.deliver("a")
    harness.deliver("a")


def _parked_when_interrupted(log: Log) -> None:
    harness = log.harness(park_interrupted=True)
    harness.seed_record("a")
    harness.deliver("a")
    harness.deliver("a")


def _parked_by_a_decorated_function(log: Log) -> None:
    harness = log.harness()
    consumer = harness.consumer
    wiring = Wiring(consumer.settings, consumer.store, harness.clock, consumer.observer)

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=wiring)
    def charge(order_id: str) -> None:
        raise PermanentFailure(order_id)

    for _ in range(2):
        with pytest.raises(Exception, match="a"):
            charge("a")


def _observed(log: Log) -> None:
    harness = log.harness(observe_only=True)
    harness.deliver("a")
    harness.deliver("a")
    harness.seed_record("b", lease=1000)
    harness.deliver("b")
    harness.seed_record("c")
    harness.memory.records["orders#c"] = replace(
        harness.memory.records["orders#c"], status="PARKED"
    )
    harness.deliver("c")


def _observed_without_an_answer(log: Log) -> None:
    harness = ConsumerHarness(observe_only=True)
    store = FaultyStore(harness.clock, harness.memory)
    object.__setattr__(harness.consumer, "store", store)
    log.harness(harness)
    store.faults["claim"] = table_unavailable()
    harness.behaviour["b"] = raising(ValueError("no"))
    harness.deliver("a", order("a", "m-2"), "b")


def _waited_in_vain(log: Log) -> None:
    harness, store = log.faulty()
    harness.seed_record("a", lease=1000)
    store.faults["takeover"] = table_unavailable()
    with pytest.raises(BatchFailedError):
        harness.consumer.consume({"id": "a"}, Millis(30_000))


def _calls_without_an_answer(log: Log) -> None:
    harness, store = log.faulty()
    consumer = harness.consumer
    wiring = Wiring(consumer.settings, store, harness.clock, consumer.observer)

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=wiring)
    def charge(order_id: str) -> str:
        return order_id

    for step in ("claim", "complete"):
        store.faults = {step: table_unavailable()}
        with pytest.raises(StoreUnavailableError):
            charge("a")


def _recovered(log: Log) -> None:
    harness = log.harness()
    harness.seed_record("a", lease=30_000)
    mine = replace(harness.memory.records["orders#a"], owner=Owner("owner-1"))
    harness.memory.records["orders#a"] = mine
    harness.deliver("a")


def _unconfirmed(log: Log) -> None:
    harness, store = log.faulty()
    store.after["complete orders#a"] = table_unavailable(maybe_written=True)
    harness.deliver("a")


def _fallen_back(log: Log) -> None:
    harness = log.harness()
    harness.behaviour["a"] = lambda _: harness.consumer.observer.report_batch_calls_unavailable(
        refused()
    )
    harness.deliver("a")
    harness.deliver("b")


def _interrupted(log: Log) -> None:
    harness = log.harness()
    harness.behaviour["a"] = raising(SystemExit())
    harness.deliver("a")


PROCESSED, AGAIN = {"processed": 1}, {"unacknowledged": 1}
PARKED, DUPLICATE = {"parked": 1}, {"duplicates": 1}
SCENARIOS = {
    "processed, with a follower, and again": Scenario(_again, [PROCESSED | DUPLICATE, DUPLICATE]),
    "failed, with a follower": Scenario(_failed, [{"failures": 1, "unacknowledged": 2}]),
    "in_progress": Scenario(_in_progress, [AGAIN | {"in_progress": 1}]),
    "rejected": Scenario(
        lambda log: log.harness().deliver(record("{}")), [AGAIN | {"rejected": 1}]
    ),
    "taken over, with a follower": Scenario(
        _taken_over, [PROCESSED | DUPLICATE | {"takeovers": 1}]
    ),
    "taken over in vain": Scenario(_taken_over_in_vain, [AGAIN | {"takeovers": 1, "failures": 1}]),
    "late, with a follower": Scenario(_late, [{"unacknowledged": 2, "lost_leases": 1}]),
    "late, completed by the next": Scenario(_late_and_completed, [{"lost_leases": 1}]),
    "a claim that is lost to another": Scenario(
        _never_had_the_lease, [PROCESSED, AGAIN | {"table_unavailable": 1}]
    ),
    "parked, with a follower, and again": Scenario(_parked, [PARKED, {}]),
    "parked, its copy sent later": Scenario(_parked_without_a_copy, [PARKED | AGAIN, {}, {}]),
    "parked because it was interrupted": Scenario(_parked_when_interrupted, [PARKED, {}]),
    "parked by a decorated function": Scenario(
        _parked_by_a_decorated_function, [PARKED | AGAIN, AGAIN]
    ),
    "observed": Scenario(
        _observed, [PROCESSED, PROCESSED | DUPLICATE, PROCESSED | DUPLICATE, PROCESSED]
    ),
    "observed, without an answer": Scenario(
        _observed_without_an_answer,
        [{"processed": 2, "failures": 1, "unacknowledged": 1, "table_unavailable": 3}],
    ),
    "waited for, and then without an answer": Scenario(
        _waited_in_vain, [AGAIN | {"table_unavailable": 1}]
    ),
    "calls without an answer": Scenario(
        _calls_without_an_answer,
        [AGAIN | {"table_unavailable": 1}, AGAIN | {"unconfirmed": 1}],
    ),
    "observed, without a key": Scenario(
        lambda log: log.harness(observe_only=True).deliver(record("{}")),
        [PROCESSED | {"rejected": 1}],
    ),
    "interrupted": Scenario(_interrupted, [AGAIN | {"interrupted": 1}]),
    "its own claim, known again": Scenario(_recovered, [PROCESSED | {"recoveries": 1}]),
    "unconfirmed": Scenario(_unconfirmed, [AGAIN | {"unconfirmed": 1}]),
    "fallen back": Scenario(_fallen_back, [PROCESSED | {"batch_call_fallbacks": 1}, PROCESSED]),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_counts(name: str) -> None:
    """Each batch counts exactly the events that happened in it, and leaves out all others."""
    log = Log()
    SCENARIOS[name].play(log)
    counts = [
        {name: sum(values) for name, values in batch.items() if name in COUNTED}
        for batch in log.batches()
    ]
    assert counts == SCENARIOS[name].counted


def test_each_metric_is_provoked() -> None:
    """Every metric has a scenario that provokes it; separate tests cover levels."""
    provoked = {name for each in SCENARIOS.values() for batch in each.counted for name in batch}
    assert provoked == COUNTED
    assert set(METRICS) - COUNTED == {
        "batch_size", "overhead_ms", "store_ms", "oldest_parked_seconds",
    }  # fmt: skip
    assert set(METRICS.values()) == UNITS


def test_what_a_batch_takes() -> None:
    """A batch reports its size, its round trips, and the time in which no user code ran."""
    log = Log()
    harness, store = log.faulty()
    store.millis = 7
    harness.behaviour["a"] = harness.behaviour["b"] = lambda _: harness.clock.advance(Millis(50))
    harness.deliver("a", "b", order("a", "m-2"))
    (batch,) = log.batches()
    assert batch["batch_size"] == [3]
    # The claims of both; then their completions, together or each by itself.
    assert batch["store_ms"] in ([7, 7], [7, 7, 7])
    # Per message; a completion may go out while the next one runs.
    assert 14 / 3 - 0.1 < batch["overhead_ms"][0] < 21 / 3 + 0.1


def test_what_a_call_takes() -> None:
    """A decorated function reports the same for each call."""
    log = Log()
    harness, store = log.faulty()
    store.millis = 7
    consumer = harness.consumer
    wiring = Wiring(consumer.settings, store, harness.clock, consumer.observer)

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=wiring)
    def charge(order_id: str) -> None:
        del order_id
        harness.clock.advance(Millis(50))

    charge("a")
    charge("a")
    first, second = log.batches()
    assert (first["store_ms"], first["overhead_ms"]) == ([7, 7], [14])
    assert (second["store_ms"], second["overhead_ms"]) == ([7], [7])
    assert first["batch_size"] == second["batch_size"] == [1]


def test_oldest_parked() -> None:
    """A batch that meets parked records reports, once, how long the oldest has waited."""
    log = Log()
    harness = log.harness()
    harness.behaviour["a"] = harness.behaviour["b"] = NEVER
    harness.deliver("a")
    harness.clock.advance(Millis(60_000))
    harness.deliver("b")
    harness.clock.advance(Millis(3_000))
    harness.deliver("b", "a")
    harness.deliver("c")
    parked = [batch.get("oldest_parked_seconds") for batch in log.batches()]
    assert parked == [None, None, [63], None]


def test_many_values() -> None:
    """If there are more values than a line may have, the first ones are reported."""
    log = Log()
    observer = log.harness().consumer.observer
    many = [Millis(each) for each in range(MAX_VALUES + 1)]
    observer.report_batch(BatchStats(request_id="", messages=1, overhead=Millis(0), store=many))
    (batch,) = log.batches()
    assert batch["store_ms"] == many[:MAX_VALUES]


def test_none() -> None:
    """Without a function's name there are no metrics; and an empty batch has none."""
    stream = io.StringIO()
    harness = ConsumerHarness()
    observer = JsonLines(ManualClock(), hash_keys=False, stream=stream)
    object.__setattr__(harness.consumer, "observer", observer)
    harness.deliver("a")
    assert [json.loads(each)["event"] for each in stream.getvalue().splitlines()] == ["message"]
    log = Log()
    log.harness().consumer.consume(event(), Millis(30_000))
    assert log.batches() == []


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], 0),
        ([(5, 7)], 2),
        ([(0, 4), (6, 9)], 7),
        ([(0, 4), (2, 9)], 9),
        ([(2, 3), (0, 9)], 9),
        ([(0, 4), (4, 5)], 5),
    ],
)
def test_covered(spans: list[tuple[Millis, Millis]], expected: int) -> None:
    """Time in which several run counts once."""
    assert measure_covered(spans) == expected
