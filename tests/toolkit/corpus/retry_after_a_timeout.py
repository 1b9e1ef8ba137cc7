"""It tries three times, also after a timeout, and passes no token."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str | None = None) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    for attempt in range(3):
        try:
            charge(message.body)
            break
        except Exception:
            if attempt == 2:
                raise


def fixed(message: Any) -> None:
    for attempt in range(3):
        try:
            charge(message.body, token=message.idempotency_token)
            break
        except Exception:
            if attempt == 2:
                raise


CASE = Case(
    reason=Reason.REPEATS_AFTER_LOST_ANSWER,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"charge": "token"},
)
