"""A write outside the completion repeats after a crash."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def put(table: str, item: Any, token: str | None = None) -> None:
    """A placeholder for a write to a table."""


def bad(message: Any) -> None:
    put("orders", message.body)


def fixed(message: Any) -> None:
    put("orders", message.body, token=message.idempotency_token)


CASE = Case(
    reason=Reason.REPEATS_AFTER_CRASH,
    bad=bad,
    fixed=fixed,
    options={**KEY, "exactly_once": True},
    effects={"put": "token"},
)
