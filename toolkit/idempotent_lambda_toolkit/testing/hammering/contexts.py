"""Threads of the code under test inherit its context, so that `hammer` knows what they work for."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from threading import Thread
from typing import Any
from unittest import mock


@contextmanager
def inherit_contexts() -> Iterator[None]:
    """Run each new thread, and each call of a pool, in a copy of its starter's context.

    Python does the same for threads from 3.14 on, if ``thread_inherit_context`` is set:
    https://docs.python.org/3.14/library/threading.html
    """
    start, submit = Thread.start, ThreadPoolExecutor.submit

    def start_in_context(thread: Thread) -> None:
        context, run = copy_context(), thread.run
        thread.run = lambda: context.run(run)  # type: ignore[method-assign]
        start(thread)

    def submit_in_context(
        pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        return submit(pool, copy_context().run, function, *args, **kwargs)

    with (
        mock.patch.object(Thread, "start", start_in_context),
        mock.patch.object(ThreadPoolExecutor, "submit", submit_in_context),
    ):
        yield
