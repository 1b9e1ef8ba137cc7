"""Work that a forked child does."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress

SECONDS = 20.0
"""How long a test waits for another thread or process before it fails."""


def in_child(work: Callable[[], bool], meanwhile: Callable[[], object] = lambda: None) -> bool:
    """Whether the work of a forked child comes to a good end in time; its parent has work too."""
    child = os.fork()
    if child == 0:
        good = False
        with suppress(BaseException):
            good = work()
        os._exit(0 if good else 1)
    ended = threading.Event()
    status: list[int] = []

    def wait() -> None:
        status.append(os.waitpid(child, 0)[1])
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    meanwhile()
    if not ended.wait(SECONDS):
        os.kill(child, 9)
        ended.wait(SECONDS)
    return status == [0]
