"""How the threads of an invocation pause: for each other, for time to pass, or for its return."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from idempotent_lambda.clock import Millis
from idempotent_lambda_toolkit.testing.hammering.invocation import ClaimedRun, Invocation
from idempotent_lambda_toolkit.testing.hammering.simulated_time import (
    real_monotonic,
    real_sleep,
)
from idempotent_lambda_toolkit.testing.hammering.workers import Workers

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario

PATIENCE_SECONDS = 0.5
"""Real time for threads that hammer cannot see through, such as one that waits for a lock."""

GRACE_SECONDS = 0.05
"""Real time for threads that were there before hammer, which may work for the code."""

SLICE_SECONDS = 0.001

ResultT = TypeVar("ResultT")


@dataclass(eq=False)
class _SlowCall:
    """A side effect in another thread that takes until then, by the monotonic clock."""

    until: Millis
    released: threading.Event = field(default_factory=threading.Event)


class Pauses:
    """The pauses of a scenario.

    With ``contains``, other threads are held before their side effects until the code has returned.

    Attributes:
        abandoned: whether the code gave up waiting for a side effect that still happens.
        deliverers: the threads that wait for another invocation.
    """

    def __init__(self, scenario: "Scenario", workers: Workers, *, contains: bool) -> None:
        self.abandoned, self.deliverers = False, set[int]()
        self._scenario, self._workers, self._contains = scenario, workers, contains
        self._slow: dict[int, _SlowCall] = {}
        self._is_main_waiting = False
        self._sleeps = 0
        self._lock = threading.Lock()

    # The main thread

    def is_waiting_thread(self) -> bool:
        """See `Waiter.is_waiting_thread`."""
        return self._scenario.find_main_invocation() is not None

    def wait(self, poll: Callable[[float | None], ResultT], seconds: float | None) -> ResultT:
        """See `Waiter.wait`."""
        self._let_go()
        if seconds is not None:
            return self._wait_for_time(poll, seconds)
        self._is_main_waiting = True
        try:
            return poll(None)
        finally:
            self._is_main_waiting = False

    def sleep(self, seconds: float) -> None:
        """Let time pass: no thread of the code works meanwhile unless it has something to do."""
        self._sleeps += 1
        if self._sleeps > 1:  # a loop, which may wait for a thread
            self._let_go()
        self._wait_for_time(lambda limit: real_sleep(limit or 0), seconds)

    def _wait_for_time(self, poll: Callable[[float | None], ResultT], seconds: float) -> ResultT:
        began, left = real_monotonic(), seconds
        waiting = self._scenario.list_main_threads()
        while not (result := poll(0)):
            real = real_monotonic() - began
            if real >= left:
                self._scenario.clock.follow(_ceil(left))
                return result
            has_work = self._workers.has_work(waiting)
            if has_work or (real < GRACE_SECONDS and self._workers.has_strangers(waiting)):
                if result := poll(min(SLICE_SECONDS, left - real)):
                    return result
                continue
            slow = next(iter(self._slow.values()), None)
            if slow and (rest := self._get_rest(slow)) / 1000 < left:
                left -= rest / 1000
                self._pass(rest)
                self._release_slow()
                continue
            self.abandoned |= slow is not None
            self._pass(_ceil(left))
            return poll(0)
        return result

    def _pass(self, duration: Millis) -> None:
        invocation = self._scenario.find_main_invocation()
        if invocation is None:
            return
        if duration >= invocation.deadline.remaining():
            self._scenario.oversleep(invocation)
        self._scenario.clock.advance(duration)

    # Other threads

    def hold(self, run: ClaimedRun | None) -> None:
        """Hold another thread until its run has returned, unless the run waits for it."""
        with self._lock:
            if run is None or not self._contains:
                return
            self._workers.held.add(threading.get_ident())
        self._pause(lambda: run.returned.is_set() or self._is_main_waiting or not self._contains)
        self._contains &= run.returned.is_set()

    def _let_go(self) -> None:
        """Hold no thread any more; those that were held work from now on."""
        with self._lock:
            if self._contains:
                self._contains = False
                self._workers.held.clear()

    def hold_slow(self, invocation: Invocation, run: ClaimedRun | None, duration: Millis) -> None:
        """Hold a slow side effect in another thread until its time, or its run, is over."""
        until = Millis(self._scenario.clock.monotonic() + duration)
        slow = self._slow[threading.get_ident()] = _SlowCall(until)

        def has_returned() -> bool:
            returned = run is not None and run.returned.is_set()
            return returned or invocation not in self._scenario.under_way

        self._workers.held.add(threading.get_ident())
        self._pause(lambda: slow.released.is_set() or has_returned() or self._is_main_waiting)
        self._slow.pop(threading.get_ident(), None)
        if not slow.released.is_set() and not has_returned():
            self._scenario.clock.advance(self._get_rest(slow))

    def _get_rest(self, slow: _SlowCall) -> Millis:
        return Millis(max(0, slow.until - self._scenario.clock.monotonic()))

    def _release_slow(self) -> None:
        for ident, slow in [*self._slow.items()]:
            self._slow.pop(ident, None)
            self._workers.held.discard(ident)
            slow.released.set()

    def _pause(self, is_over: Callable[[], bool]) -> None:
        ident, ends = threading.get_ident(), real_monotonic() + PATIENCE_SECONDS
        try:
            while not is_over() and real_monotonic() < ends:
                real_sleep(SLICE_SECONDS)
        finally:
            self._workers.held.discard(ident)

    def await_others(self, invocation: Invocation, is_enough: Callable[[], bool]) -> None:
        """Let threads that the code has left behind reach their side effects."""
        ends = real_monotonic() + PATIENCE_SECONDS
        waiting = {*self._scenario.list_main_threads(), *self.deliverers, threading.get_ident()}
        while invocation.alive and not is_enough() and real_monotonic() < ends:
            if not self._workers.has_work(waiting) and not self._workers.held:
                return
            real_sleep(SLICE_SECONDS)


def _ceil(seconds: float) -> Millis:
    # Rounded up, or a loop would really wait for the rest.
    return Millis(math.ceil(round(seconds * 1000, 6)))
