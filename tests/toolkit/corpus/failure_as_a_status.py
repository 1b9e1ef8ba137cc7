"""The response has a status, as for an HTTP request, but an event source reads none."""

from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="charge", key="order.order_id", lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


def bad(event: Any, context: Any) -> Any:
    try:
        charged(event["detail"])
    except Exception:
        return {"statusCode": 500}
    return {"statusCode": 200}


def fixed(event: Any, context: Any) -> Any:
    charged(event["detail"])
    return {"statusCode": 200}


CASE = Case(reason=Reason.FAILURES_NOT_READ, bad=bad, fixed=fixed, event=PLACED)
