"""A counter of the process ends its work."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


done = 0


def bad(message: Any) -> None:
    global done
    if done >= 5:
        return
    charge(message.body)
    done += 1


def fixed(message: Any) -> None:
    global done
    charge(message.body)
    done += 1


CASE = Case(reason=Reason.REMEMBERS, bad=bad, fixed=fixed, options=KEY)
