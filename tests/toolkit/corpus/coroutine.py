"""An async function returns before it has begun."""

import asyncio
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


async def work(order: Any) -> None:
    charge(order)


def bad(message: Any) -> Any:
    return work(message.body)


def fixed(message: Any) -> Any:
    return asyncio.run(work(message.body))


CASE = Case(reason=Reason.NOT_RUN, bad=bad, fixed=fixed, options=KEY)
