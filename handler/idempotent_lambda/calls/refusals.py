"""The arguments with which a call cannot be idempotent: batches, and durable executions."""

from collections.abc import Iterator
from inspect import BoundArguments, Parameter
from typing import Any

from idempotent_lambda.calls.arguments import misuse_error
from idempotent_lambda.sources.batches import find_batch

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
