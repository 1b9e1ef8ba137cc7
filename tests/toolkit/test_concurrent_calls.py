"""`hammer` knows which of several concurrent decorated calls a side effect belongs to."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, Reason, events, hammer

TWO = events.sqs({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})
EFFECTS = Effects()
charge = EFFECTS.of("charge")


def swallow(order: Any) -> None:
    """Charge an order; for one of the two, swallow the failure."""
    with contextlib.suppress(Exception) if order["order_id"] == "ORDER-1" else _nothing:
        charge(order)


def let_through(order: Any) -> None:
    """Charge an order, and let its failure through."""
    charge(order)


_nothing: Any = contextlib.nullcontext()


def run_in_threads(work: Callable[[Any], None]) -> Callable[..., Any]:
    """Make a handler that runs a decorated call for each record, all in a pool."""

    @idempotent(name="threaded", key="order.order_id", lease_seconds=20)
    def call(order: Any, both: threading.Barrier) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.02)  # each has its claim now, unless the other is a duplicate
        work(order)

    def handler(event: Any, _: Any) -> Any:
        both, failed = threading.Barrier(len(event["Records"])), []

        def try_one(record: Any) -> None:
            try:
                call(json.loads(record["body"]), both)
            except Exception:  # noqa: BLE001  # every error is reported
                failed.append({"itemIdentifier": record["messageId"]})

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(try_one, event["Records"]))
        return {"batchItemFailures": failed}

    return handler


def run_in_tasks(work: Callable[[Any], None]) -> Callable[..., Any]:
    """Make a handler that gathers a decorated call for each record."""

    @idempotent(name="gathered", key="order.order_id", lease_seconds=20)
    async def call(order: Any) -> None:
        await asyncio.sleep(0)
        work(order)

    async def gather(records: list[Any]) -> Any:
        calls = [call(json.loads(each["body"])) for each in records]
        results = await asyncio.gather(*calls, return_exceptions=True)
        failed = [
            {"itemIdentifier": each["messageId"]}
            for each, result in zip(records, results, strict=True)
            if isinstance(result, BaseException)
        ]
        return {"batchItemFailures": failed}

    return lambda event, _: asyncio.run(gather(event["Records"]))


@pytest.mark.parametrize("run", [run_in_threads, run_in_tasks])
def test_concurrent_calls(run: Callable[..., Any]) -> None:
    """Correct calls pass, and the one that swallows its failure is named."""
    assert hammer(run(let_through), TWO, effects=EFFECTS).passed
    (finding,) = hammer(run(swallow), TWO, effects=EFFECTS).findings
    assert finding.reason is Reason.SWALLOWED
    assert "ORDER-1" in finding.text
    assert "ORDER-2" not in finding.text


def test_nested_calls() -> None:
    """A side effect after an inner call belongs to the outer call."""

    @idempotent(name="inner", key="order.order_id", lease_seconds=20)
    def inner(order: Any) -> None:
        charge(order)

    @idempotent(name="outer", key="order.order_id", lease_seconds=20)
    def outer(order: Any) -> None:
        inner(order)
        with contextlib.suppress(Exception):
            charge(order)

    (finding,) = hammer(
        lambda event, _: outer(event), {"order_id": "O-1"}, effects=EFFECTS
    ).findings
    assert finding.reason is Reason.SWALLOWED
    assert "outer#O-1" in finding.text
