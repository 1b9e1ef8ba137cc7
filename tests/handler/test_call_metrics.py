"""Metrics of decorated calls apart by name: a second set of dimensions, with few names."""

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import ConfigurationError
from idempotent_lambda.log import JsonLines
from idempotent_lambda.metrics import MAX_NAMES
from tests.waiting import SECONDS

from .harness import ConsumerHarness

FUNCTION, BOTH = ["FunctionName"], ["FunctionName", "DecoratedName"]


class Calls:
    """Decorated functions that write metrics."""

    def __init__(self, *, by_name: bool = True) -> None:
        self.harness, self._stream = ConsumerHarness(), io.StringIO()
        self.observer = JsonLines(
            self.harness.clock,
            hash_keys=False,
            function="orders",
            by_name=by_name,
            stream=self._stream,
        )
        consumer = self.harness.consumer
        self._wiring = Wiring(consumer.settings, consumer.store, self.harness.clock, self.observer)

    def decorate(self, name: str, run: Callable[[str], Any]) -> Callable[[str], Any]:
        """A decorated function of a name."""

        @idempotent(name=name, key="order_id", lease_seconds=30, wiring=self._wiring)
        def call(order_id: str) -> Any:
            return run(order_id)

        return call

    def batches(self) -> list[dict[str, Any]]:
        """The lines with metrics."""
        lines = map(json.loads, self._stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == "batch"]


def find_dimensions(line: dict[str, Any]) -> list[list[str]]:
    """The sets of dimensions by which CloudWatch finds the metrics of a line."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    sets: list[list[str]] = directive["Dimensions"]
    return sets


def test_apart_by_name() -> None:
    """A call's metrics are found by the function, as before, and by the decorated name too."""
    calls = Calls()
    calls.decorate("charge", str)("a")
    calls.decorate("refund", str)("a")
    names = [(line["FunctionName"], line["DecoratedName"]) for line in calls.batches()]
    assert names == [("orders", "charge"), ("orders", "refund")]
    assert [find_dimensions(line) for line in calls.batches()] == [[FUNCTION, BOTH]] * 2


def test_off_by_default() -> None:
    """Each name costs as much as the function: its metrics are written only if you ask for them."""
    calls = Calls(by_name=False)
    calls.decorate("charge", str)("a")
    (line,) = calls.batches()
    assert find_dimensions(line) == [FUNCTION]
    assert "DecoratedName" not in line


def test_batches_have_no_name() -> None:
    """The metrics of a batch of messages have one dimension in any case."""
    calls = Calls()
    object.__setattr__(calls.harness.consumer, "observer", calls.observer)
    calls.harness.deliver("a")
    (line,) = calls.batches()
    assert find_dimensions(line) == [FUNCTION]
    assert "DecoratedName" not in line


def test_few_names() -> None:
    """A process has twenty names in metrics; all further ones share a name that nobody can take."""
    calls = Calls()
    functions = [calls.decorate(f"charge-{number}", str) for number in range(MAX_NAMES + 3)]
    for function in functions + functions:
        function("a")
    shown = [line["DecoratedName"] for line in calls.batches()]
    expected = [f"charge-{number}" for number in range(20)] + ["(other)"] * 3
    assert shown == expected + expected
    with pytest.raises(ConfigurationError, match="not a name"):
        calls.decorate("(other)", str)


def test_messages_take_no_name() -> None:
    """Batches of messages in the same log leave all names to calls."""
    calls = Calls()
    object.__setattr__(calls.harness.consumer, "observer", calls.observer)
    calls.harness.deliver("a")
    for number in range(MAX_NAMES):
        calls.decorate(f"charge-{number}", str)("a")
    assert "(other)" not in [line.get("DecoratedName") for line in calls.batches()]


def test_calls_at_the_same_time() -> None:
    """A call that ends between the report and the metrics of another one keeps its own count."""
    calls = Calls()
    reported, go_on = threading.Event(), threading.Event()
    report_batch = calls.observer.report_batch

    def wait(stats: Any) -> None:
        if stats.decorated == "slow":
            reported.set()
            assert go_on.wait(SECONDS)
        report_batch(stats)

    calls.observer.report_batch = wait  # type: ignore[method-assign]
    slow = calls.decorate("slow", str)
    thread = threading.Thread(target=slow, args=("a",))
    thread.start()
    assert reported.wait(SECONDS)
    quick = calls.decorate("quick", str)
    quick("a")
    quick("a")
    go_on.set()
    thread.join(SECONDS)
    counts = [
        (line["DecoratedName"], line.get("processed"), line.get("duplicates"))
        for line in calls.batches()
    ]
    assert counts == [("quick", 1, None), ("quick", None, 1), ("slow", 1, None)]
