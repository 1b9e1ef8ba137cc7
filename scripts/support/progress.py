"""Prints what happens, with the seconds since the start.

On a terminal the current line is redrawn; elsewhere (a log, a pipe) it is printed now and then.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

REDRAW_SECONDS = 0.2
REPRINT_SECONDS = 5.0


class Progress:
    """Phases, one after the other, each with a note of what goes on in it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()
        self._note = ""

    def note(self, text: str) -> None:
        """Set what goes on now; replaces the note before."""
        self._note = text.strip()

    def say(self, text: str) -> None:
        """Print one line of rich markup."""
        seconds = time.monotonic() - self._start
        self._console.print(f"[dim]{seconds:4.0f} s[/]  {text}", highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce a phase; show its notes while the block runs."""
        self._note = ""
        self.say(f"[bold]{escape(title)}[/]")
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(done,), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()

    def _tick(self, done: threading.Event) -> None:
        if not self._console.is_terminal:
            while not done.wait(REPRINT_SECONDS):
                self.say(f"  {escape(self._note) or '...'}")
            return
        with self._console.status("") as status:
            while not done.wait(REDRAW_SECONDS):
                seconds = time.monotonic() - self._start
                status.update(f"[dim]{seconds:4.0f} s[/]  {escape(self._note)}")
