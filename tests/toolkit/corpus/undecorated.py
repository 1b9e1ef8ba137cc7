"""Nothing makes it idempotent."""

from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(event: Any, context: Any) -> None:
    charge(event["detail"])


@idempotent(name="charge", key="event.detail.order_id")
def fixed(event: Any, context: Any) -> None:
    charge(event["detail"])


CASE = Case(reason=Reason.OUTSIDE, bad=bad, fixed=fixed, event=PLACED)
