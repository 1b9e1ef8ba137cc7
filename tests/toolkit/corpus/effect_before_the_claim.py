"""The mail is sent before the decorated function is called."""

from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason

from . import PLACED, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def mail(order: Any) -> None:
    """A placeholder for a mail to the customer."""


@idempotent(name="charge", key="order.order_id", lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


@idempotent(name="mail", key="order.order_id", lease_seconds=30)
def mailed(order: Any) -> None:
    mail(order)


def bad(event: Any, context: Any) -> None:
    mail(event["detail"])
    charged(event["detail"])


def fixed(event: Any, context: Any) -> None:
    mailed(event["detail"])
    charged(event["detail"])


CASE = Case(
    reason=Reason.OUTSIDE,
    bad=bad,
    fixed=fixed,
    event=PLACED,
    effects={"charge": None, "mail": None},
)
