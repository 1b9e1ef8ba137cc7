"""Threads that live on between invocations: to start one takes longer than most of their work."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

MAX_THREADS = 4096
"""No limit that a process reaches: who waits for another invocation's thread may wait for ever."""


class Threads:
    """Has work done by other threads; idle ones are used again, and more come as they are needed.

    Invocations at the same time never wait for each other's threads. A forked child, which has
    none of its parent's, gets threads of its own.
    """

    def __init__(self) -> None:
        self._process = 0

    def start(self, work: Callable[[], Any]) -> Future[Any]:
        """Have one thread do the work."""
        return self._pool().submit(work)

    def map(self, work: Callable[[Any], Any], parts: Sequence[Any], most: int) -> Iterable[Any]:
        """Return what the work makes of each part, at most so many at the same time."""
        results: list[Any] = [None] * len(parts)
        left = iter(range(len(parts)))

        def do() -> None:
            # Drawing the next number is one step of the interpreter, so none is drawn twice.
            for at in left:
                results[at] = work(parts[at])

        jobs = [self.start(do) for _ in range(min(most, len(parts)) - 1)]
        do()
        for job in jobs:
            job.result()
        return results

    def _pool(self) -> ThreadPoolExecutor:
        if self._process != os.getpid():
            self._executor = ThreadPoolExecutor(MAX_THREADS)
            self._process = os.getpid()
        return self._executor
