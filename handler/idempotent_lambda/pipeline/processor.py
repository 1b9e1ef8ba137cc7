"""The call of the user's processor, and the results which show that its work has not run."""

from collections import abc
from collections.abc import Callable
from contextlib import suppress

from idempotent_lambda.errors import InvalidResultError
from idempotent_lambda.protocol.requests import Action
from idempotent_lambda.sources.message import Message

Processor = Callable[..., object]
"""Takes a message, and a ``transaction`` if it has a parameter of that name."""


def call_processor(
    processor: Processor, message: Message, *, transactional: bool
) -> tuple[Action, ...]:
    """Run the processor; return the writes of its transaction, if it takes one.

    Raises:
        InvalidResultError: see `refuse_unrun`. Errors of the processor are raised as they are.
    """
    if not transactional:
        refuse_unrun(processor(message))
        return ()
    from idempotent_lambda.store.transaction import Transaction  # noqa: PLC0415  # only when used

    transaction = Transaction()
    try:
        refuse_unrun(processor(message, transaction=transaction))
    finally:
        actions = transaction.close()
    return actions


def refuse_unrun(result: object) -> None:
    """Raise if the processor returned work instead of doing it.

    Raises:
        InvalidResultError: the result is an awaitable or an iterator, whose work has not run.
    """
    # Check the type only: the value's own code may raise anything.
    if issubclass(type(result), abc.Awaitable | abc.Iterator | abc.AsyncIterator):
        if isinstance(result, abc.Coroutine | abc.Generator):
            with suppress(RuntimeError):  # the generator or coroutine refuses to end
                result.close()
        raise InvalidResultError(
            f"the processor returned a {type(result).__name__}, whose work has not run: do the "
            "work before returning (asyncio.run(...) runs a coroutine inside a plain function)"
        )
