"""A write outside the completion repeats after a crash."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def put(table: str, item: Any) -> None:
    """A placeholder for a write to a table."""


def bad(message: Any) -> None:
    put("orders", message.body)


def fixed(message: Any, transaction: Any) -> None:
    transaction.put("orders", message.body)


CASE = Case(
    reason=Reason.REPEATS_AFTER_CRASH,
    bad=bad,
    fixed=fixed,
    options={**KEY, "exactly_once": True},
    effects={"put": None},
)
