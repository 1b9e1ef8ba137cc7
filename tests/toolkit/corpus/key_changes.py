"""The key is of one receive, not of the message."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def process(message: Any) -> None:
    charge(message.body)


CASE = Case(
    reason=Reason.KEY_CHANGES,
    bad=process,
    fixed=process,
    bad_options={"key": "receiptHandle"},
    fixed_options={"key": "body.order_id"},
)
