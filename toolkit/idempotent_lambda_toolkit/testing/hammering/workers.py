"""Which threads of the code under test work, and which only wait for something to do."""

import sys
import threading
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import thread as pools
from contextlib import contextmanager
from types import FrameType
from typing import Any
from unittest import mock

_POOL_LOOP = pools._worker.__code__  # noqa: SLF001  # has no public name
_WAIT = threading.Condition.wait.__code__
_START = threading.Thread.start.__code__

_DEPTH_OF_START = 4
"""How far `Thread.start` is above its wait; `Event.wait` and the double of a wait lie between."""


class Workers:
    """The threads of one call of `hammer`.

    Attributes:
        held: the threads that hammer itself holds up.
    """

    def __init__(self) -> None:
        self.held: set[int] = set()
        self._known = {*threading.enumerate()}
        self._futures: list[Future[Any]] = []

    @contextmanager
    def watch_pools(self) -> Iterator[None]:
        """Note what is submitted to pools: work may wait in a queue, where no thread shows it."""
        real_submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

        def submit(pool: ThreadPoolExecutor, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = real_submit(pool, *args, **kwargs)
            self._futures.append(future)
            return future

        with mock.patch.object(ThreadPoolExecutor, "submit", submit):
            yield

    def has_work(self, waiting: AbstractSet[int | None]) -> bool:
        """Return whether a thread works that the code under test has started.

        Args:
            waiting: the threads that wait for the answer.
        """
        self._futures[:] = [each for each in self._futures if not each.done()]
        if threading.active_count() == 1:
            return False
        frames = sys._current_frames()  # noqa: SLF001  # the only way to see other threads
        pooled = {*pools._threads_queues}  # noqa: SLF001  # as above
        idle = {*waiting, *self.held}
        active = [
            each
            for each in threading.enumerate()
            if each.ident not in idle
            and (each in pooled or each not in self._known)
            and not _is_at_rest(frames.get(each.ident or 0))
        ]
        # A future whose thread is held is no work, but one that no thread has taken is.
        held = sum(each.ident in idle for each in pooled)
        return bool(active) or len(self._futures) > held

    def has_strangers(self, waiting: AbstractSet[int | None]) -> bool:
        """Return whether an older thread is awake, which may or may not work for the code."""
        if threading.active_count() == 1:
            return False
        frames = sys._current_frames()  # noqa: SLF001  # as above
        return any(
            each in self._known
            and each is not threading.main_thread()
            and each.ident not in {*waiting, *self.held}
            and not isinstance(each, threading._DummyThread)  # noqa: SLF001  # not of Python
            and not _is_at_rest(frames.get(each.ident or 0), timed=True)
            for each in threading.enumerate()
        )


def _is_at_rest(frame: FrameType | None, *, timed: bool = False) -> bool:
    """Return whether a thread waits for another one, or for work of its pool.

    Args:
        frame: what the thread runs.
        timed: whether a wait that ends by itself counts.
    """
    if frame is None:  # it only starts now
        return False
    if frame.f_code is _POOL_LOOP:
        return True
    if frame.f_code is not _WAIT or _is_starting_another(frame):
        return False
    names = frame.f_locals
    is_notified = names.get("waiter") not in names["self"]._waiters  # noqa: SLF001  # as above
    return not is_notified and (timed or names["timeout"] is None)


def _is_starting_another(frame: FrameType) -> bool:
    """Return whether a thread waits for one that it has just started."""
    caller: FrameType | None = frame
    for _ in range(_DEPTH_OF_START):
        caller = caller and caller.f_back
        if caller and caller.f_code is _START:
            return True
    return False
