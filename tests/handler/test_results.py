"""The results that a processor returns."""

import functools
from collections.abc import Callable, Generator
from typing import Any, Self

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
        assert "whose work has not run" in str(error)

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

    @pytest.mark.parametrize("result", [None, 0, "", [], {}, False, object(), range(3)])
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
