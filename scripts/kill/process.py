"""Forks a worker, and kills it when its moment has come.

The process that forks has no threads and has imported everything, so that a worker is at work
within milliseconds.
"""

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

LONGEST_SECONDS: Final = 90
"""A worker ends by then, even if whoever started it is gone."""

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Blocked from the fork until each of the two processes is ready for them."""

FORK: Final = multiprocessing.get_context("fork")
Say = Callable[[], None]
"""The function that a worker calls when its moment has come."""


class WorkerError(Exception):
    """A worker did not do its work; the text says why."""


def run(work: Callable[[Say], None], delay: float) -> bool:
    """Run the work in another process; return whether that was killed.

    Args:
        work: gets the function to call when its moment has come.
        delay: how many seconds after that moment the process is killed, if it still lives then.

    Raises:
        WorkerError: it raised, or did not end.
    """
    ear, mouth = FORK.Pipe(duplex=False)
    worker = FORK.Process(target=_work, args=(work, mouth))
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    worker.start()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        mouth.close()
        if _hears(ear):
            ear.poll(delay)  # it may end before
            worker.kill()
        worker.join()
    finally:
        worker.kill()
        worker.join()
        ear.close()
    if worker.exitcode not in (0, -signal.SIGKILL):
        raise WorkerError(f"a worker ended with {worker.exitcode}; what it printed says why")
    return worker.exitcode != 0


def _work(work: Callable[[Say], None], mouth: Connection) -> None:
    # A terminal's Ctrl-C comes to the whole group: who started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    signal.alarm(LONGEST_SECONDS)
    work(lambda: mouth.send_bytes(b"!"))


def _hears(ear: Connection) -> bool:
    """Whether the worker says something; it ends without a word if its moment does not come."""
    try:
        ear.recv_bytes()
    except EOFError:
        return False
    return True
