"""The token has today's date, and a redrive comes tomorrow."""

from datetime import UTC, datetime
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str | None = None) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    today = datetime.now(UTC).date()
    charge(message.body, token=f"{message.key}-{today}")


def fixed(message: Any) -> None:
    charge(message.body, token=message.idempotency_token)


CASE = Case(
    reason=Reason.TOKEN_OF_THE_DAY, bad=bad, fixed=fixed, options=KEY, effects={"charge": "token"}
)
