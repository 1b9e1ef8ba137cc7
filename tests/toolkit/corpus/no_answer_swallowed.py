"""No answer from the table is taken for a duplicate."""

from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda.errors import StoreError
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="charge", key="order.order_id", lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


def bad(event: Any, context: Any) -> None:
    try:
        charged(event["detail"])
    except StoreError:
        print("the table is away")  # noqa: T201  # in place of a log line


def fixed(event: Any, context: Any) -> None:
    try:
        charged(event["detail"])
    except StoreError:
        print("the table is away")  # noqa: T201  # in place of a log line
        raise


CASE = Case(reason=Reason.NOT_NOW_SWALLOWED, bad=bad, fixed=fixed, event=PLACED)
