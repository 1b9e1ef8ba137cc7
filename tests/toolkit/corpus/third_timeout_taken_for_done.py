"""After the third timeout it takes the request for done."""

from typing import Any

from idempotent_lambda import PermanentFailure
from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    try:
        charge(message.body)
    except TimeoutError:
        if message.receive_count < 3:
            raise


def fixed(message: Any) -> None:
    try:
        charge(message.body)
    except TimeoutError:
        if message.receive_count < 3:
            raise
        raise PermanentFailure("no answer, three times") from None


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, options=KEY)
