"""Waits of the code under test, which take simulated time where nothing real can end them."""

import asyncio
import selectors
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar
from unittest import mock

ResultT = TypeVar("ResultT")

real_join = threading.Thread.join
_real_wait = threading.Condition.wait


class Waiter(Protocol):
    """Waits for the code under test."""

    def is_waiting_thread(self) -> bool:
        """Return whether the calling thread is the main thread of an invocation."""

    def wait(self, poll: Callable[[float | None], ResultT], seconds: float | None) -> ResultT:
        """Wait until ``poll`` returns something true, or the simulated time is over.

        Args:
            poll: waits really, at most these seconds, or without a limit.
            seconds: the time to wait; None for no limit.
        """


@contextmanager
def simulate_waits(get_waiter: Callable[[], Waiter]) -> Iterator[None]:
    """Let the waits of `threading`, `queue`, `concurrent.futures` and `asyncio` ask the waiter."""
    starting = threading.local()
    real_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        starting.now = True
        try:
            real_start(thread)  # which waits until the thread runs
        finally:
            starting.now = False

    def is_simulated(seconds: float | None) -> bool:
        takes_time = seconds is None or seconds > 0
        return (
            takes_time and not getattr(starting, "now", False) and get_waiter().is_waiting_thread()
        )

    def wait(condition: threading.Condition, timeout: float | None = None) -> bool:
        if not is_simulated(timeout):
            return _real_wait(condition, timeout)
        return get_waiter().wait(lambda seconds: _real_wait(condition, seconds), timeout)

    def join(thread: threading.Thread, timeout: float | None = None) -> None:
        def has_ended(seconds: float | None) -> bool:
            real_join(thread, seconds)
            return not thread.is_alive()

        if not is_simulated(timeout) or not thread.is_alive():
            return real_join(thread, timeout)
        get_waiter().wait(has_ended, timeout)
        return None

    with ExitStack() as stack:
        for owner, name, double in (
            (threading.Thread, "start", start),
            (threading.Thread, "join", join),
            (threading.Condition, "wait", wait),
            (selectors.DefaultSelector, "select", _make_select(get_waiter, is_simulated)),
        ):
            stack.enter_context(mock.patch.object(owner, name, double))
        yield


def _make_select(
    get_waiter: Callable[[], Waiter], is_simulated: Callable[[float | None], bool]
) -> Callable[..., Any]:
    """Make the method with which an event loop waits for its next timer."""
    real_select = selectors.DefaultSelector.select

    def select(selector: Any, timeout: float | None = None) -> Any:
        loop: Any = asyncio._get_running_loop()  # noqa: SLF001  # get_running_loop raises instead
        is_of_loop = getattr(loop, "_selector", None) is selector
        # The loop's own pipe is one; with others, something real may come.
        if not is_of_loop or len(selector.get_map()) > 1 or not is_simulated(timeout):
            return real_select(selector, timeout)
        return get_waiter().wait(lambda seconds: real_select(selector, seconds), timeout)

    return select
