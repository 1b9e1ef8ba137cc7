"""The process remembers what it began, and takes that for done."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


seen: set[str] = set()


def bad(message: Any) -> None:
    if message.key in seen:
        return
    seen.add(message.key)
    charge(message.body)


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.REMEMBERS, bad=bad, fixed=fixed, options=KEY)
