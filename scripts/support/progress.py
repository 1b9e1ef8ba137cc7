"""Prints the phases of a run, with the seconds since the start."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

NOTE_SECONDS = 5.0


class Progress:
    """Prints phases, one after the other, each with notes of the work in it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()
        self._note = ""

    def note(self, text: str) -> None:
        """Set the note that is printed next."""
        self._note = text.strip()

    def say(self, text: str) -> None:
        """Print one line of rich markup."""
        seconds = time.monotonic() - self._start
        self._console.print(f"[dim]{seconds:4.0f} s[/]  {text}", highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce a phase; print its latest note now and then while the block runs."""
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
        while not done.wait(NOTE_SECONDS):
            self.say(f"  {escape(self._note) or '...'}")
