"""A coroutine awaits a second attempt after a timeout."""

import asyncio
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


async def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    async def run() -> None:
        try:
            await charge(message.body)
        except Exception:
            await charge(message.body)

    asyncio.run(run())


def fixed(message: Any) -> None:
    async def run() -> None:
        try:
            await charge(message.body)
        except TimeoutError:
            raise
        except Exception:
            await charge(message.body)

    asyncio.run(run())


CASE = Case(reason=Reason.REPEATS_AFTER_LOST_ANSWER, bad=bad, fixed=fixed, options=KEY)
