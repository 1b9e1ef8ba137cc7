"""Threads that live on between invocations: to start one takes longer than most of their work."""

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
"""Half of what Lambda allows a function:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

POLL_MILLIS = Millis(50)
"""How often `Threads.poll` asks."""

IDLE_POLLS = 20
"""After so many in vain its thread ends; the next batch starts another one."""


class Threads:
    """Has work done by other threads; idle ones are used again, and more come as they are needed.

    Invocations at the same time never wait for each other's threads. A forked child, which has
    none of its parent's, gets threads of its own.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._executor = ThreadPoolExecutor(MAX_THREADS)
        self._lock = threading.Lock()
        self._looks: set[Callable[[], bool]] = set()
        self._polling = False

    def start(self, work: Callable[[], ResultT]) -> Future[ResultT]:
        """Have one thread do the work."""
        self._notice_fork()
        return self._executor.submit(work)

    def map(
        self, work: Callable[[PartT], ResultT], parts: Sequence[PartT], max_parallel: int
    ) -> list[ResultT]:
        """Return what the work makes of each part, with at most so many at the same time."""
        results: dict[int, ResultT] = {}
        numbers = iter(range(len(parts)))

        def work_on_parts() -> None:
            # Drawing the next number is one step of the interpreter, so none is drawn twice.
            for number in numbers:
                results[number] = work(parts[number])

        jobs = []
        with suppress(RuntimeError):  # no thread can be started: the others do its part
            for _ in range(min(max_parallel, len(parts)) - 1):
                jobs.append(self.start(work_on_parts))  # noqa: PERF401  # keeps what was started
        work_on_parts()
        for job in jobs:
            if not job.cancel():
                job.result()
        return [results[number] for number in range(len(parts))]

    def poll(self, look: Callable[[], bool]) -> None:
        """Have one thread, which all share, call this every `POLL_MILLIS` until it returns False.

        It costs a batch next to nothing: no thread is started or woken for it.
        """
        self._notice_fork()
        with self._lock:
            self._looks.add(look)
            starts, self._polling = not self._polling, True
        if starts:
            try:
                threading.Thread(target=self._poll, daemon=True).start()
            except RuntimeError:  # nobody asks, then
                self._polling = False

    def end_poll(self, look: Callable[[], bool]) -> None:
        """Have this called no more, so that nothing of its batch is kept until the next time."""
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
