"""Each attempt has another token."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    for attempt in range(3):
        try:
            charge(message.body, f"{message.idempotency_token}-{attempt}")
            break
        except Exception:
            if attempt == 2:
                raise


def fixed(message: Any) -> None:
    for attempt in range(3):
        try:
            charge(message.body, f"{message.idempotency_token}-order")
            break
        except Exception:
            if attempt == 2:
                raise


CASE = Case(
    reason=Reason.TOKEN_CHANGES, bad=bad, fixed=fixed, options=KEY, effects={"charge": "token"}
)
