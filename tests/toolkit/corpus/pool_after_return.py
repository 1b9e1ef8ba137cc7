"""The handler submits work to a pool, and does not wait for its end."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


POOL = ThreadPoolExecutor(1)


def work(order: Any) -> None:
    charge(order)


def bad(message: Any) -> None:
    POOL.submit(work, message.body)


def fixed(message: Any) -> None:
    POOL.submit(work, message.body).result()


CASE = Case(reason=Reason.AFTER_RETURN, bad=bad, fixed=fixed, options=KEY)
