"""Threads that survive between invocations: starting one takes longer than most of their work."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from idempotent_lambda.clock import Millis

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")

MAX_THREADS = 512
"""Half of Lambda's limit for a function:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

POLL_MILLIS = Millis(50)
"""The interval of `Threads.poll`."""

IDLE_POLLS = 20
"""The number of idle polls after which the polling thread ends; the next batch starts another."""


class Threads:
    """Runs work in other threads. Idle threads are used again, and more start when needed.

    Concurrent invocations never wait for each other's threads. A forked child has none of its
    parent's threads and starts new ones.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._executor = ThreadPoolExecutor(MAX_THREADS)
        self._lock = threading.Lock()
        self._looks: set[Callable[[], bool]] = set()
        self._polling = False

    def start(self, work: Callable[[], ResultT]) -> Future[ResultT]:
        """Run the work in one thread."""
        self._notice_fork()
        return self._executor.submit(work)

    def map(
        self, work: Callable[[PartT], ResultT], parts: Sequence[PartT], max_parallel: int
    ) -> list[ResultT]:
        """Return the result of the work for each part, with at most ``max_parallel`` at a time."""
        results: dict[int, ResultT] = {}
        numbers = iter(range(len(parts)))

        def work_on_parts() -> None:
            # Drawing the next number is one step of the interpreter, so no number is drawn twice.
            for number in numbers:
                results[number] = work(parts[number])

        jobs = []
        with suppress(RuntimeError):  # if no thread can start, the others do its part
            for _ in range(min(max_parallel, len(parts)) - 1):
                jobs.append(self.start(work_on_parts))  # noqa: PERF401  # keeps the jobs that were started
        work_on_parts()
        for job in jobs:
            if not job.cancel():
                job.result()
        return [results[number] for number in range(len(parts))]

    def poll(self, look: Callable[[], bool]) -> None:
        """Call this every `POLL_MILLIS` in a shared thread until it returns False.

        This costs a batch next to nothing: no thread is started or woken for it.
        """
        self._notice_fork()
        with self._lock:
            self._looks.add(look)
            starts, self._polling = not self._polling, True
        if starts:
            try:
                threading.Thread(target=self._poll, daemon=True).start()
            except RuntimeError:  # without a thread, nobody polls
                self._polling = False

    def end_poll(self, look: Callable[[], bool]) -> None:
        """Stop calling this, so that the thread does not keep objects of its batch."""
        self._looks.discard(look)

    def _poll(self) -> None:
        idle, pause = 0, threading.Event()
        try:
            while idle < IDLE_POLLS:
                pause.wait(POLL_MILLIS / 1000)
                with self._lock:
                    looks = tuple(self._looks)
                self._looks.difference_update([look for look in looks if not look()])
                with self._lock:
                    idle = 0 if self._looks or looks else idle + 1
                    self._polling = idle < IDLE_POLLS
        except BaseException:
            self._polling = False
            raise

    def _notice_fork(self) -> None:
        if self._process != os.getpid():
            Threads.__init__(self)
