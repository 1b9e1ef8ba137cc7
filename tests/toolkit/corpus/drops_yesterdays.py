"""Orders of yesterday are skipped when they come from the dead-letter queue."""

from datetime import UTC, datetime, timedelta
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def is_old(order: Any) -> bool:
    placed = datetime.fromisoformat(order["time"])
    return datetime.now(UTC) - placed > timedelta(hours=12)


@idempotent(name="charge", key="order.detail.order_id", lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


def bad(event: Any, context: Any) -> None:
    if not is_old(event):
        charged(event)


def fixed(event: Any, context: Any) -> None:
    charged(event)


CASE = Case(reason=Reason.DROPS_OLD, bad=bad, fixed=fixed, event=PLACED)
