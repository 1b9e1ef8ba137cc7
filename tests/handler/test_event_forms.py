"""Whole events that no response can answer: each is refused by name, and nothing of it runs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import idempotent_lambda
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import UnsupportedEventError

from .events import event, kinesis_record, order, record, stream_record
from .harness import ConsumerHarness

PACKAGE = {"PYTHONPATH": str(Path(idempotent_lambda.__file__).parents[1])}
WINDOW = {"window": {"start": "2026-01-02T12:00:00Z", "end": "2026-01-02T12:02:00Z"}}
SHARD = {"shardId": "shardId-000000000006", "eventSourceARN": "stream-ARN"}
EXECUTION = "arn:aws:lambda:eu-central-1:123456789012:function:f:1/durable-execution/name/id"
DURABLE = {"DurableExecutionArn": EXECUTION, "CheckpointToken": "secret"}


def consume(whole: dict[str, Any], key: str | None = None) -> ConsumerHarness:
    """A harness after an event."""
    harness = ConsumerHarness(key=key)
    harness.consumer.consume(whole, Millis(30_000))
    return harness


@pytest.mark.parametrize(
    "whole",
    [
        {**event(kinesis_record("a")), **WINDOW, "state": {}, **SHARD},
        {**event(stream_record("a")), **WINDOW, "state": {"1": "282"}, **SHARD},
        {**event(kinesis_record("a")), **WINDOW, "state": None, "isWindowTerminatedEarly": True},
        {**event(), **WINDOW, "state": {"1": 1}, "isFinalInvokeForWindow": True},
        {**WINDOW, "state": {}, "isFinalInvokeForWindow": True, **SHARD},
    ],
    ids=["Kinesis", "DynamoDB", "early end", "final", "final without records"],
)
def test_tumbling_window(whole: dict[str, Any]) -> None:
    """A batch of a tumbling window is refused: its response would lose the window's state."""
    with pytest.raises(UnsupportedEventError, match="part of a tumbling window") as caught:
        consume(whole)
    assert "Remove tumbling_window_in_seconds" in str(caught.value)


@pytest.mark.parametrize(
    "whole",
    [
        {"id": "a", "window": {"start": 1, "end": 2}, "state": "open"},
        {"id": "a", "window": "left", "state": "open", "isFinalInvokeForWindow": True},
        {"id": "a", "window": {"width": 7}, "Type": "glass"},
    ],
)
def test_an_order_with_a_window(whole: dict[str, Any]) -> None:
    """An object of a producer may have a window or a state: it runs."""
    assert consume(whole, "body.id").ran == ["a"]


def test_a_batch_without_a_window() -> None:
    """A batch whose event has one more field that nobody documents yet runs."""
    assert consume({**event(order("a")), "window": None}, "body.id").ran == ["a"]


@pytest.mark.parametrize(
    "whole",
    [
        {**DURABLE, "InitialExecutionState": {"Operations": [], "NextMarker": ""}},
        {**DURABLE, "InitialExecutionState": {"Operations": [{"Id": "1", "Type": "EXECUTION"}]}},
        DURABLE,
    ],
    ids=["first", "replay", "no state"],
)
def test_durable_execution(whole: dict[str, Any]) -> None:
    """The input of a durable execution is refused, whatever key it would have."""
    with pytest.raises(UnsupportedEventError, match="the input of a durable execution") as caught:
        consume(whole, "body.DurableExecutionArn")
    assert "DurableExecutionName = message.idempotency_token" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_message_about_an_execution() -> None:
    """An object that only names an execution, such as a status change, runs."""
    whole = {"id": "a", "DurableExecutionArn": EXECUTION, "status": "SUCCEEDED"}
    assert consume(whole, "body.id").ran == ["a"]


def test_ordinary_messages_import_nothing() -> None:
    """The words for known forms are loaded only when a message needs them."""
    bodies = ("1e3", '["a"]', '{"Type": "Order", "n": 1.5}', '{"cut": [1.5, ', "[INFO] started")
    batch = event(order("a"), *map(record, bodies))
    code = (
        "import sys; from idempotent_lambda.sources.event import read_event; "
        f"read_event({batch!r}, ['sns']); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=PACKAGE
    )
    assert "idempotent_lambda.sources.payload" in done.stdout.split()
    for rare in ("recognition", "unsafe_numbers"):
        assert f"idempotent_lambda.sources.{rare}" not in done.stdout.split()
