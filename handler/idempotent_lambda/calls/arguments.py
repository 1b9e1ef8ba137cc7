"""The arguments of a call: those that it refuses, its key, its payload and its time."""

import hashlib
import json
from collections.abc import Callable, Iterator
from inspect import BoundArguments, Parameter
from typing import Any, NamedTuple

from idempotent_lambda.clock import (
    CONTEXT_REMEDY,
    REQUEST_MILLIS,
    RESERVE_MILLIS,
    InvocationContext,
    Millis,
    read_context,
)
from idempotent_lambda.errors import (
    ConfigurationError,
    MessageError,
    MissingKeyError,
    UnsupportedKeyError,
    text_of,
)
from idempotent_lambda.expressions import describe_failure
from idempotent_lambda.keys import Key, KeyRule, build_function_namespace, compile_expression
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.batches import find_batch

Selector = str | Callable[..., object]
"""A JMESPath expression over the arguments by name, or a callable that takes the arguments."""

_POSITIONAL_KINDS = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class FunctionRule(NamedTuple):
    """The options that all calls of a decorated function share; see `decorator.idempotent`."""

    name: str
    key: Selector
    payload: Selector | None
    stores_results: bool
    lease_seconds: float | None


def misuse_error(name: str, problem: object) -> ConfigurationError:
    """Return the error for a function that is decorated or called in a wrong way."""
    return ConfigurationError(f"@idempotent of {name!r}: {problem}")


def find_context(
    rule: FunctionRule, bound: BoundArguments, settings: Settings
) -> InvocationContext:
    """Return the time of a call, from its Lambda context or else from the function's lease.

    Raises:
        ConfigurationError: there is neither, or the lease is too short for a call to start.
    """
    # Lambda passes the context last. Ask it first: to ask a client may call a service.
    arguments = (*bound.args, *bound.kwargs.values())
    for argument in reversed(arguments):
        if context := read_context(argument):
            return context
    if rule.lease_seconds is None:
        types = ", ".join(type(argument).__name__ for argument in arguments) or "none"
        problem = f"no argument is a Lambda context (their types: {types}): pass it on, or set "
        raise misuse_error(rule.name, f"{problem}lease_seconds; {CONTEXT_REMEDY}")
    remaining = Millis(round(rule.lease_seconds * 1000))
    needed = max(settings.minimum_remaining, REQUEST_MILLIS) + RESERVE_MILLIS
    # A lease of exactly this length would be too short after one millisecond.
    if remaining <= needed and not settings.observe_only:
        problem = f"lease_seconds is {rule.lease_seconds}, and a call needs more than "
        problem += f"{needed} ms to start: raise lease_seconds"
        if settings.minimum_remaining > REQUEST_MILLIS:
            problem += ", or lower IDEMPOTENCY_MINIMUM_REMAINING_MILLIS"
        raise misuse_error(rule.name, problem)
    return InvocationContext(remaining, "")


def is_handler_call(bound: BoundArguments) -> bool:
    """Whether Lambda makes the call: it passes exactly an event and its context, by position."""
    parameters = bound.signature.parameters.values()
    return (
        len(parameters) == len(bound.args) == 2  # noqa: PLR2004
        and all(part.kind in _POSITIONAL_KINDS for part in parameters)
        and read_context(bound.args[1]) is not None
    )


def find_call_key(rule: FunctionRule, bound: BoundArguments, namespace: str) -> Key:
    """Return the key of a call.

    Args:
        rule: options of the function.
        bound: arguments of the call.
        namespace: namespace of the consumer.

    Raises:
        MissingKeyError, UnsupportedKeyError: there is no usable key; see `KeyRule.for_value`.
    """
    value = _select("key", rule.key, bound)
    return KeyRule(build_function_namespace(namespace, rule.name), describe(rule.key)).for_value(
        value
    )


def hash_payload(rule: FunctionRule, bound: BoundArguments) -> str | None:
    """Return the hash of a call's payload, with its version; None without a payload check.

    Raises:
        MissingKeyError, UnsupportedKeyError: the selector finds nothing, or not JSON.
    """
    if rule.payload is None:
        return None
    payload = _select("payload", rule.payload, bound)
    if payload is None:
        raise UnsupportedKeyError("the payload selector finds nothing: correct it")
    try:
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    except Exception as error:  # noqa: BLE001  # the value's own code may raise anything
        text = f"the payload is not JSON: {text_of(error)}"
        raise UnsupportedKeyError(text) from None
    return f"v1:{hashlib.sha256(text.encode()).hexdigest()}"


def describe(selector: Selector) -> str:
    """Return a selector in readable form."""
    return selector if isinstance(selector, str) else "(a function)"


def _select(argument: str, selector: Selector, bound: BoundArguments) -> object:
    """Return the value that a selector finds in the arguments.

    Raises:
        MissingKeyError: the selector raises, as JMESPath does if a function gets a wrong argument.
            The text names the error's type and its place, but never quotes its message.
    """
    try:
        if not callable(selector):
            return compile_expression(selector).search(bound.arguments)
        found: Any = selector(*bound.args, **bound.kwargs)
        # Check the type only: the value's own code may raise anything.
        return [*found] if issubclass(type(found), tuple | list) else found
    except MessageError:
        raise  # of a selector that names the problem itself, as `http.find_header` does
    except Exception as error:
        found = describe_failure(error)
        if callable(selector):
            step: Any = error.__traceback__
            code = getattr(selector, "__code__", step.tb_frame.f_code)
            line = code.co_firstlineno  # if the function does not take these arguments
            while step := step.tb_next:
                code, line = step.tb_frame.f_code, step.tb_lineno
            found = f"an error, {type(error).__name__} at {code.co_filename}:{line}"
        raise MissingKeyError(describe(selector), found, argument) from error


_BATCH_TEXT = (
    "the argument {!r} is a batch of messages from {}, but a call has one key, so messages are "
    "lost. Write process(message), or decorate the function that handles one record: see "
    "docs/guides/handler-over-records.md"
)
_DURABLE_TEXT = (
    "the argument {!r} is from a durable execution, whose replay meets its own claim. Start it "
    "with a DurableExecutionName made from the message, or decorate the function that a step "
    "calls: see docs/guides/durable-functions.md"
)

_DURABLE_SDK = "aws_durable_execution_sdk_python"
_DURABLE_TYPES = frozenset({"DurableContext", "DurableExecutionInvocationInput"})
_DURABLE_FIELDS = frozenset({"DurableExecutionArn", "CheckpointToken"})


def check_call_arguments(name: str, bound: BoundArguments) -> None:
    """Refuse a call that would lose messages, or that could never end.

    Args:
        name: name of the function in its keys.
        bound: arguments of the call.

    Raises:
        ConfigurationError: an argument is a batch, or is from a durable execution.
    """
    arguments = [*_list_arguments(bound)]
    for argument, value in arguments:
        if _is_durable(value):
            raise misuse_error(name, _DURABLE_TEXT.format(argument))
    for argument, value in arguments:
        # The object that a method belongs to may know the whole batch.
        if argument != "self" and (source := find_batch(value)):
            raise misuse_error(name, _BATCH_TEXT.format(argument, source))


def _list_arguments(bound: BoundArguments) -> Iterator[tuple[str, object]]:
    """Yield the arguments by name, also the arguments that the function collects."""
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is Parameter.VAR_POSITIONAL:
            yield from ((name, part) for part in value)
            continue
        yield name, value
        if kind is Parameter.VAR_KEYWORD:
            yield from value.items()


def _is_durable(value: Any) -> bool:
    """Whether a value is the context or the event of a durable execution.

    The event has these fields, and the context and the test kit's event are of these types:
    https://docs.aws.amazon.com/lambda/latest/dg/durable-execution-sdk.html
    https://github.com/aws/aws-durable-execution-sdk-python
    """
    kind = type(value)
    if issubclass(kind, dict):
        return dict.keys(value) >= _DURABLE_FIELDS
    return any(
        part.__name__ in _DURABLE_TYPES and str(part.__module__).startswith(_DURABLE_SDK)
        for part in kind.__mro__
    )
