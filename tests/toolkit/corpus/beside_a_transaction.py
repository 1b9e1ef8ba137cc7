"""When the commit fails, the side effect outside the transaction is repeated."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str | None = None) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any, transaction: Any) -> None:
    charge(message.body)
    transaction.put("orders", message.body)


def fixed(message: Any, transaction: Any) -> None:
    charge(message.body, token=message.idempotency_token)
    transaction.put("orders", message.body)


CASE = Case(
    reason=Reason.REPEATS_ON_RETRY, bad=bad, fixed=fixed, options=KEY, effects={"charge": "token"}
)
