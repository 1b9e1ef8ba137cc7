"""The output of a command: lines and tables to read, or one JSON object on standard output."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from idempotent_lambda_toolkit.cli import stopping
from idempotent_lambda_toolkit.cli.exit_codes import CommandError, RefusedError, UsageError

WIDTH = 160
"""Columns without a terminal: enough to keep lines whole."""

PROGRESS_SECONDS = 5
"""Seconds between two lines of progress without a terminal."""


class Output:
    """Standard output and error of one command.

    Args:
        as_json: whether standard output is for a program.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    def print_lines(self, *lines: str) -> None:
        """Print lines to read; with ``--json`` on standard error."""
        for line in lines:
            # Keys may contain text that rich would read as markup.
            (self._err if self.as_json else self._out).print(Text(line), soft_wrap=True)

    def print_table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table to read; nothing with ``--json``."""
        if self.as_json:
            return
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._out.print(table)

    def print_json(self, **values: Any) -> None:
        """Print the JSON object of the command; nothing without ``--json``."""
        if self.as_json:
            stopping.defer()  # no second object follows it
            sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")

    def print_error(self, error: CommandError) -> None:
        """Print the reason why the command failed; with ``--json`` also the exit code."""
        stopping.defer()
        self._err.print(Text(str(error)), soft_wrap=True)
        self.print_json(error=str(error), exit=error.exit.name.lower(), **error.details)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Continue only if the operator agrees.

        Raises:
            UsageError: there is no terminal to ask on.
            RefusedError: the operator does not agree.
        """
        if not yes:
            if not sys.stdin.isatty():
                remedy = "there is no terminal to ask on: add --yes, or --dry-run to change nothing"
                raise UsageError(f"{question} Not confirmed; {remedy}")
            if not typer.confirm(question, err=True):
                raise RefusedError("not confirmed, so nothing was done")
        stopping.defer()  # what was confirmed is not cut in the middle

    @contextmanager
    def show_progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show the progress on standard error; call the value with the count.

        A terminal shows a bar. Other outputs get a line from time to time.
        """
        if not self._err.is_terminal:
            printed = time.monotonic()
            of_total = f" of about {total:,}" if total else ""

            def report(done: int) -> None:
                nonlocal printed
                if time.monotonic() - printed >= PROGRESS_SECONDS:
                    printed = time.monotonic()
                    self._err.print(Text(f"{what}: {done:,}{of_total}"), soft_wrap=True)

            yield report
            return
        with Progress(console=self._err, transient=True) as bar:
            task = bar.add_task(what, total=total or None)
            yield lambda done: bar.update(task, completed=done)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, markup=False, highlight=False, width=WIDTH)
    return console
