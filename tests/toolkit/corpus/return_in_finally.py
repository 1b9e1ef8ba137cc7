"""A return in finally drops every exception, whatever it is."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> str:
    answer = "failed"
    try:
        charge(message.body)
        answer = "charged"
    finally:
        return answer  # noqa: B012  # what is wrong here


def fixed(message: Any) -> str:
    answer = "failed"
    try:
        charge(message.body)
        answer = "charged"
    finally:
        print(answer)  # noqa: T201  # in place of a log line
    return answer


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, options=KEY)
