"""A thread is started and left alone."""

import threading
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    thread = threading.Thread(target=charge, args=(message.body,))
    thread.start()


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.AFTER_RETURN, bad=bad, fixed=fixed, options=KEY)
