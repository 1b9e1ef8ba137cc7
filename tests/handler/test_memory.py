"""A batch is freed when its invocation has answered, and no refusal takes much more than a body."""

import gc
import json
import tracemalloc
import weakref
from collections.abc import Callable, Iterator

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.pipeline import consumer
from idempotent_lambda.sources.payload import check_event, decode_payload
from tests.waiting import eventually

from .events import event, order
from .harness import ConsumerHarness


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Nothing that is part of a cycle is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_cycle_keeps_a_batch(monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
    """Without the cyclic collector, no part of a batch outlives the answer."""
    harness = ConsumerHarness(concurrency=concurrency)
    watched: list[weakref.ref[object]] = []
    invocation = consumer.Invocation

    def watch(*given: object) -> object:
        made = invocation(*given)  # type: ignore[arg-type]
        watched.append(weakref.ref(made))
        return made

    monkeypatch.setattr(consumer, "Invocation", watch)
    for _ in range(3):
        batch = event(*(order(name) for name in "abcde"))
        harness.consumer.consume(batch, Millis(30_000))
    assert len(watched) == 3
    # The thread that polls may still hold the method of one that it has just called.
    eventually(lambda: [reference() for reference in watched] == [None] * 3, "freed")


FLOATS = "[" + "1.25," * 30_000
NESTED = {"a": [[] for _ in range(30_000)]}


def measure_peak(run: Callable[[], object]) -> int:
    """The most memory that a call takes, in bytes."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("end", ["NaN]", "1e400]", "1.5", "1, {]"])
def test_a_body_that_cannot_be_decoded(end: str) -> None:
    """A large body that is refused, or is not JSON, takes about the memory of a body that is."""
    decoded = measure_peak(lambda: decode_payload(FLOATS + "1.5]"))
    assert measure_peak(lambda: decode_payload(FLOATS + end)) < 2 * decoded


def test_an_event_of_many_parts() -> None:
    """The search for a number that is refused keeps no place of any part."""
    assert len(json.dumps(NESTED)) > 100_000
    assert check_event(NESTED) is None
    assert measure_peak(lambda: check_event(NESTED)) < 1_000_000
