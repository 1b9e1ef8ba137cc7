"""A message that comes again is taken for a duplicate."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    if message.receive_count > 1:
        return
    charge(message.body)


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.SKIPS_REDELIVERIES, bad=bad, fixed=fixed, options=KEY)
