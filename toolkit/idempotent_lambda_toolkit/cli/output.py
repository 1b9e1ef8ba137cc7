"""The output of a command: lines and tables to read, or one JSON object on standard output.

Producers write keys, bodies and error texts. None of them moves the operator's cursor or hides
text: every text passes `escape_unseen` on its way out, and JSON is plain ASCII.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from idempotent_lambda_toolkit.cli import stopping
from idempotent_lambda_toolkit.cli.exit_codes import CommandError, DeclinedError, UsageError
from idempotent_lambda_toolkit.cli.shown_keys import escape_unseen

WIDTH = 160
"""Columns without a terminal: enough to keep lines whole."""

PROGRESS_SECONDS = 5
"""Seconds between two lines of progress."""


class Output:
    """Standard output and error of one command.

    Args:
        as_json: whether standard output is for a program.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def print_lines(self, *lines: str) -> None:
        """Print lines to read; with ``--json`` on standard error."""
        for line in lines:
            _write(sys.stderr if self.as_json else sys.stdout, f"{escape_unseen(line)}\n")

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table to read; nothing with ``--json``."""
        if not self.as_json:
            _write(sys.stdout, _draw_table(columns, rows))

    def print_json(self, **values: Any) -> None:
        """Print the JSON object of the command; nothing without ``--json``."""
        if self.as_json:
            stopping.defer()  # no second object follows it
            # JSON may hold the control character DEL as it is.
            _write(sys.stdout, json.dumps(values).replace("\x7f", r"\u007f") + "\n")

    def print_error(self, error: CommandError) -> None:
        """Print the reason why the command failed; with ``--json`` also the exit code."""
        stopping.defer()
        self.print_notes(str(error))
        self.print_json(error=str(error), exit=error.exit.name.lower(), **error.details)

    def print_notes(self, *lines: str) -> None:
        """Print lines on standard error."""
        for line in lines:
            _write(sys.stderr, f"{escape_unseen(line)}\n")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Continue only if the operator agrees.

        Raises:
            UsageError: there is no terminal to ask on.
            DeclinedError: the operator does not agree.
        """
        if not yes:
            if not sys.stdin.isatty():
                remedy = "there is no terminal to ask on: add --yes, or --dry-run to change nothing"
                raise UsageError(f"{question} Not confirmed; {remedy}")
            _write(sys.stderr, f"{escape_unseen(question)} [y/N]: ")
            if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
                raise DeclinedError("not confirmed, so nothing was done")
        stopping.defer()  # what was confirmed is not cut in the middle

    @contextmanager
    def show_progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Print the progress on standard error from time to time; call the value with the count."""
        printed = time.monotonic()
        of_total = f" of about {total:,}" if total else ""

        def report(done: int) -> None:
            nonlocal printed
            if time.monotonic() - printed >= PROGRESS_SECONDS:
                printed = time.monotonic()
                self.print_notes(f"{what}: {done:,}{of_total}")

        yield report


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The reader is gone, such as `head`. The work goes on, and the exit code stays true.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    from rich.console import Console  # noqa: PLC0415  # takes longer to import than most commands
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(escape_unseen(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    with console.capture() as drawn:
        console.print(table)
    return drawn.get()
