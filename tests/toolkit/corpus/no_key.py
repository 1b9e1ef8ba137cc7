"""The key expression forgets the body."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def process(message: Any) -> None:
    charge(message.body)


CASE = Case(
    reason=Reason.NO_KEY,
    bad=process,
    fixed=process,
    bad_options={"key": "order_id"},
    fixed_options={"key": "body.order_id"},
)
