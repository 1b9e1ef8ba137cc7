"""The token is the message's id, which a producer's retry does not share."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    charge(message.body, token=message.id)


def fixed(message: Any) -> None:
    charge(message.body, token=message.idempotency_token)


CASE = Case(
    reason=Reason.TOKEN_OF_THE_ENVELOPE,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"charge": "token"},
)
