"""The decorator that makes an existing function or handler idempotent, sync or async.

This module wraps the function. `calls.decorated_call` has the steps of a call: find the key, claim
it, complete it, decide how the call ends.
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
"""The longest lease: an interrupted call blocks its key for that long."""

WIRING_ATTRIBUTE = "find_wiring"
"""The attribute by which a decorated function is recognized: it returns the function's wiring."""

FUNCTIONS: dict[str, str] = {}
"""The decorated functions that use the wiring of the environment, by name."""

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
    """Make a function idempotent: it runs once per key, and later calls get its result.

    A call raises the function's errors; then the next call runs it again. If the result reports
    failures (``batchItemFailures`` is not empty), the call returns the result, and the next call
    runs the function again too. A call may also raise

    - `AlreadyInProgressError`: another call with this key is running, or was interrupted and its
      lease is still live;
    - `ResultUnavailableError`: the function has run, but its result could not be stored;
    - `MissingKeyError`, `UnsupportedKeyError`, `PayloadMismatchError`: the function has not run;
    - `ParkedError`: the key waits for an operator (a `PermanentFailure` was raised, or the call was
      interrupted and the settings park interrupted calls). Nothing is sent anywhere, so only the
      record exists: if you delete it, the key can run again;
    - `InvalidResultError`: the result cannot be stored as JSON, or it has over 256 KB. The call is
      completed, unless the result is work that is not done: a function, an awaitable or iterator,
      or a future or thread that has not ended, or has failed;
    - `LostLeaseError`, or a `StoreError` of the completion: the function has run, and may run
      again. If another call completed the key after this call's lease, this call returns that
      call's stored result. If there is none, it raises `LostLeaseError`;
    - any other `StoreError`: the function has not run.

    If results are stored, every caller, the first too, gets the value that the result's JSON
    decodes to. Of a handler, which takes exactly an event and a Lambda context, the JSON is the one
    that Lambda sends: tuples are arrays, and a Decimal is a number. The result of any other
    function must be equal to what its JSON decodes to: return a list instead of a tuple. A third
    parameter, ``*args``, or a decorator below this one without `functools.wraps` makes a handler
    such another function: then a tuple is an `InvalidResultError`, after the work is done.

    Args:
        name: name of the function in its keys, unique in the namespace. Keep it when you rename or
            move the function. In one process, a second function of this name is refused if
            its module or qualified name is another. Functions that one piece of code makes, such as
            the closures of a factory, are not refused, and share keys and results: a factory must
            give each of its functions another name.
        key: value that makes two calls the same operation, such as ``"event.detail.order_id"``.
        payload: value that must also be equal in both calls, compared as JSON: 1 and 1.0 differ.
        results: whether to store the returned value. With ``"discard"``, duplicates get None.
        lease_seconds: maximum duration of a call; required if no argument is a Lambda context.
            Other calls are excluded for this time and the lease margin, which must be at least the
            difference between two callers' clocks. The lease must be over 2 s, and over 0.5 s more
            than the minimum remaining time in the settings. Outside Lambda, nothing ends a call:
            make sure that it takes no longer.
        wiring: table, clock and log of a test; by default from the environment, which the first
            call of a function reads.

    Raises:
        ConfigurationError: an argument or the function is not usable; at a call also if there is
            neither a Lambda context nor a lease, the lease is too short to start, the environment
            is wrong, or an argument is a batch of messages or comes from a durable execution.
    """
    selectors = (key, key if payload is None else payload)
    _check_arguments(name, selectors, results, lease_seconds)
    rule = FunctionRule(name, key, payload, results == "store", lease_seconds)

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise misuse_error(name, "it is a generator, so a call runs nothing: return a list")
        _check_name(name, function, wiring.functions if wiring else FUNCTIONS)

        def find_wiring() -> Wiring:
            with _ONE_AT_A_TIME:
                return wiring or Wiring.from_environment()

        def begin(*args: object, **kwargs: object) -> DecoratedCall:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return DecoratedCall(rule, find_wiring(), bound)

        wrap = _wrap_async if inspect.iscoroutinefunction(function) else _wrap_sync
        wrapped = wrap(function, begin)
        setattr(wrapped, WIRING_ATTRIBUTE, find_wiring)
        return cast("F", wrapped)

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
                current.settle(reply)  # asks the store nothing, and a closed coroutine cannot wait
            else:
                await _run_in_thread(current, functools.partial(current.settle, reply))
        return current.end()

    return call


def _check_arguments(
    name: str,
    selectors: tuple[object, ...],
    results: str,
    lease_seconds: float | None,
) -> None:
    try:
        keys.build_function_namespace("", name)
        for selector in selectors:
            if isinstance(selector, str):
                keys.compile_expression(selector)
    except ValueError as error:
        raise misuse_error(name, error) from None
    for selector in selectors:
        if not (isinstance(selector, str) or callable(selector)):
            text = "cannot be a key or payload: set a JMESPath expression or a function"
            raise misuse_error(name, f"{selector!r} {text}")
    if results not in ("store", "discard"):
        raise misuse_error(name, f'results is {results!r}: set "store" or "discard"')
    if lease_seconds is None:
        return
    is_number = issubclass(type(lease_seconds), int | float)
    if not (is_number and 0 < lease_seconds <= MAX_LEASE_SECONDS):
        text = f"set a number over 0, and at most {MAX_LEASE_SECONDS}"
        raise misuse_error(name, f"lease_seconds is {lease_seconds!r}: {text}")


def _check_name(name: str, function: Function, functions: dict[str, str]) -> None:
    """Refuse a second function with a name; a module that is loaded again has the same function."""
    inner = getattr(function, "func", function)  # a partial has no name
    place = f"{inner.__module__}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"
    if (first := functions.setdefault(name, place)) != place:
        problem = f"{first} and {place} have this name and would share keys and results"
        raise misuse_error(name, f"{problem}: give one of them another name")


async def _run_in_thread(call: DecoratedCall, work: Callable[[], None]) -> None:
    """Run work that waits for the store in a thread; a cancellation takes effect after the work.

    Otherwise it would leave a claim behind, and nobody would know that the function never started.
    """
    import asyncio  # noqa: PLC0415  # costs a cold start more than this whole package

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
