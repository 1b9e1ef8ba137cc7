"""Reads facts one by one, and notes those that cannot be read or do not exist."""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda_toolkit.cli.aws_errors import translate_error
from idempotent_lambda_toolkit.cli.exit_codes import CommandError, NotFoundError

T = TypeVar("T")

PARTS = frozenset({"table", "queue", "dead-letter queue"})
"""The parts that must exist."""


class Reader:
    """Reads facts, and collects the reasons why others are not known.

    Args:
        unknown: gets the facts that cannot be read, with the reason.
        missing: gets the parts that do not exist, with the answer of AWS.
    """

    def __init__(self, unknown: dict[str, str], missing: dict[str, str]) -> None:
        self.unknown, self.missing = unknown, missing

    def __call__(self, what: str, ask: Callable[[], T]) -> T | None:
        """Return the answer; None if it cannot be read, or lacks what AWS documents."""
        try:
            return ask()
        except (BotoCoreError, ClientError, CommandError) as error:
            found = translate_error(error) or error
            absent = isinstance(found, NotFoundError) and what in PARTS
            (self.missing if absent else self.unknown)[what] = str(found)
            return None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            self.unknown[what] = f"the answer of AWS is not as documented: {error!r}"
            return None
