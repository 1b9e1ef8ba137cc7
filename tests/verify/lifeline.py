"""A plugin for pytest: the tests end with the process that started them, also if it is killed."""

import os
import signal
import threading

import pytest

VARIABLE = "VERIFY_LIFELINE"
"""Has the number of a pipe's end to read from; only the owner has the other end."""


def pytest_configure(config: pytest.Config) -> None:
    """Watch the owner, in the process that it started; the workers are in its group."""
    if VARIABLE in os.environ and not hasattr(config, "workerinput"):
        pipe = int(os.environ.pop(VARIABLE))
        threading.Thread(target=_end_with_owner, args=(pipe,), daemon=True).start()


def _end_with_owner(pipe: int) -> None:
    os.read(pipe, 1)  # returns when the owner has ended
    os.killpg(0, signal.SIGKILL)
