"""Ctrl-C and SIGTERM: a command stops between two steps, and says what it has done.

Without a step under way, a signal ends the command at once. In a block of `delay`, and after
`defer`, it waits until the step is done. A command with many steps asks `is_requested` between
them. A closed terminal (SIGHUP) counts as SIGTERM.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from idempotent_lambda_toolkit.cli.exit_codes import CommandError, ExitCode

_NUMBERS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_NOTICE = b"\nstopping as soon as the step under way is done\n"


class StopSignal(BaseException):
    """A signal stopped the command. The SDK catches and repeats each `Exception`, but not this."""


class StoppedError(CommandError):
    """Ctrl-C stopped the command."""

    exit = ExitCode.INTERRUPTED


class TerminatedError(CommandError):
    """SIGTERM stopped the command, or its terminal was closed."""

    exit = ExitCode.TERMINATED


class _Signals:
    """The signals that this process received, and the number of blocks that delay them."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.delays = 0

    def handle(self, number: int, _frame: object) -> None:
        self.received.append(number)
        if not self.delays:
            raise StopSignal
        if len(self.received) == 1:
            # A handler may interrupt a write to sys.stderr, which cannot be entered twice.
            with suppress(OSError):
                os.write(2, _NOTICE)


_signals = _Signals()


@contextmanager
def watch(*, ends_process: bool) -> Iterator[None]:
    """Handle the signals until the block ends.

    Args:
        ends_process: whether the process ends with the block. Then the signals are ignored
            afterwards: the command has said what it did.
    """
    _signals.received, _signals.delays = [], 0
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    before: dict[int, Any] = {}
    for number in _NUMBERS:
        # A process in the background, or under nohup, is to ignore what its terminal sends.
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _signals.handle)
    unraisable = sys.unraisablehook

    def report(found: Any) -> None:
        # Where Python cannot raise, as in a finalizer, the signal is noted all the same.
        if not isinstance(found.exc_value, StopSignal):
            unraisable(found)

    sys.unraisablehook = report
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if ends_process else handler)


@contextmanager
def delay() -> Iterator[None]:
    """Let a signal wait until the block ends.

    Raises:
        StopSignal: a signal has arrived.
    """
    _signals.delays += 1
    try:
        yield
    finally:
        _signals.delays -= 1
    if not _signals.delays:
        check()


def defer() -> None:
    """Let signals wait from here to the end of the command: it changes something, or answers."""
    _signals.delays += 1


def is_requested() -> bool:
    """Return whether a signal has asked the command to stop."""
    return bool(_signals.received)


def is_urgent() -> bool:
    """Return whether a second signal has arrived: only what must not be cut is finished."""
    return len(_signals.received) > 1


def check() -> None:
    """Continue only if no signal has asked the command to stop.

    Raises:
        StopSignal: a signal has arrived.
    """
    if is_requested():
        raise StopSignal


def build_error(text: str, **details: Any) -> CommandError:
    """Return the error with which a stopped command ends; the text says what was done."""
    if _signals.received[:1] == [signal.SIGINT]:
        return StoppedError(f"stopped by Ctrl-C: {text}", **details)
    return TerminatedError(f"stopped by SIGTERM: {text}", **details)


def end_process(*, as_json: bool) -> None:
    """Say that a signal stopped the command before it changed anything, and end the process.

    Raises:
        SystemExit: always.
    """
    defer()
    error = build_error("nothing was changed")
    sys.stderr.write(f"{error}\n")
    if as_json:
        answer = {"error": str(error), "exit": error.exit.name.lower()}
        sys.stdout.write(json.dumps(answer) + "\n")
    raise SystemExit(error.exit)
