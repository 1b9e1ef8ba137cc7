"""A batch is freed when its invocation has answered."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.pipeline import consumer
from tests.waiting import eventually

from .events import event, order
from .harness import ConsumerHarness


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """Nothing that is part of a cycle is freed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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
