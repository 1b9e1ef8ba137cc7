"""A cache around the side effect outlives a restored table."""

from functools import lru_cache
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@lru_cache
def charge_once(order_id: str) -> None:
    charge({"order_id": order_id})


def bad(message: Any) -> None:
    charge_once(message.key)


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.REMEMBERS, bad=bad, fixed=fixed, options=KEY)
