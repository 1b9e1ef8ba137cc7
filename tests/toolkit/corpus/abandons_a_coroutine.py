"""asyncio stops waiting for a thread that goes on, and the message is acknowledged."""

import asyncio
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    async def work() -> None:
        first = asyncio.create_task(asyncio.to_thread(charge, message.body))
        await asyncio.wait([first], timeout=5)
        await (first if first.done() else asyncio.to_thread(charge, message.body))

    asyncio.run(work())


def fixed(message: Any) -> None:
    async def work() -> None:
        first = asyncio.create_task(asyncio.to_thread(charge, message.body))
        await asyncio.wait([first])
        await (first if first.done() else asyncio.to_thread(charge, message.body))

    asyncio.run(work())


CASE = Case(reason=Reason.ABANDONS_CALL, bad=bad, fixed=fixed, options=KEY)
