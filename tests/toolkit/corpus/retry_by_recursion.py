"""It calls itself again after a timeout."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def charge_order(order: Any, attempts: int, final: tuple[type[Exception], ...]) -> None:
    try:
        charge(order)
    except final:
        raise
    except Exception:
        if attempts == 1:
            raise
        charge_order(order, attempts - 1, final)


def bad(message: Any) -> None:
    charge_order(message.body, 3, ())


def fixed(message: Any) -> None:
    charge_order(message.body, 3, (TimeoutError,))


CASE = Case(reason=Reason.REPEATS_AFTER_LOST_ANSWER, bad=bad, fixed=fixed, options=KEY)
