"""Events are what Lambda delivers, and what the package reads of them is what was sent."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing import events
from tests.handler.events import golden, unwrapped

BODY = {"order_id": "ORDER-1"}
TEXT = "call me back"
Make = Callable[[], dict[str, Any]]

MADE: dict[str, tuple[Make, Source, Any, str]] = {
    "sqs": (lambda: events.sqs(BODY), Source.SQS, BODY, "sqs_standard"),
    "fifo": (lambda: events.fifo(BODY), Source.SQS, BODY, "sqs_fifo"),
    "sns in sqs": (lambda: events.sns_in_sqs(BODY), Source.SQS, BODY, "sns_queued"),
    "raw": (lambda: events.sns_in_sqs(BODY, raw=True), Source.SQS, BODY, "sns_queued_raw"),
    "kinesis": (lambda: events.kinesis(BODY), Source.KINESIS, BODY, "kinesis"),
    "sns": (lambda: events.sns(BODY), Source.SNS, BODY, "sns"),
    "direct": (lambda: events.direct(BODY), Source.DIRECT, BODY, "direct"),
}
"""What is made: by what, from where, with which body, like which golden event."""

WRAPPED: dict[str, tuple[Make, Source, str]] = {
    "eventbridge in sqs": (
        lambda: events.eventbridge_in_sqs(BODY),
        Source.SQS,
        "eventbridge_queued",
    ),
    "s3 in sqs": (lambda: events.s3_in_sqs("a.json"), Source.SQS, "s3_queued"),
    "dynamodb": (lambda: events.dynamodb({"id": "a"}), Source.DYNAMODB, "dynamodb"),
    "s3": (lambda: events.s3("a.json"), Source.S3, "s3"),
    "eventbridge": (lambda: events.eventbridge(BODY), Source.EVENTBRIDGE, "eventbridge"),
}
"""Those whose body is what their service wrote."""

EVERY = {name: make for name, (make, *_) in {**MADE, **WRAPPED}.items()}


def shape(value: Any) -> Any:
    """The names in an event, and the kinds of values, of the first of several records."""
    if isinstance(value, dict):
        inner = value.get("body")
        if isinstance(inner, str) and inner.startswith("{"):
            value = {**value, "body": json.loads(inner)}
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


FREE = {"body", "detail", "Keys", "NewImage", "messageAttributes", "MessageAttributes", "Subject"}
"""What producers choose."""


def without(value: Any) -> Any:
    """A shape without what producers choose."""
    if not isinstance(value, dict):
        return [without(each) for each in value] if isinstance(value, list) else value
    kept = {name: without(each) for name, each in value.items() if name not in FREE}
    wrapped = value.get("body")
    if isinstance(wrapped, dict) and not wrapped.keys().isdisjoint({"Type", "detail", "Records"}):
        kept["body"] = without(wrapped)
    return kept


@pytest.mark.parametrize("name", MADE)
def test_body(name: str) -> None:
    """The package reads from an event the body that was sent."""
    make, source, body, _ = MADE[name]
    (delivery,) = unwrapped(make())
    assert (delivery.source, delivery.body, delivery.body_problem) == (source, body, None)
    assert delivery.receive_count == 1


def test_bodies_of_services() -> None:
    """If a service writes the body, that body contains the text of its producer."""
    found = {name: unwrapped(make())[0] for name, (make, *_) in WRAPPED.items()}
    assert {name: each.source for name, each in found.items()} == {
        name: source for name, (_, source, _) in WRAPPED.items()
    }
    assert found["eventbridge in sqs"].body["detail"] == BODY
    assert found["eventbridge"].body["detail"] == BODY
    assert found["s3 in sqs"].body["s3"]["object"]["key"] == "a.json"
    assert found["s3"].body["s3"]["object"]["key"] == "a.json"
    assert found["dynamodb"].body["dynamodb"]["NewImage"] == {"id": {"S": "a"}}


@pytest.mark.parametrize("name", [*(name for name in MADE if name != "direct"), *WRAPPED])
def test_shape(name: str) -> None:
    """An event has the fields that a recorded one has, no more and no less."""
    like = (MADE.get(name) or WRAPPED[name])[-1]
    assert without(shape(EVERY[name]())) == without(shape(golden(like)))


def test_text_and_bytes() -> None:
    """A text is sent as it is, and so are the bytes of a stream's record."""
    assert unwrapped(events.sqs(TEXT))[0].body == TEXT
    assert unwrapped(events.kinesis(b"\xff"))[0].body == b"\xff"


@pytest.mark.parametrize(
    "make",
    [events.sqs, events.fifo, events.sns_in_sqs, events.eventbridge_in_sqs, events.kinesis],
)
def test_several(make: Callable[..., dict[str, Any]]) -> None:
    """Each body is a message with different ids."""
    found = unwrapped(make(BODY, BODY, BODY))
    assert len({each.id for each in found}) == 3
    assert len({str(each.default_key) for each in found}) == 3


def test_groups() -> None:
    """Messages of a FIFO queue are in the group that was asked for."""
    (delivery,) = unwrapped(events.fifo(BODY, group="account-7"))
    assert delivery.group == "arn:aws:sqs:eu-central-1:123456789012:orders.fifo account-7"


def test_message_attributes() -> None:
    """Attributes of producers are read the same, wherever each service puts them."""
    given = {"message_attributes": {"tenant": "acme"}}
    for event in (events.sqs(BODY, **given), events.sns_in_sqs(BODY, raw=True, **given)):
        (queued,) = unwrapped(event)
        assert queued.message_attributes == {"tenant": "acme"}
    for event in (events.sns(BODY, **given), events.sns_in_sqs(BODY, **given)):
        (published,) = unwrapped(event)
        assert published.message_attributes == {"tenant": "acme"}


@pytest.mark.parametrize("name", EVERY)
def test_redelivered(name: str) -> None:
    """A redelivery keeps ids, keys and bodies; SQS counts it and gives another receipt."""
    event = EVERY[name]()
    before, again = unwrapped(event)[0], unwrapped(events.redelivered(event))[0]
    assert (again.id, again.default_key, again.body) == (before.id, before.default_key, before.body)
    queued = before.source is Source.SQS
    assert again.receive_count == before.receive_count + queued
    assert (again.raw.get("receiptHandle") != before.raw.get("receiptHandle")) is queued
    assert (event == events.redelivered(event)) is not queued


@pytest.mark.parametrize("name", [name for name in EVERY if name != "direct"])
def test_resent(name: str) -> None:
    """A producer's retry has another key by default, the same body, and is the same every time."""
    event = EVERY[name]()
    before, again = unwrapped(event)[0], unwrapped(events.resent(event))[0]
    assert again.default_key != before.default_key
    if name in MADE:
        assert again.body == before.body
    else:
        assert shape(again.body) == shape(before.body)
    assert again.receive_count == 1
    assert events.resent(event) == events.resent(event)
    assert without(shape(events.resent(event))) == without(shape(event))


def test_resent_without_an_envelope() -> None:
    """An event without an id stays the same when it is sent again."""
    assert events.resent(events.direct(BODY)) == BODY
    (body,) = (each.body for each in unwrapped(events.resent(events.sqs(TEXT))))
    assert body == TEXT


def test_originals_stay() -> None:
    """The functions that make an event from another do not change the original."""
    event = events.sns_in_sqs(BODY)
    before = json.dumps(event)
    for changed in (events.redelivered(event), events.resent(event), events.batch(event, event)):
        changed["Records"][0]["attributes"]["SenderId"] = "somebody else"
    assert json.dumps(event) == before


def test_resent_behind_a_byte_order_mark() -> None:
    """An envelope that the package reads gets a new id, with or without a byte-order mark."""
    event = events.sns_in_sqs(BODY)
    event["Records"][0]["body"] = "\ufeff" + event["Records"][0]["body"]
    (before,), (again,) = unwrapped(event), unwrapped(events.resent(event))
    assert before.body == again.body
    assert before.default_key != again.default_key


def test_batch() -> None:
    """Records of several events come together, and what comes alone is refused."""
    event = events.batch(events.sqs("1", [2]), events.sqs({"a": 3}))
    assert [each.body for each in unwrapped(event)] == ["1", [2], {"a": 3}]
    with pytest.raises(ValueError, match="only events with Records come in batches"):
        events.batch(event, events.eventbridge(BODY))


def test_every_function_is_offered() -> None:
    """The module offers its public functions and nothing else."""
    made = [
        name
        for name, value in vars(events).items()
        if name in events.__all__
        or (getattr(value, "__module__", "") == events.__name__ and not name.startswith("_"))
    ]
    assert sorted(made) == events.__all__
