"""After three attempts it goes on as if the last had been good."""

import contextlib
import time
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    for _ in range(3):
        with contextlib.suppress(Exception):
            return charge(message.body, message.idempotency_token)
        time.sleep(1)
    return None


def fixed(message: Any) -> None:
    for _ in range(3):
        with contextlib.suppress(Exception):
            return charge(message.body, message.idempotency_token)
        time.sleep(1)
    raise TimeoutError


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, options=KEY, effects={"charge": "token"})
