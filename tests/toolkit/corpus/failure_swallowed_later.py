"""A message that fails again is dropped."""

from typing import Any

from idempotent_lambda import PermanentFailure
from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    try:
        charge(message.body)
    except Exception:
        if message.receive_count > 1:
            return
        raise


def fixed(message: Any) -> None:
    try:
        charge(message.body)
    except Exception as error:
        if message.receive_count > 1:
            raise PermanentFailure from error
        raise


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, options=KEY)
