"""A function with yield runs nothing when it is called."""

from collections.abc import Iterator
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> Iterator[None]:
    for line in [message.body]:
        yield charge(line)


def fixed(message: Any) -> None:
    for line in [message.body]:
        charge(line)


CASE = Case(reason=Reason.NOT_RUN, bad=bad, fixed=fixed, options=KEY)
