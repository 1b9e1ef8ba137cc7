"""A future that takes too long is tried again in the same run."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                return pool.submit(charge, message.body).result(timeout=5)
    raise TimeoutError


def fixed(message: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                return pool.submit(charge, message.body).result()
    raise TimeoutError


CASE = Case(reason=Reason.ABANDONS_CALL, bad=bad, fixed=fixed, options=KEY)
