"""A marker in a cache says done before it is done."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


cache: dict[str, str] = {}
"""A placeholder for a cache that several processes share."""


def bad(message: Any) -> None:
    if message.key in cache:
        return
    cache[message.key] = "done"
    charge(message.body)


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.REMEMBERS, bad=bad, fixed=fixed, options={**KEY, "fresh": cache.clear})
