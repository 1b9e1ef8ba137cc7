"""The token makes the receiver take two orders of a customer for one."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason, events

from . import KEY, OTHER, Case


def charge(order: Any, token: str) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    charge(message.body, token=message.body["customer_id"])


def fixed(message: Any) -> None:
    charge(message.body, token=message.idempotency_token)


CASE = Case(
    reason=Reason.KEY_TOO_WIDE,
    bad=bad,
    fixed=fixed,
    effects={"charge": "token"},
    options={**KEY, "different": [events.sqs(OTHER)]},
)
