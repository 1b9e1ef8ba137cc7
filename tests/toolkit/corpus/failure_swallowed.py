"""An error is only logged."""

import logging
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    try:
        charge(message.body)
    except Exception:
        logging.getLogger(__name__).debug("charging failed", exc_info=True)


def fixed(message: Any) -> None:
    try:
        charge(message.body)
    except Exception:
        logging.getLogger(__name__).debug("charging failed", exc_info=True)
        raise


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, options=KEY)
