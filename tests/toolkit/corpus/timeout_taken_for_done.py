"""It takes a timeout for a request that arrived."""

import logging
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    try:
        charge(message.body)
    except TimeoutError:
        logging.getLogger(__name__).debug("no answer")


def fixed(message: Any) -> None:
    try:
        charge(message.body)
    except TimeoutError:
        logging.getLogger(__name__).debug("no answer")
        raise


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, options=KEY)
