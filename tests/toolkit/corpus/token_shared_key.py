"""Two consumers of one topic pass the message's key to one payment provider."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    charge(message.body, token=message.key)


def fixed(message: Any) -> None:
    charge(message.body, token=message.idempotency_token)


CASE = Case(
    reason=Reason.TOKEN_SHARED,
    bad=bad,
    fixed=fixed,
    effects={"charge": "token"},
    shared=True,
    options=KEY,
)
