"""The handler calls the decorated function again after a timeout."""

from typing import Any

from idempotent_lambda import idempotent
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
    except Exception:
        charged(event["detail"])


def fixed(event: Any, context: Any) -> None:
    charged(event["detail"])


CASE = Case(reason=Reason.REPEATS_AFTER_LOST_ANSWER, bad=bad, fixed=fixed, event=PLACED)
