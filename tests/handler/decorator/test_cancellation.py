"""Async calls that are cancelled, at each step."""

import asyncio
import contextvars
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import Engine

from .shop import Shop


class Holding:
    """A task of a decorated async function, held up in a call of the table."""

    def __init__(self, shop: Shop, name: str, **changes: Any) -> None:
        self.shop, shop.store.held = shop, name
        self.ran: list[str] = []
        options: dict[str, Any] = {"name": "charge", "key": "order_id", "lease_seconds": 30}

        @idempotent(**options, wiring=shop.wiring(**changes))
        async def charge(order_id: str) -> str:
            self.ran.append(order_id)
            return "done"

        self.charge = charge

    async def cancelled(self, times: int = 1) -> None:
        """Cancel it there, and let the call go on."""
        task = asyncio.create_task(self.charge("a"))  # type: ignore[arg-type]
        assert await asyncio.to_thread(self.shop.store.entered.wait, 20)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
        self.shop.store.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("changes", [{}, {"park_interrupted": True}, {"observe_only": True}])
def test_cancelled_at_the_claim(
    engine: Engine, clock: ManualClock, times: int, changes: dict[str, Any]
) -> None:
    """A call that is cancelled while it claims does not run, and leaves no claim behind."""
    held = Holding(Shop(engine, "async", clock), "claim", **changes)
    asyncio.run(held.cancelled(times))
    assert held.ran == []
    assert held.shop.record() is None
    assert held.shop.outcomes() == ["not_started"]


def test_cancelled_at_a_duplicate(engine: Engine, clock: ManualClock) -> None:
    """A duplicate that is cancelled while it claims is cancelled, and the record stays."""
    shop = Shop(engine, "async", clock)
    shop.function("done")("a")
    held = Holding(shop, "claim")
    asyncio.run(held.cancelled())
    assert (held.ran, shop.status()) == ([], "COMPLETED")
    assert shop.outcomes() == ["completed", "duplicate"]


def test_cancelled_at_the_completion(engine: Engine, clock: ManualClock) -> None:
    """A call that is cancelled while it completes is completed before it is cancelled."""
    held = Holding(Shop(engine, "async", clock), "complete")
    asyncio.run(held.cancelled())
    assert held.ran == ["a"]
    assert held.shop.outcomes() == ["completed"]
    assert held.shop.function("other")("a") == "done"


def test_cancelled_in_the_run(engine: Engine, clock: ManualClock) -> None:
    """A function that is cancelled while it runs is interrupted: its claim stays."""
    shop = Shop(engine, "async", clock)
    entered = asyncio.Event()

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=shop.wiring())
    async def charge(order_id: str) -> None:
        del order_id
        entered.set()
        await asyncio.sleep(60)

    async def main() -> None:
        call = asyncio.ensure_future(charge("a"))
        await entered.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())
    assert shop.status() == "IN_PROGRESS"
    assert shop.outcomes() == ["interrupted"]


def test_closed_in_the_run(memory: Shop) -> None:
    """A coroutine that is closed while it runs is interrupted too, and waits for nothing."""
    entered = []

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=memory.wiring())
    async def charge(order_id: str) -> None:
        entered.append(order_id)
        await asyncio.Event().wait()

    async def main() -> None:
        coroutine = charge("a")
        waited = coroutine.send(None)  # the thread that claims
        while not entered:
            await asyncio.sleep(0.001)
            if waited.done():
                waited = coroutine.send(None)
        coroutine.close()

    asyncio.run(main())
    assert memory.outcomes() == ["interrupted"]


def test_loop_goes_on(memory: Shop) -> None:
    """While the table is asked, other tasks of the loop go on."""
    held = Holding(memory, "claim")

    async def main() -> str:
        task = asyncio.create_task(held.charge("a"))  # type: ignore[arg-type]
        assert await asyncio.to_thread(memory.store.entered.wait, 20)
        memory.store.let_go.set()
        return await task  # type: ignore[no-any-return]

    assert asyncio.run(main()) == "done"


def test_context_variables(shop: Shop) -> None:
    """Calls to the table see the caller's context variables, as tracing needs it."""
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []
    shop.store.before = lambda name: seen.append((name, variable.get()))
    charge = shop.function(lambda *_: variable.get())

    def call() -> str:
        variable.set("set")
        return charge("a")  # type: ignore[no-any-return]

    assert contextvars.copy_context().run(call) == "set"
    assert seen == [("claim", "set"), ("complete", "set")]
