"""A retry decorator repeats everything that raises."""

import functools
import time
from collections.abc import Callable
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def retry(*final: type[Exception]) -> Callable[[Any], Any]:
    """Try three times, unless the exception is final."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any) -> Any:
            for _ in range(2):
                try:
                    return function(*args)
                except final:
                    raise
                except Exception:
                    time.sleep(1)
            return function(*args)

        return call

    return decorate


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    @retry()
    def run() -> None:
        charge(message.body)

    run()


def fixed(message: Any) -> None:
    @retry(TimeoutError)
    def run() -> None:
        charge(message.body)

    run()


CASE = Case(reason=Reason.REPEATS_AFTER_LOST_ANSWER, bad=bad, fixed=fixed, options=KEY)
