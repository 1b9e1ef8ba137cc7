"""The result cannot be stored as JSON."""

from datetime import UTC, datetime
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="charge", key="event.detail.order_id")
def bad(event: Any, context: Any) -> Any:
    charge(event["detail"])
    return {"charged_at": datetime.now(UTC)}


@idempotent(name="charge_fixed", key="event.detail.order_id")
def fixed(event: Any, context: Any) -> Any:
    charge(event["detail"])
    return {"charged_at": datetime.now(UTC).isoformat()}


CASE = Case(reason=Reason.UNSTORABLE_RESULT, bad=bad, fixed=fixed, event=PLACED)
