"""Functions and handlers that exist, made idempotent by one decorator, sync or async.

This module wraps the function; `decorated_call` holds the steps of a call: find its key, claim it,
complete it, decide how the call ends.
"""

import functools
import inspect
import threading
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Literal, TypeVar, cast

from idempotent_lambda import keys
from idempotent_lambda.calls.arguments import FunctionRule, Selector, misuse_error
from idempotent_lambda.calls.decorated_call import DecoratedCall
from idempotent_lambda.calls.wiring import Wiring
from idempotent_lambda.protocol import lifecycle
from idempotent_lambda.protocol.steps import Interrupted, Raised, Returned

__all__ = ["FUNCTIONS", "MAX_LEASE_SECONDS", "Wiring", "idempotent"]

Function = Callable[..., object]
F = TypeVar("F", bound=Function)

MAX_LEASE_SECONDS = 366 * 24 * 3600
"""An interrupted call blocks its key for that long."""

FUNCTIONS: dict[str, str] = {}
"""The decorated functions without a wiring, which share the environment's, by name."""

_ONE_AT_A_TIME = threading.Lock()


def idempotent(
    *,
    name: str,
    key: Selector,
    payload: Selector | None = None,
    results: Literal["store", "discard"] = "store",
    lease_seconds: float | None = None,
    wiring: Wiring | None = None,
) -> Callable[[F], F]:
    """Make a function idempotent: it runs once per key, later calls get its result.

    What it raises is raised, and the next call runs it again. Other than that a call may raise

    - `AlreadyInProgressError`: another call with this key is running, or was interrupted
      and its lease goes on;
    - `ResultUnavailableError`: it is done, but its result could not be stored;
    - `MissingKeyError`, `UnsupportedKeyError`, `PayloadMismatchError`: it has not run;
    - `ParkedError`: the key waits for a person (a `PermanentFailure` was raised, or the call was
      interrupted and the setting is to park). Nothing is sent anywhere, so that the record is all
      there is: deleting it lets the key run again;
    - `InvalidResultError`: it returned what JSON cannot hold as it is, or over 256 KB. The call is
      completed all the same. An awaitable or iterator, whose work has not run, is not;
    - `LostLeaseError`, or a `StoreError` of the completion: it has run, and may run again. If
      another call completed the key after this call's lease, this call returns that call's stored
      result. If there is none, it raises `LostLeaseError`;
    - any other `StoreError`: it has not run.

    Args:
        name: names the function in its keys, alone in the namespace. Keep it when the function is
            renamed or moved. A second function of that name in the process is refused.
        key: what makes two calls the same operation, such as ``"event.detail.order_id"``.
        payload: what must be equal in them besides, compared as JSON.
        results: whether to store what the function returns. Duplicates get None without.
        lease_seconds: the time a call has, where no argument is a Lambda context, which tells it.
            Others are excluded for that and the lease margin, which must be at least the
            difference between two callers' clocks. It must be over 2 s, and over 0.5 s more than
            the least remaining time that the settings ask for. Outside Lambda nothing ends a
            call then: see to it that it takes no longer.
        wiring: table, clock and log of a test; by default those of the environment, which is
            read when a function is first called.

    Raises:
        ConfigurationError: an argument or the function is not usable; at the first call too, if
            there is no Lambda context and no lease, or one in which nothing could start, or the
            environment is wrong.
    """
    _check_arguments(name, (key, payload), results, lease_seconds)
    rule = FunctionRule(name, key, payload, results == "store", lease_seconds)

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise misuse_error(name, "it is a generator, whose call runs nothing: return a list")
        _check_name(name, function, wiring.functions if wiring else FUNCTIONS)

        def begin(*args: object, **kwargs: object) -> DecoratedCall:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            with _ONE_AT_A_TIME:
                wired = wiring or Wiring.from_environment()
            return DecoratedCall(rule, wired, bound)

        wrap = _wrap_async if inspect.iscoroutinefunction(function) else _wrap_sync
        return cast("F", wrap(function, begin))

    return decorate


def _wrap_sync(function: Function, begin: Callable[..., DecoratedCall]) -> Function:
    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        current = begin(*args, **kwargs)
        current.claim()
        if current.should_run:
            reply: Returned | Raised | Interrupted
            try:
                reply = current.take_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # raised again at the end
                reply = lifecycle.classify_exception(error)
            current.settle(reply)
        return current.end()

    return call


def _wrap_async(function: Function, begin: Callable[..., DecoratedCall]) -> Function:
    start = cast("Callable[..., Awaitable[object]]", function)

    @functools.wraps(function)
    async def call(*args: object, **kwargs: object) -> object:
        current = begin(*args, **kwargs)
        await _run_in_thread(current, current.claim)
        if current.should_run:
            reply: Returned | Raised | Interrupted
            try:
                reply = current.take_result(await start(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  # raised again at the end
                reply = lifecycle.classify_exception(error)
            if isinstance(reply, Interrupted):
                current.settle(reply)  # asks for nothing, and a closed coroutine cannot wait
            else:
                await _run_in_thread(current, functools.partial(current.settle, reply))
        return current.end()

    return call


def _check_arguments(
    name: str,
    selectors: tuple[Selector | None, ...],
    results: str,
    lease_seconds: float | None,
) -> None:
    """Refuse arguments of `idempotent` that cannot be used, whatever types they have."""
    try:
        keys.build_function_namespace("", name)
        for selector in selectors:
            if isinstance(selector, str):
                keys.compile_expression(selector)
    except ValueError as error:
        raise misuse_error(name, error) from None
    if results not in ("store", "discard"):
        raise misuse_error(name, f'results is {results!r}: set "store" or "discard"')
    if lease_seconds is None:
        return
    is_number = issubclass(type(lease_seconds), int | float)
    if not (is_number and 0 < lease_seconds <= MAX_LEASE_SECONDS):
        text = f"set a number over 0, and at most {MAX_LEASE_SECONDS}"
        raise misuse_error(name, f"lease_seconds is {lease_seconds!r}: {text}")


def _check_name(name: str, function: Function, functions: dict[str, str]) -> None:
    """Refuse a second function of a name; a module that is loaded again has the same one."""
    inner = getattr(function, "func", function)  # a partial has no name
    place = f"{inner.__module__}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"
    if (first := functions.setdefault(name, place)) != place:
        problem = f"{first} and {place} have this name and would share keys and results"
        raise misuse_error(name, f"{problem}: give one of them another name")


async def _run_in_thread(call: DecoratedCall, work: Callable[[], None]) -> None:
    """Have a thread do what waits for the store; a cancellation meanwhile counts once it is done.

    Otherwise it would leave a claim behind, of which nobody knows that its function never started.
    """
    import asyncio  # noqa: PLC0415  # costs a cold start more than all of us

    cancelled = None
    loop, context = asyncio.get_running_loop(), copy_context()
    job = loop.run_in_executor(None, context.run, work)
    while not job.done():
        try:
            await asyncio.shield(job)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled and call.should_run:
        await _run_in_thread(call, functools.partial(call.stop, cancelled))
    if cancelled:
        raise cancelled
