"""A thread is waited for five seconds, and then left alone."""

import threading
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    thread = Attempt(message.body)
    thread.start()
    thread.join(5)
    if thread.error:
        raise thread.error


def fixed(message: Any) -> None:
    thread = Attempt(message.body)
    thread.start()
    thread.join()
    if thread.error:
        raise thread.error


class Attempt(threading.Thread):
    """A thread that keeps its error for the thread that waits for it."""

    def __init__(self, order: Any) -> None:
        super().__init__(daemon=True)
        self.order, self.error = order, None

    def run(self) -> None:
        """Charge the order."""
        try:
            charge(self.order)
        except BaseException as error:  # raised in the other thread
            self.error = error


CASE = Case(reason=Reason.ABANDONS_CALL, bad=bad, fixed=fixed, options=KEY)
