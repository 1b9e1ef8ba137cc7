"""A generator that nobody consumes does nothing."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def mail(line: Any, token: str) -> None:
    """A placeholder for a call to the mail service."""


def bad(message: Any) -> None:
    sent = (mail(line, token=f"{message.idempotency_token}-{line}") for line in message.body)
    charge(message.body)
    print("sent", sent)  # noqa: T201  # in place of a log line


def fixed(message: Any) -> None:
    sent = [mail(line, token=f"{message.idempotency_token}-{line}") for line in message.body]
    charge(message.body)
    print("sent", sent)  # noqa: T201  # in place of a log line


CASE = Case(
    reason=Reason.NEVER_HAPPENS,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"charge": None, "mail": "token"},
)
