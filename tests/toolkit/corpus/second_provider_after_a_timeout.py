"""It charges by a second provider, although the first one may have done it."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, provider: str) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    try:
        charge(message.body, "first")
    except Exception:
        charge(message.body, "second")


def fixed(message: Any) -> None:
    try:
        charge(message.body, "first")
    except TimeoutError:
        raise
    except Exception:
        charge(message.body, "second")


CASE = Case(reason=Reason.REPEATS_AFTER_LOST_ANSWER, bad=bad, fixed=fixed, options=KEY)
