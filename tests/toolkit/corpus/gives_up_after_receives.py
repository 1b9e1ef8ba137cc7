"""After three deliveries it returns as if it were done."""

from typing import Any

from idempotent_lambda import PermanentFailure
from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    if message.receive_count > 3:
        return
    charge(message.body)


def fixed(message: Any) -> None:
    if message.receive_count > 3:
        raise PermanentFailure("three times in vain")
    charge(message.body)


CASE = Case(reason=Reason.SKIPS_REDELIVERIES, bad=bad, fixed=fixed, options=KEY)
