"""When the mail fails, the retry charges again."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str | None = None) -> None:
    """A placeholder for a call to the payment provider."""


def mail(order: Any) -> None:
    """A placeholder for a mail to the customer."""


def bad(message: Any) -> None:
    charge(message.body)
    mail(message.body)


def fixed(message: Any) -> None:
    charge(message.body, token=message.idempotency_token)
    mail(message.body)


CASE = Case(
    reason=Reason.REPEATS_ON_RETRY,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"charge": "token", "mail": None},
)
