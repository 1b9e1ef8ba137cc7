"""Observe mode: would-be duplicates are reported, but still run."""

from idempotent_lambda import PermanentFailure

from .events import fifo_order, order, record
from .harness import ConsumerHarness, FaultyStore, raising, table_unavailable


def observing() -> ConsumerHarness:
    """A harness that only observes."""
    return ConsumerHarness(observe_only=True)


def test_duplicates_run() -> None:
    """A duplicate runs, and its line reports that it met a completed record."""
    harness = observing()
    assert harness.deliver("a") == []
    assert harness.deliver(order("a", message_id="m-2")) == []
    assert harness.ran == ["a", "a"]
    assert harness.outcomes == {"m-a": "completed", "m-2": "observed"}
    assert (harness.histories["m-a"].claim_result, harness.histories["m-2"].claim_result) == (
        "claimed",
        "duplicate",
    )


def test_within_a_batch() -> None:
    """Equal keys of one batch run each for itself."""
    harness = observing()
    assert harness.deliver("a", order("a", message_id="m-2"), "b") == []
    assert harness.ran == ["a", "a", "b"]
    assert harness.outcomes["m-2"] == "observed"


def test_busy_runs() -> None:
    """A live claim of another keeps nothing from running, and stays as it is."""
    harness = observing()
    harness.seed_record("a", lease=9000)
    before = harness.memory.records["orders#a"]
    assert harness.deliver("a") == []
    assert harness.histories["m-a"].claim_result == "in_progress"
    assert harness.memory.records["orders#a"] is before


def test_permanent_failure() -> None:
    """Nothing is parked either: it is delivered again, as it was before."""
    harness = observing()
    harness.behaviour["a"] = raising(PermanentFailure("no"))
    assert harness.deliver("a") == ["m-a"]
    assert harness.outcomes == {"m-a": "failed"}
    assert harness.queues.dead_letters == []


def test_failures_are_reported() -> None:
    """A message whose processor raises is delivered again, with a claim or without."""
    harness = observing()
    harness.behaviour["a"] = raising(ValueError())
    assert harness.deliver("a") == ["m-a"]
    harness.seed_record("a", lease=9000)
    assert harness.deliver("a") == ["m-a"]
    assert harness.ran == ["a", "a"]
    assert harness.outcomes == {"m-a": "failed"}


def test_table_is_down() -> None:
    """A table that does not answer keeps nothing from running."""
    harness = observing()
    store = FaultyStore(harness.clock, harness.memory)
    store.faults["claim"] = table_unavailable()
    object.__setattr__(harness.consumer, "store", store)
    assert harness.deliver("a", "b") == []
    assert harness.ran == ["a", "b"]
    assert harness.outcomes == {"m-a": "observed", "m-b": "observed"}


def test_table_hangs() -> None:
    """Nor does one that costs all patience."""
    harness = observing()
    store = FaultyStore(harness.clock, harness.memory)
    store.faults["claim"], store.millis = table_unavailable(), 3000
    object.__setattr__(harness.consumer, "store", store)
    assert harness.deliver("a", "b", "c") == []
    assert harness.ran == ["a", "b", "c"]


def test_completion_fails() -> None:
    """A completion that cannot be confirmed has nothing delivered again."""
    harness = observing()
    store = FaultyStore(harness.clock, harness.memory)
    store.faults["complete"] = table_unavailable(maybe_written=True)
    object.__setattr__(harness.consumer, "store", store)
    assert harness.deliver("a", "b") == []
    assert harness.ran == ["a", "b"]
    assert harness.outcomes == {"m-a": "observed", "m-b": "observed"}


def test_lease_lost() -> None:
    """Nor does a claim that was lost meanwhile."""
    harness = observing()
    harness.behaviour["a"] = lambda _: harness.memory.records.clear()
    assert harness.deliver("a") == []
    assert harness.outcomes == {"m-a": "observed"}


def test_no_key() -> None:
    """A message without a key, which would be rejected, is reported and runs."""
    harness = observing()
    assert harness.deliver(record("{}", message_id="m-a")) == []
    assert len(harness.ran) == 1
    assert harness.outcomes == {"m-a": "completed"}


def test_order_is_kept() -> None:
    """The order of a group is not a matter of duplicates, and is kept."""
    harness = observing()
    harness.behaviour["b"] = raising(ValueError())
    assert harness.deliver(*(fifo_order(each) for each in "abc")) == ["m-b", "m-c"]
