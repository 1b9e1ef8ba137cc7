"""The results that a processor returns."""

import dataclasses
import functools
import threading
from collections import OrderedDict, UserDict
from collections.abc import Callable, Generator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, NamedTuple, Self, cast
from unittest.mock import MagicMock, create_autospec

import pytest

from idempotent_lambda.errors import InvalidResultError
from idempotent_lambda.sources.message import Message

from .harness import ConsumerHarness


def generator() -> Generator[int]:
    """Work that has not run."""
    yield 1


async def coroutine() -> None:
    """Work that has not run."""


async def async_generator() -> Any:  # noqa: D103
    yield 1


class Awaitable:
    """Work that may not have run."""

    def __await__(self) -> Generator[None, None, Self]:
        yield
        return self


def future(state: str) -> Future[None]:
    """The work of a pool: waiting, cancelled, failed or done."""
    made: Future[None] = Future()
    if state == "cancelled":
        made.cancel()
    if state == "failed":
        made.set_exception(ConnectionError())
    if state == "done":
        made.set_result(None)
    return made


def thread(kind: type[threading.Thread], *, started: bool) -> threading.Thread:
    """A thread that is not started, or is still alive, or is a timer."""
    let_go = threading.Event()
    made: Any = kind(60, print) if kind is threading.Timer else kind(target=let_go.wait, args=(5,))
    if started:
        made.daemon = True
        made.start()
    return cast("threading.Thread", made)


def ended_thread() -> threading.Thread:
    """A thread whose work is done."""
    made = threading.Thread(target=int)
    made.start()
    made.join()
    return made


class Later:
    """The user's own class, whose objects can be called, and which has a method."""

    def __call__(self) -> None:
        raise AssertionError

    run = __call__


RETURNED: dict[str, Callable[[], Any]] = {
    "a function": lambda: coroutine,
    "a lambda": lambda: lambda: None,
    "a method": lambda: Later().run,
    "a method of C": lambda: [].append,
    "a partial": lambda: functools.partial(print, "x"),
    "a cached function": lambda: functools.cache(print),
    "a waiting future": lambda: future("waiting"),
    "a failed future": lambda: future("failed"),
    "a new thread": lambda: thread(threading.Thread, started=False),
    "a live thread": lambda: thread(threading.Thread, started=True),
    "a new timer": lambda: thread(threading.Timer, started=False),
}
"""Work that is returned instead of done."""

DONE: dict[str, Callable[[], Any]] = {
    "a done future": lambda: future("done"),
    "an ended thread": ended_thread,
    "a mock": MagicMock,
    "a mock of a thread": lambda: MagicMock(spec=threading.Thread),
    "a mock of a future": lambda: create_autospec(Future, instance=True),
    "a class": lambda: Later,
    "an object that can be called": Later,
}
"""Results that can be called, or that show work that is done."""


class NamedResponse(NamedTuple):
    """A response as a named tuple."""

    batchItemFailures: Any  # noqa: N815  # the field's name


FAILURES: list[object] = [
    {"batchItemFailures": [{"itemIdentifier": "m-a"}]},
    {"batchItemFailures": [{}]},
    {"batchItemFailures": "m-a"},
    OrderedDict(batchItemFailures=({"itemIdentifier": None},)),
    UserDict(batchItemFailures=[{"itemIdentifier": "m-a"}]),
    SimpleNamespace(batchItemFailures=[{"itemIdentifier": "m-a"}]),
    NamedResponse([{"itemIdentifier": "m-a"}]),
    dataclasses.make_dataclass("Model", ["batchItemFailures"])([1]),
    dataclasses.make_dataclass("Slotted", ["batchItemFailures"], slots=True)([1]),
]
"""Responses of a handler, as a batch processor inside a processor returns them."""


class TestResults:
    """Results that a processor must not return."""

    @pytest.mark.parametrize("work", [generator, coroutine, async_generator, Awaitable])
    def test_work_that_has_not_run(self, harness: ConsumerHarness, work: Callable[[], Any]) -> None:
        """A generator or awaitable fails its message before anything is completed."""
        harness.behaviour["a"] = lambda _: work()
        assert harness.deliver("a", "b") == ["m-a"]
        assert harness.status("a") is None
        (error,) = harness.histories["m-a"].errors
        assert isinstance(error, InvalidResultError)
        assert "whose work is not done" in str(error)

    @pytest.mark.parametrize("work", RETURNED)
    def test_returned_work(self, harness: ConsumerHarness, work: str) -> None:
        """Work that somebody else would have to do fails its message too."""
        harness.behaviour["a"] = lambda _: RETURNED[work]()
        assert harness.deliver("a", "b") == ["m-a"]
        (error,) = harness.histories["m-a"].errors
        assert isinstance(error, InvalidResultError)
        assert "whose work is not done: do it before returning" in str(error)

    def test_a_cancelled_future(self, harness: ConsumerHarness) -> None:
        """A future that was cancelled fails its message with its own error."""
        harness.behaviour["a"] = lambda _: future("cancelled")
        assert harness.deliver("a") == ["m-a"]

    @pytest.mark.parametrize("result", DONE)
    def test_done_work(self, harness: ConsumerHarness, result: str) -> None:
        """A mock, an own object, and work that has ended are results like any other."""
        harness.behaviour["a"] = lambda _: DONE[result]()
        assert harness.deliver("a") == []

    @pytest.mark.parametrize("wrap", [functools.partial, lambda inner: lambda _: inner(None)])
    def test_a_hidden_coroutine_function(
        self, harness: ConsumerHarness, wrap: Callable[[Any], Callable[[Message], Any]]
    ) -> None:
        """A coroutine function behind a partial or a lambda is caught by its result."""

        async def charge(_: object) -> None:
            raise AssertionError

        harness.behaviour["a"] = wrap(charge)
        assert harness.deliver("a") == ["m-a"]
        assert harness.outcomes == {"m-a": "failed"}

    @pytest.mark.parametrize("result", FAILURES)
    @pytest.mark.parametrize("transactional", [False, True])
    def test_reported_failures(self, result: object, transactional: bool) -> None:
        """A processor that returns failures fails its message, and commits no transaction."""
        committed: list[Any] = []
        harness = ConsumerHarness(transactional=transactional)
        harness.memory.commit = committed.extend

        def process(message: Message, transaction: Any = None) -> object:
            if transaction:
                transaction.put("done", {"id": message.key})
            return result

        harness.behaviour["a"] = process
        assert harness.deliver("a", "b") == ["m-a"]
        assert harness.status("a") is None
        (error,) = harness.histories["m-a"].errors
        assert isinstance(error, InvalidResultError)
        assert "batchItemFailures" in str(error)
        assert "raise an exception" in str(error)
        assert committed == []

    def test_failures_in_observe_mode(self) -> None:
        """In observe mode the message is reported too, as after an exception."""
        harness = ConsumerHarness(observe_only=True)
        harness.behaviour["a"] = lambda _: FAILURES[0]
        assert harness.deliver("a") == ["m-a"]
        assert harness.outcomes == {"m-a": "failed"}

    @pytest.mark.parametrize(
        "result",
        [None, 0, "", [], {}, False, object(), range(3), {"batchItemFailures": []},
         {"batchItemFailures": None}, [{"batchItemFailures": [1]}]],
    )  # fmt: skip
    def test_other_results(self, harness: ConsumerHarness, result: object) -> None:
        """Any other result is ignored."""
        harness.behaviour["a"] = lambda _: result
        assert harness.deliver("a") == []


class Touchy:
    """It raises when it is asked what it is."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError


def test_a_result_that_raises(harness: ConsumerHarness) -> None:
    """A result that raises whenever it is used does no harm: the message is done."""
    harness.behaviour["a"] = lambda _: Touchy()
    assert harness.deliver("a") == []
    assert harness.outcomes == {"m-a": "completed"}
