"""Calls that meet, in threads and in tasks."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idempotent_lambda import errors, idempotent
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import Engine
from tests.handler.harness import START
from tests.waiting import SECONDS

from .shop import Shop


def test_busy(shop: Shop) -> None:
    """While a call runs, another with its key gets the end of the lease, and does not run."""
    shop.seed_record(lease=10_000)
    with pytest.raises(errors.AlreadyInProgressError) as caught:
        shop.function()("a")
    assert caught.value.lease_expires_at == START + 10_000
    assert shop.ran == []
    assert shop.outcomes() == ["in_progress"]


def test_takeover(shop: Shop) -> None:
    """Once the lease is over, the next call takes an interrupted one over."""
    shop.seed_record(lease=0)
    assert shop.function("done")("a") == "done"
    (line,) = shop.log()
    assert (line["takeover"], line["attempts"]) == (True, 2)


def test_one_of_many(shop: Shop) -> None:
    """Of twenty concurrent calls one runs, and the others get its result or an error."""
    barrier, started = threading.Barrier(20), threading.Event()

    def run(*_: Any) -> str:
        assert started.wait(SECONDS)
        return "done"

    charge = shop.function(run)

    def call(_: int) -> Any:
        barrier.wait()
        try:
            return charge("a")
        except errors.AlreadyInProgressError:
            return "in_progress"
        finally:
            started.set()  # set by the first call that ends

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(call, range(20)))
    assert len(shop.ran) == 1
    assert set(answers) == {"in_progress", "done"}
    assert len(shop.log()) == 20


def test_threads_never_mix(shop: Shop) -> None:
    """Twenty threads with different keys, on one decorated function, get their own results."""
    barrier = threading.Barrier(20)
    charge = shop.function(lambda order_id, amount: [order_id, amount], payload="amount")

    def call(number: int) -> list[Any]:
        barrier.wait()
        return [charge(f"k-{number}", number) for _ in range(3)]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(call, range(20)))
    assert answers == [[[f"k-{number}", number]] * 3 for number in range(20)]
    assert len(shop.ran) == 20


def test_tasks_never_mix(engine: Engine, clock: ManualClock) -> None:
    """Nested async functions gathered at the same time get their own results."""
    shop = Shop(engine, "async", clock)
    ran = []

    @idempotent(name="inner", key="order_id", lease_seconds=30, wiring=shop.wiring())
    async def inner(order_id: str, number: int) -> int:
        await asyncio.sleep(0.01 * (number % 3))
        ran.append(order_id)
        return number

    @idempotent(name="outer", key="order_id", lease_seconds=30, wiring=shop.wiring())
    async def outer(order_id: str, number: int) -> list[Any]:
        return [order_id, await inner(order_id, number)]

    async def main() -> list[Any]:
        calls = [outer(f"k-{number}", number) for number in range(12)]
        return [await asyncio.gather(*calls), await outer("k-3", 0), await inner("k-3", 0)]

    answers, again, within = asyncio.run(main())
    assert answers == [[f"k-{number}", number] for number in range(12)]
    assert (again, within, len(ran)) == (["k-3", 3], 3, 12)
