"""After a slow first half it returns without the second."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def ship(order: Any, token: str) -> None:
    """A placeholder for a call to the warehouse."""


def bad(message: Any) -> None:
    ship(message.body, token=message.idempotency_token)
    if message.remaining_millis() < 1000:
        return
    charge(message.body)


def fixed(message: Any) -> None:
    ship(message.body, token=message.idempotency_token)
    if message.remaining_millis() < 1000:
        raise TimeoutError
    charge(message.body)


CASE = Case(
    reason=Reason.GIVES_UP,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"ship": "token", "charge": None},
)
