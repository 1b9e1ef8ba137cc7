"""A former script ends its process."""

import sys
from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def bad(message: Any) -> None:
    charge(message.body)
    sys.exit(0)


def fixed(message: Any) -> None:
    charge(message.body)


CASE = Case(reason=Reason.EXITS, bad=bad, fixed=fixed, options=KEY)
