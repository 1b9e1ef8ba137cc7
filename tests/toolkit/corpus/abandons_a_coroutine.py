"""asyncio stops waiting for a thread that goes on, and the message is acknowledged."""

import asyncio
import contextlib
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    async def work() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(charge, message.body), timeout=5)
            return
        await asyncio.wait_for(asyncio.to_thread(charge, message.body), timeout=5)

    asyncio.run(work())


def fixed(message: Any) -> None:
    async def work() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.to_thread(charge, message.body)
            return
        await asyncio.wait_for(asyncio.to_thread(charge, message.body), timeout=5)

    asyncio.run(work())


CASE = Case(reason=Reason.ABANDONS_CALL, bad=bad, fixed=fixed, options=KEY)
