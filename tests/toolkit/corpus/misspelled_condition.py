"""A condition reads a field that no message has."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def mail(line: Any, token: str) -> None:
    """A placeholder for a call to the mail service."""


def bad(message: Any) -> None:
    if message.body.get("amount"):
        mail(message.body, token=message.idempotency_token)
    charge(message.body)


def fixed(message: Any) -> None:
    if message.body.get("amount_cents"):
        mail(message.body, token=message.idempotency_token)
    charge(message.body)


CASE = Case(
    reason=Reason.NEVER_HAPPENS,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"charge": None, "mail": "token"},
)
