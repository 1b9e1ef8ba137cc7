"""Orders up to the last one are taken for done."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


last = ""


def bad(message: Any) -> None:
    global last
    if message.key <= last:
        return
    last = message.key
    charge(message.body)


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.REMEMBERS, bad=bad, fixed=fixed, options=KEY)
