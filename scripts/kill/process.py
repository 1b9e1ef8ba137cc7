"""Forks a worker, and kills it when its moment has come.

The process that forks has no threads and has imported everything, so that a worker is at work
within milliseconds.
"""

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

LONGEST_SECONDS: Final = 90
"""A worker ends by then, even if whoever started it is gone."""

SAID: Final = b"!"

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Blocked from the fork until each of the two processes is ready for them."""

Say = Callable[[], None]
"""The function that a worker calls when its moment has come."""


class WorkerError(Exception):
    """A worker did not do its work; the text says why."""


class SilenceError(WorkerError):
    """A worker neither said anything nor ended."""


def run(work: Callable[[Say], None], delay: float) -> bool:
    """Run the work in another process; return whether that was killed.

    Args:
        work: gets the function to call when its moment has come.
        delay: how many seconds after that moment the process is killed, if it still lives then.

    Raises:
        WorkerError: it raised, or did not end.
    """
    ear, mouth = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    child = os.fork()
    if child == 0:
        _work(work, mouth)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        os.close(mouth)
        if _hear(ear, LONGEST_SECONDS) == SAID:
            with contextlib.suppress(SilenceError):
                _hear(ear, delay)
            os.kill(child, signal.SIGKILL)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(ear)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise WorkerError(f"a worker ended with {code}; what it printed says why")
    return code != 0


def _work(work: Callable[[Say], None], mouth: int) -> NoReturn:
    """Do the work, and end without the caller's clean-up."""
    code = 1
    try:
        # A terminal's Ctrl-C comes to the whole group: who started this one ends it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        signal.alarm(LONGEST_SECONDS)
        work(lambda: _say(mouth))
        code = 0
    except BaseException:  # noqa: BLE001  # nothing may get back into the copy of the caller
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _say(mouth: int) -> None:
    os.write(mouth, SAID)


def _hear(ear: int, seconds: float) -> bytes:
    """Read the worker's word; it is empty once the worker has ended.

    Raises:
        SilenceError: the time is over.
    """
    if not select.select([ear], [], [], seconds)[0]:
        raise SilenceError(f"a worker did not end within {seconds} s")
    return os.read(ear, len(SAID))
