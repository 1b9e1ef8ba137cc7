"""Messages as a processor gets them, for plain unit tests.

The real package reads the event and finds the key, so a message has the body, the key and the token
that it has in production. Nothing is claimed.
"""

from collections.abc import Mapping
from typing import Any

from idempotent_lambda.clock import Clock, Deadline, Millis, SystemClock
from idempotent_lambda.keys import KeyRule, check_namespace, compile_expression
from idempotent_lambda.pipeline.asking import make_owner
from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.message import Message
from idempotent_lambda.sources.parsing import MAX_COUNT_DIGITS
from idempotent_lambda_toolkit.testing import events
from idempotent_lambda_toolkit.testing.contents import Attributes


def message(
    body: Any,
    *,
    key: str | None = None,
    message_attributes: Attributes | None = None,
    receive_count: int = 1,
    remaining_millis: int = 30_000,
    namespace: str = "orders",
    clock: Clock | None = None,
) -> Message:
    """Make the message of a standard queue that a processor gets.

    Args:
        body: the body that the producer sends, see `events.sqs`.
        key: the key expression, as in ``idempotency.key``. By default the key is the message id.
        message_attributes: the producer's attributes: text, numbers, or bytes.
        receive_count: the number of deliveries, this one included.
        remaining_millis: the remaining time of the invocation, in milliseconds.
        namespace: the consumer's namespace, which the idempotency token depends on.
        clock: the clock of the remaining time; by default the clock of the machine.

    Raises:
        ValueError: SQS cannot carry the body, or it holds several messages, or an argument is
            wrong.
        MessageError: see `read_messages`.
    """
    if not 0 < receive_count < 10**MAX_COUNT_DIGITS:
        raise ValueError(f"receive_count is {receive_count}: a message is delivered at least once")
    event = events.sqs(body, message_attributes=message_attributes)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receive_count)
    found = read_messages(
        event, key=key, remaining_millis=remaining_millis, namespace=namespace, clock=clock
    )
    if len(found) != 1:
        raise ValueError(
            f"the body is an event with {len(found)} messages: use read_messages(events.sqs(body))"
        )
    return found[0]


def read_messages(
    event: Mapping[str, Any],
    *,
    key: str | None = None,
    remaining_millis: int = 30_000,
    namespace: str = "orders",
    clock: Clock | None = None,
) -> list[Message]:
    """Return the messages of an event in its order, as a processor gets them.

    Args:
        event: the event as Lambda delivers it, from `events` or captured.
        key: the key expression, as in ``idempotency.key``. By default each message has the default
            key of its source.
        remaining_millis: the remaining time of the invocation, in milliseconds.
        namespace: the consumer's namespace, which the idempotency token depends on.
        clock: the clock of the remaining time; by default the clock of the machine.

    Raises:
        ValueError: the key is not a JMESPath expression, or the namespace is wrong.
        UnsupportedEventError: the package does not read such events.
        MessageError: the package rejects a message, because it has no key or cannot be read.
    """
    search = None if key is None else compile_expression(key)
    rule = KeyRule(check_namespace(namespace), key, search)
    deadline = Deadline.from_remaining(clock or SystemClock(), Millis(remaining_millis))
    return [
        Message.from_delivery(
            delivery, key=find_key(rule, delivery), owner=make_owner(), deadline=deadline
        )
        for delivery in read_event(event, UNWRAP_CHOICES)
    ]
