"""The key is a hash that differs in each process."""

from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="bad", key=lambda order: str(hash(order["order_id"])), lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


@idempotent(name="fixed", key="order.order_id", lease_seconds=30)
def charged_once(order: Any) -> None:
    charge(order)


def bad(event: Any, context: Any) -> None:
    charged(event["detail"])


def fixed(event: Any, context: Any) -> None:
    charged_once(event["detail"])


CASE = Case(reason=Reason.KEY_CHANGES, bad=bad, fixed=fixed, event=PLACED)
