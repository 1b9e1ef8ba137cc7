"""A future that takes too long is tried again in the same run."""

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(charge, message.body)
        wait([first], timeout=5)
        call = first if first.done() else pool.submit(charge, message.body)
        call.result()


def fixed(message: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(charge, message.body)
        wait([first])
        call = first if first.done() else pool.submit(charge, message.body)
        call.result()


CASE = Case(reason=Reason.ABANDONS_CALL, bad=bad, fixed=fixed, options=KEY)
