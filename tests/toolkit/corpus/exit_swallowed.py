"""The exit code of a tool is taken for its end."""

from typing import Any

from idempotent_lambda_toolkit.testing import Reason

from . import KEY, Case


def charge(order: Any) -> None:
    """A placeholder for a command-line tool, which exits if it fails."""


def bad(message: Any) -> None:
    try:
        charge(message.body)
    except SystemExit as end:
        print(f"the tool ended with {end.code}")  # noqa: T201  # in place of a log line


def fixed(message: Any) -> None:
    try:
        charge(message.body)
    except SystemExit as end:
        raise RuntimeError(f"the tool ended with {end.code}") from end


CASE = Case(reason=Reason.EXIT_SWALLOWED, bad=bad, fixed=fixed, options=KEY)
