"""The call of the user's processor, and the results which show that its work is not done."""

from collections import abc
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any

from idempotent_lambda.errors import InvalidResultError
from idempotent_lambda.protocol.claims import Action
from idempotent_lambda.sources.message import Message
from idempotent_lambda.sources.response import find_failures

Processor = Callable[..., object]
"""Takes a message, and a ``transaction`` if it has a parameter of that name."""


def call_processor(
    processor: Processor, message: Message, *, transactional: bool
) -> tuple[Action, ...]:
    """Run the processor; return the writes of its transaction, if it takes one.

    Raises:
        InvalidResultError: see `_refuse_undone`. Errors of the processor are raised as they are.
    """
    if not transactional:
        _refuse_undone(processor(message))
        return ()
    from idempotent_lambda.store.transaction import Transaction  # noqa: PLC0415  # only when used

    transaction = Transaction()
    try:
        _refuse_undone(processor(message, transaction=transaction))
    finally:
        actions = transaction.close()
    return actions


def refuse_unrun(result: Any) -> None:
    """Raise if user code returned work instead of doing it.

    Raises:
        InvalidResultError: the result is a function, an awaitable or an iterator, or a future or
            thread that has not ended, or has failed.
    """
    # Check the type only: the value's own code may raise anything, and a mock has every method.
    kind = type(result)
    module = getattr(kind, "__module__", "")
    is_done = not issubclass(kind, abc.Awaitable | abc.Iterator | abc.AsyncIterator)
    if module in ("builtins", "functools") and callable(result):
        is_done = kind is type  # neither a class nor an object of the user's own is work
    if issubclass(kind, Thread):
        is_done = result.ident and not result.is_alive()
    if issubclass(kind, Future):
        is_done = result.done() and not result.exception()
    if is_done or module == "unittest.mock":
        return
    if isinstance(result, abc.Coroutine | abc.Generator):
        with suppress(RuntimeError):  # the generator or coroutine refuses to end
            result.close()
    raise InvalidResultError(
        f"the result is a {kind.__name__}, whose work is not done: do it before returning "
        "(asyncio.run runs a coroutine)"
    )


def _refuse_undone(result: object) -> None:
    """Raise if the result of a processor shows that its work is not done.

    Raises:
        InvalidResultError: the work is not done, or the result reports failures.
    """
    refuse_unrun(result)
    if find_failures(result):
        raise InvalidResultError(
            "the processor returned batchItemFailures: raise an exception if the message failed"
        )
