"""Two decorated functions pass a field of the body to one payment provider."""

import json
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import Case


def charge(order: Any, token: str) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="pay", key="order.order_id", lease_seconds=20)
def pay(order: Any) -> None:
    charge(order, token=order["order_id"])


@idempotent(name="pay_fixed", key="order.order_id", lease_seconds=20)
def pay_fixed(order: Any) -> None:
    charge(order, token=f"pay-{order['order_id']}")


def bad(event: Any, _: Any) -> None:
    for record in event["Records"]:
        pay(json.loads(record["body"]))


def fixed(event: Any, _: Any) -> None:
    for record in event["Records"]:
        pay_fixed(json.loads(record["body"]))


CASE = Case(
    reason=Reason.TOKEN_SHARED,
    bad=bad,
    fixed=fixed,
    effects={"charge": "token"},
    shared=True,
)
