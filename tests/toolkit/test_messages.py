"""Messages for plain unit tests are the ones that a processor gets in production."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from idempotent_lambda import Message
from idempotent_lambda.errors import (
    MissingKeyError,
    UndecodableBodyError,
    UnreadableRecordError,
    UnsupportedEventError,
)
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda_toolkit.testing import ManualClock, events, message, read_messages
from tests.handler.harness import ConsumerHarness

ORDER = {"order_id": "ORDER-1"}
ATTRIBUTES = {"tenant": "acme", "raw": b"\xff", "price": 3}

EVENTS: dict[str, tuple[Callable[[], dict[str, Any]], str | None]] = {
    "sqs": (lambda: events.sqs(ORDER, ORDER, message_attributes=ATTRIBUTES), None),
    "sqs, with a key": (lambda: events.sqs(ORDER), "body.order_id"),
    "sqs, two parts": (lambda: events.sqs(ORDER), "[body.order_id, messageId]"),
    "text": (lambda: events.sqs("call me"), "lower(body)"),
    "redelivered": (lambda: events.redelivered(events.sqs(ORDER)), "body.order_id"),
    "fifo": (lambda: events.fifo(ORDER, group="a"), "attributes.MessageGroupId"),
    "sns in sqs": (lambda: events.sns_in_sqs(ORDER, message_attributes=ATTRIBUTES), None),
    "raw": (lambda: events.sns_in_sqs(ORDER, raw=True), None),
    "eventbridge in sqs": (lambda: events.eventbridge_in_sqs(ORDER), "body.detail.order_id"),
    "s3 in sqs": (lambda: events.s3_in_sqs("a.json", "b.json"), None),
    "kinesis": (lambda: events.kinesis(ORDER, b"\xff"), None),
    "dynamodb": (lambda: events.dynamodb({"id": "a"}), "dynamodb.Keys.id.S"),
    "sns": (lambda: events.sns(ORDER), None),
    "s3": (lambda: events.s3("a.json"), None),
    "eventbridge": (lambda: events.eventbridge(ORDER), None),
    "direct": (lambda: events.direct(ORDER), "body.order_id"),
}


def compare(found: Message) -> dict[str, Any]:
    """The contents of a message, without what differs from claim to claim."""
    shown = {each.name: getattr(found, each.name) for each in fields(found)}
    return {**shown, "owner": None, "deadline": found.remaining_millis(), "raw": found.raw}


@pytest.mark.parametrize("name", EVENTS)
def test_messages_are_those_of_the_consumer(name: str) -> None:
    """A message equals the one that the consumer gives a processor for the same event."""
    make, key = EVENTS[name]
    event, harness = make(), ConsumerHarness(key=key, unwrap=frozenset(UNWRAP_CHOICES))
    assert not (harness.consumer.consume(event, 30_000) or {}).get("batchItemFailures")  # type: ignore[arg-type]
    found = read_messages(event, key=key, clock=ManualClock())
    assert [compare(each) for each in found] == [compare(each) for each in harness.messages]
    assert [each.idempotency_token for each in found] == [
        each.idempotency_token for each in harness.messages
    ]


def test_a_message_has_defaults_for_everything() -> None:
    """A body is enough; all else is as in a first delivery of a queue."""
    found = message(ORDER)
    assert (found.body, found.source, found.receive_count) == (ORDER, "aws:sqs", 1)
    assert found.key == found.id == found.raw["messageId"]
    assert found.attributes["ApproximateReceiveCount"] == "1"
    assert found.message_attributes == {}
    assert 0 < found.remaining_millis() <= 30_000
    assert len(found.owner) == 32
    assert message(ORDER).id != found.id
    assert message(ORDER).owner != found.owner


def test_a_message_is_what_its_arguments_say() -> None:
    """Each argument reaches the place where a processor reads it."""
    clock = ManualClock()
    found = message(
        ORDER,
        key="body.order_id",
        message_attributes={"tenant": "acme"},
        receive_count=3,
        remaining_millis=2_000,
        clock=clock,
    )
    assert (found.key, found.receive_count) == ("ORDER-1", 3)
    assert found.message_attributes == {"tenant": "acme"}
    clock.advance(found.remaining_millis())
    assert found.remaining_millis() == 0


def test_the_token_depends_on_namespace_and_key_alone() -> None:
    """Two runs of one key have one token, and two consumers have two tokens."""
    first, again = (message(ORDER, key="body.order_id") for _ in range(2))
    other = message(ORDER, key="body.order_id", namespace="refunds")
    assert first.idempotency_token == again.idempotency_token != other.idempotency_token


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: message(ORDER, key="order_id"), MissingKeyError, "order_id"),
        (lambda: message("call me", key="body.id"), UndecodableBodyError, "body is"),
        (lambda: message('{"a": NaN}', key="messageId"), UnreadableRecordError, "NaN"),
        (lambda: read_messages(events.direct(ORDER)), MissingKeyError, "set idempotency.key"),
        (lambda: message(ORDER, key="body."), ValueError, "not a JMESPath expression"),
        (lambda: message(ORDER, key="'a'"), ValueError, "finds a key even in an empty message"),
        (lambda: message(ORDER, namespace="a#b"), ValueError, "not a namespace"),
        (lambda: message(ORDER, receive_count=0), ValueError, "receive_count is 0"),
        (lambda: message(b"a"), ValueError, "body is bytes"),
        (
            lambda: message(events.batch(events.s3("a"), events.s3("b"))),
            ValueError,
            "2 messages: use read_messages",
        ),
        (lambda: read_messages({"Records": [{}]}), UnsupportedEventError, "from None"),
    ],
)
def test_errors_are_those_of_production(
    make: Callable[[], object], error: type[Exception], text: str
) -> None:
    """What the package rejects in production is an error in the test."""
    with pytest.raises(error, match=text):
        make()


def test_a_message_of_another_service_in_the_queue() -> None:
    """A body that is the event of another service is opened, as with `queue.unwrap`."""
    found = message(events.s3("a.json"))
    assert found.body["s3"]["object"]["key"] == "a.json"
