"""A thread tries again after a timeout."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any, token: str | None = None) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    def run() -> None:
        try:
            charge(message.body)
        except Exception:
            charge(message.body)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def fixed(message: Any) -> None:
    def run() -> None:
        try:
            charge(message.body, message.idempotency_token)
        except Exception:
            charge(message.body, message.idempotency_token)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


CASE = Case(
    reason=Reason.REPEATS_AFTER_LOST_ANSWER,
    bad=bad,
    fixed=fixed,
    options=KEY,
    effects={"charge": "token"},
)
