"""A message that waited for a retry is dropped as too old."""

import time
from typing import Any

from idempotent_lambda import PermanentFailure
from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def find_age(message: Any) -> float:
    return time.time() - int(message.attributes["SentTimestamp"]) / 1000


def bad(message: Any) -> None:
    if find_age(message) > 60:
        return
    charge(message.body)


def fixed(message: Any) -> None:
    if find_age(message) > 60:
        raise PermanentFailure("too old")
    charge(message.body)


CASE = Case(reason=Reason.DROPS_OLD, bad=bad, fixed=fixed, options=KEY)
