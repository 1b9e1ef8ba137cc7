"""With too little time left it returns, which means done."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    if message.remaining_millis() < 5000:
        return
    charge(message.body)


def fixed(message: Any) -> None:
    if message.remaining_millis() < 5000:
        raise TimeoutError
    charge(message.body)


CASE = Case(reason=Reason.GIVES_UP, bad=bad, fixed=fixed, options=KEY)
