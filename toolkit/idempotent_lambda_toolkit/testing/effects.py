"""Recorders of effects: what code under test does to the world, seen and interfered with."""

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Token = str | Callable[..., object]
"""The name of an effect's parameter that is its idempotency token, or what finds it in the
effect's arguments."""


class EffectFailed(Exception):  # noqa: N818  # raised in the place of an effect, read by people
    """Raised by `hammer` in the place of an effect, as a service that refuses or is away."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One effect that was done.

    Attributes:
        name: what the effect was declared as.
        token: its idempotency token as text; None without one.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    token: str | None = None


class Stage(Protocol):
    """Decides what becomes of an effect."""

    def enter(self, call: Call, failure: Exception) -> Callable[[], None]:
        """Before the effect: what is to be called once it is done.

        Args:
            call: the effect.
            failure: what it raises if it is to fail.

        Raises:
            BaseException: the effect is not to be done; or so raises what is returned: it is done,
                and whoever did it does not live to see that.
        """


class Effects:
    """The effects of the code under test, as far as they are declared.

    Declare what must happen once: a charge, a mail, a write. Effects of one name count as one, such
    as charges by either of two providers. Reads, logs and metrics are no effects.

    Attributes:
        calls: the effects that were done, in order.
        stage: gets every effect; `hammer` sets it while it runs.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.stage: Stage | None = None
        self._lock = threading.Lock()

    def of(
        self,
        name: str,
        function: Callable[..., Any] | None = None,
        *,
        token: Token | None = None,
        failure: Exception | None = None,
    ) -> Callable[..., Any]:
        """A function that is an effect: put it in the place of the real one.

        Args:
            name: what reports call it.
            function: does the effect in the test, sync or async; by default nothing is done.
            token: where the idempotency token is that its receiver takes: repetitions with the
                same token count once.
            failure: what it raises if it is made to fail, by default `EffectFailed`.

        Returns:
            A function that takes what ``function`` takes, and returns what that returns.
        """
        error = failure or EffectFailed(f"hammer made {name!r} fail")
        does: Callable[..., Any] = function or _do_nothing

        def enter(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], None]:
            found = None if token is None else _find_token(token, does, args, kwargs)
            call = Call(name=name, args=args, kwargs=kwargs, token=found)
            after = self.stage.enter(call, error) if self.stage else None

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
    """Does what no test needs done."""


def _find_token(
    token: Token, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str | None:
    """The token in the arguments as text; None if there is none."""
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
