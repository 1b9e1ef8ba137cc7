"""While the circuit breaker is open, messages are acknowledged."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


failures = 0


def bad(message: Any) -> None:
    global failures
    if failures >= 3:
        return
    try:
        charge(message.body)
    except Exception:
        failures += 1
        raise


def fixed(message: Any) -> None:
    global failures
    try:
        charge(message.body)
    except Exception:
        failures += 1
        raise


CASE = Case(reason=Reason.REMEMBERS, bad=bad, fixed=fixed, options=KEY)
