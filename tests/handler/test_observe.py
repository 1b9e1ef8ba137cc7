"""Observe mode: would-be duplicates are told, and run all the same."""

from idempotent_lambda import PermanentFailure

from .bench import Bench, FaultyStore, raising, unavailable
from .events import fifo_order, order, record


def observing() -> Bench:
    """A bench that only observes."""
    return Bench(observe_only=True)


def test_duplicates_run() -> None:
    """A duplicate runs; its line tells that it met a completed record."""
    bench = observing()
    assert bench.deliver("a") == []
    assert bench.deliver(order("a", message_id="m-2")) == []
    assert bench.ran == ["a", "a"]
    assert bench.outcomes == {"m-a": "completed", "m-2": "observed"}
    assert (bench.histories["m-a"].claim_result, bench.histories["m-2"].claim_result) == (
        "claimed",
        "duplicate",
    )


def test_within_a_batch() -> None:
    """Equal keys of one batch run each for itself."""
    bench = observing()
    assert bench.deliver("a", order("a", message_id="m-2"), "b") == []
    assert bench.ran == ["a", "a", "b"]
    assert bench.outcomes["m-2"] == "observed"


def test_busy_runs() -> None:
    """A live claim of another keeps nothing from running, and stays as it is."""
    bench = observing()
    bench.lay("a", lease=9000)
    before = bench.memory.records["orders#a"]
    assert bench.deliver("a") == []
    assert bench.histories["m-a"].claim_result == "in_progress"
    assert bench.memory.records["orders#a"] is before


def test_permanent_failure() -> None:
    """Nothing is parked either: it is delivered again, as it was before."""
    bench = observing()
    bench.behaviour["a"] = raising(PermanentFailure("no"))
    assert bench.deliver("a") == ["m-a"]
    assert bench.outcomes == {"m-a": "failed"}
    assert bench.queues.dead_letters == []


def test_failures_are_reported() -> None:
    """What raises is delivered again, with a claim or without."""
    bench = observing()
    bench.behaviour["a"] = raising(ValueError())
    assert bench.deliver("a") == ["m-a"]
    bench.lay("a", lease=9000)
    assert bench.deliver("a") == ["m-a"]
    assert bench.ran == ["a", "a"]
    assert bench.outcomes == {"m-a": "failed"}


def test_table_is_down() -> None:
    """A table that does not answer keeps nothing from running."""
    bench = observing()
    store = FaultyStore(bench.clock, bench.memory)
    store.faults["claim"] = unavailable()
    object.__setattr__(bench.consumer, "store", store)
    assert bench.deliver("a", "b") == []
    assert bench.ran == ["a", "b"]
    assert bench.outcomes == {"m-a": "observed", "m-b": "observed"}


def test_table_hangs() -> None:
    """Nor does one that costs all patience."""
    bench = observing()
    store = FaultyStore(bench.clock, bench.memory)
    store.faults["claim"], store.millis = unavailable(), 3000
    object.__setattr__(bench.consumer, "store", store)
    assert bench.deliver("a", "b", "c") == []
    assert bench.ran == ["a", "b", "c"]


def test_completion_fails() -> None:
    """A completion that cannot be confirmed has nothing delivered again."""
    bench = observing()
    store = FaultyStore(bench.clock, bench.memory)
    store.faults["complete"] = unavailable(maybe_written=True)
    object.__setattr__(bench.consumer, "store", store)
    assert bench.deliver("a", "b") == []
    assert bench.ran == ["a", "b"]
    assert bench.outcomes == {"m-a": "observed", "m-b": "observed"}


def test_lease_lost() -> None:
    """Nor does a claim that was lost meanwhile."""
    bench = observing()
    bench.behaviour["a"] = lambda _: bench.memory.records.clear()
    assert bench.deliver("a") == []
    assert bench.outcomes == {"m-a": "observed"}


def test_no_key() -> None:
    """A message without a key would be rejected: that is told, and it runs."""
    bench = observing()
    assert bench.deliver(record("{}", message_id="m-a")) == []
    assert len(bench.ran) == 1
    assert bench.outcomes == {"m-a": "completed"}


def test_order_is_kept() -> None:
    """The order of a group is not a matter of duplicates, and is kept."""
    bench = observing()
    bench.behaviour["b"] = raising(ValueError())
    assert bench.deliver(*(fifo_order(each) for each in "abc")) == ["m-b", "m-c"]
