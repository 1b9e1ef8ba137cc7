"""Doubles of functions and methods, which keep the signature and the kind of the real one."""

import difflib
import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

Token = str | Callable[..., object]
"""The name of the parameter that holds the idempotency token, or a function that finds the token in
the arguments."""

Begin = Callable[[tuple[Any, ...], dict[str, Any], str | None], Callable[[], None]]
"""Begins a side effect with arguments and a token; returns a function to call once it is done."""

_RUNNERS = {"run", "run_until_complete", "run_sync", "async_to_sync"}
"""Names in a synchronous decorator that runs the coroutine function below it."""


@dataclass(frozen=True)
class Target:
    """The place where the code under test finds a function.

    Attributes:
        owner: the module, class or object.
        function: the function as a call sees it; for a method of a class, with its first parameter.
        kind: `staticmethod` or `classmethod` for such a method of a class; otherwise None.
    """

    owner: Any
    attribute: str
    function: Callable[..., Any]
    kind: type | None


def find_target(target: str) -> Target:
    """Find a function by its dotted name, such as ``orders.charge`` or ``orders.Client.charge``.

    Raises:
        ValueError: a part of the name does not exist, or it does not name a function.
    """
    first, *parts = target.split(".")
    if not parts:
        raise ValueError(
            f"the side effect {target!r} names no module: "
            "write the name under which your code finds it, such as 'orders.charge'"
        )
    owner: Any = None
    value, path = _import_module(first, target), first
    for part in parts:
        owner = value
        value = _get_part(owner, part, path, target)
        path = f"{path}.{part}"
    if not callable(value):
        raise ValueError(  # noqa: TRY004  # as for every wrong target
            f"the side effect {target!r} is a value of type {type(value).__name__}: "
            "name a function or a method"
        )
    if not hasattr(owner, "__dict__"):
        raise ValueError(
            f"the side effect {target!r} cannot be replaced, because its object takes no "
            f"attributes: name the method of its class, {type(owner).__qualname__}"
        )
    kind = None
    if inspect.isclass(owner):
        static = inspect.getattr_static(owner, parts[-1])
        kind = type(static) if isinstance(static, staticmethod | classmethod) else None
        value = static.__func__ if kind else value
    return Target(owner, parts[-1], value, kind)


def _import_module(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise  # the module exists, and one of its imports does not
        known = [module.name for module in pkgutil.iter_modules()] + [*sys.modules]
        raise ValueError(
            _describe_missing(target, f"there is no module {name!r}", name, known)
        ) from None


def _get_part(owner: Any, part: str, path: str, target: str) -> Any:
    try:
        return getattr(owner, part)
    except AttributeError:
        if isinstance(owner, ModuleType):
            try:
                return importlib.import_module(f"{path}.{part}")
            except ModuleNotFoundError as error:
                if error.name not in (path, f"{path}.{part}"):
                    raise
        kind = type(owner).__name__ if not isinstance(owner, ModuleType | type) else ""
        what = "module" if isinstance(owner, ModuleType) else kind or "class"
        missing = f"the {what} {path!r} has no {part!r}"
        raise ValueError(_describe_missing(target, missing, part, dir(owner), path)) from None


def _describe_missing(
    target: str, missing: str, part: str, known: list[str], path: str = ""
) -> str:
    near = difflib.get_close_matches(part, {name for name in known if "." not in name}, n=3)
    names = [repr(f"{path}.{name}".lstrip(".")) for name in near]
    hint = f"did you mean {' or '.join(names)}?" if names else "write the name as your code has it"
    return f"the side effect {target!r} does not exist: {missing}: {hint}"


def make_double(
    name: str,
    function: Callable[..., Any] | None,
    like: Callable[..., Any] | None,
    token: Token | None,
    begin: Begin,
) -> Callable[..., Any]:
    """Make a double that calls ``function`` and has the signature of ``like``.

    The double is a coroutine function if ``like`` is one, or ``function`` where there is no
    ``like``. If a synchronous ``function`` returns an awaitable, the double does so too.

    Raises:
        ValueError: the token names no parameter.
    """
    real = like or function
    accepted, named = _read_signatures(real)
    check_token(name, token, named)
    does: Callable[..., Any] = function or _do_nothing

    def enter(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], None]:
        if like is not None and accepted is not None:
            _refuse_wrong_arguments(like, accepted, args, kwargs)
        return begin(args, kwargs, find_token(token, named, args, kwargs))

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        leave = enter(args, kwargs)
        result = does(*args, **kwargs)
        if inspect.isawaitable(result):
            result = await result
        leave()
        return result

    def call(*args: Any, **kwargs: Any) -> Any:
        leave = enter(args, kwargs)
        result = does(*args, **kwargs)
        if inspect.isawaitable(result):
            return _finish(result, leave)
        leave()
        return result

    double = call_async if _is_coroutine_function(like, function) else call
    if real is not None:
        functools.update_wrapper(
            double, real, updated=("__dict__",) if isinstance(real, FunctionType) else ()
        )
    return double


async def _finish(result: Any, leave: Callable[[], None]) -> Any:
    result = await result
    leave()
    return result


def _do_nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def _is_coroutine_function(
    like: Callable[..., Any] | None, function: Callable[..., Any] | None
) -> bool:
    """Return whether the code under test awaits the double."""
    if like is None:
        return function is not None and _is_async(function)
    if _is_async(like):
        return True
    inner = inspect.unwrap(like)
    if inner is like or not _is_async(inner):
        return False
    # A synchronous wrapper returns the coroutine, or runs it. A given function says which.
    if function is not None:
        return _is_async(function)
    code = getattr(like, "__code__", None)
    return not _RUNNERS.intersection(code.co_names + code.co_freevars if code else ())


def _is_async(function: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(function):
        return True
    kind = type(function)  # an object may have a method `async def __call__`
    return not isinstance(function, type) and inspect.iscoroutinefunction(kind.__call__)


def _read_signatures(
    function: Callable[..., Any] | None,
) -> tuple[inspect.Signature | None, inspect.Signature | None]:
    """Return what a function accepts, and the parameters of the function below its decorators."""
    if function is None:
        return None, None
    try:
        accepted = inspect.signature(function, follow_wrapped=False)
        return accepted, inspect.signature(function)
    except (TypeError, ValueError):
        return None, None  # some functions in C have none


def _refuse_wrong_arguments(
    function: Callable[..., Any],
    accepted: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Raise as the real function does if it does not accept these arguments."""
    try:
        accepted.bind(*args, **kwargs)
    except TypeError as error:
        plain = isinstance(function, FunctionType | MethodType)
        if plain and not hasattr(function, "__signature__"):
            function(*args, **kwargs)  # Python raises before it runs any code of the function
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(f"{name}() does not accept these arguments: {error}") from None


# Tokens


def check_token(name: str, token: Token | None, signature: inspect.Signature | None) -> None:
    """Check that the token names one of the parameters, as far as they are known.

    Raises:
        ValueError: it does not.
    """
    if token is None or callable(token) or signature is None:
        return
    parameters = signature.parameters.values()
    if any(
        parameter.name == token or parameter.kind is parameter.VAR_KEYWORD
        for parameter in parameters
    ):
        return
    names = ", ".join(parameter.name for parameter in parameters) or "none"
    raise ValueError(
        f"the side effect {name!r} has no parameter {token!r}, its token: "
        f"name one of its parameters ({names}), or give a function that finds the token"
    )


def find_token(
    token: Token | None,
    signature: inspect.Signature | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> str | None:
    """Return the token in the arguments as text; None if there is none."""
    if token is None:
        return None
    if callable(token):
        value = token(*args, **kwargs)
    elif token in kwargs:
        value = kwargs[token]
    else:
        value = _bind_token(token, signature, args, kwargs)
    return None if value is None else repr(value)


def _bind_token(
    token: str,
    signature: inspect.Signature | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> object:
    if signature is None:
        return None
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    bound.apply_defaults()
    return bound.arguments.get(token)
