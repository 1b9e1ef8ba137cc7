"""Recorders that replace the side effects of code under test, and can make them fail."""

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from idempotent_lambda_toolkit.testing.failures import EffectFailed, make_lost_answer

Token = str | Callable[..., object]
"""The name of the parameter that holds the idempotency token, or a function that finds the token in
the arguments."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A side effect that was done.

    Attributes:
        name: the declared name.
        token: the idempotency token as text; None without one.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    token: str | None = None


class Stage(Protocol):
    """Decides what happens at a side effect."""

    def enter(self, call: Call, failure: Exception, lost_answer: Exception) -> Callable[[], None]:
        """Prepare for a side effect; return a function to call once it is done.

        Args:
            call: the side effect.
            failure: the exception to raise if the side effect must fail.
            lost_answer: the exception to raise if its answer must be lost.

        Raises:
            BaseException: the side effect must not happen. The returned function may raise it too:
                then the side effect has happened, but the process does not learn that.
        """


class Effects:
    """The declared side effects of the code under test.

    Declare everything that must happen once: a charge, a mail, a write. Side effects with the same
    name count as one, such as charges by either of two providers. Reads, logs and metrics are not
    side effects.

    Attributes:
        calls: the side effects that were done, in order.
        declared: the names of the side effects that were declared while `hammer` did not run.
        stage: the object that sees every side effect; `hammer` sets it while it runs.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.declared: list[str] = []
        self.stage: Stage | None = None
        self._lock = threading.Lock()

    def of(
        self,
        name: str,
        function: Callable[..., Any] | None = None,
        *,
        token: Token | None = None,
        failure: Exception | None = None,
        lost_answer: Exception | None = None,
    ) -> Callable[..., Any]:
        """Make a recorder of a side effect. Replace the real function with it.

        Args:
            name: the name in reports.
            function: the implementation for the test, sync or async; by default it does nothing.
            token: the idempotency token that the receiver honours: its parameter, or a function
                that finds it. Repetitions with the same token count once.
            failure: the exception if `hammer` makes it fail; by default `EffectFailed`.
            lost_answer: the exception if `hammer` loses its answer, so that the code cannot know
                whether it happened. By default, ``failure`` if that is a timeout or a broken
                connection, else `AnswerLost`.

        Returns:
            A function with the parameters and the result of ``function``.
        """
        error = failure or EffectFailed(f"hammer made {name!r} fail")
        lost = lost_answer or make_lost_answer(name, failure)
        does: Callable[..., Any] = function or _do_nothing
        if self.stage is None:
            self.declared.append(name)

        def enter(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], None]:
            found = None if token is None else _find_token(token, does, args, kwargs)
            call = Call(name=name, args=args, kwargs=kwargs, token=found)
            after = self.stage.enter(call, error, lost) if self.stage else None

            def leave() -> None:
                with self._lock:
                    self.calls.append(call)
                if after:
                    after()

            return leave

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            leave = enter(args, kwargs)
            result = await does(*args, **kwargs)
            leave()
            return result

        def call(*args: Any, **kwargs: Any) -> Any:
            leave = enter(args, kwargs)
            result = does(*args, **kwargs)
            leave()
            return result

        return call_async if inspect.iscoroutinefunction(does) else call


def _do_nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def _find_token(
    token: Token, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str | None:
    """Return the token in the arguments as text; None if there is none."""
    if callable(token):
        value = token(*args, **kwargs)
    elif token in kwargs:
        value = kwargs[token]
    else:
        try:
            value = inspect.signature(function).bind(*args, **kwargs).arguments.get(token)
        except (TypeError, ValueError):
            value = None
    return None if value is None else repr(value)
