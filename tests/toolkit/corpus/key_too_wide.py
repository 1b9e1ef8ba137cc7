"""The key names the customer, who may order again."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason, events

from . import OTHER, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def process(message: Any) -> None:
    charge(message.body)


CASE = Case(
    reason=Reason.KEY_TOO_WIDE,
    bad=process,
    fixed=process,
    options={"different": [events.sqs(OTHER)]},
    bad_options={"key": "body.customer_id"},
    fixed_options={"key": "body.order_id"},
)
