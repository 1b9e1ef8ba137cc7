"""A wait for another system outlasts the function."""

import time
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def settled(order: Any) -> bool:
    """A placeholder for a slow request to another system."""
    return not order


def bad(message: Any) -> None:
    charge(message.body)
    while not settled(message.body):
        time.sleep(5)


def fixed(message: Any) -> None:
    charge(message.body)
    for _ in range(3):
        time.sleep(5)


CASE = Case(reason=Reason.SLEEPS_TOO_LONG, bad=bad, fixed=fixed, options=KEY)
