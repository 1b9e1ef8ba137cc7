"""The key is the message's id, which a producer's retry does not share."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def process(message: Any) -> None:
    charge(message.body)


CASE = Case(
    reason=Reason.KEY_TOO_NARROW,
    bad=process,
    fixed=process,
    bad_options={"key": "messageId"},
    fixed_options={"key": "body.order_id"},
)
