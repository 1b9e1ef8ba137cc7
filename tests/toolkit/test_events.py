"""Events are what Lambda delivers, and what the package reads of them is what was sent."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing import events
from tests.handler.events import unwrapped

BODY = {"order_id": "ORDER-1"}
TEXT = "call me back"
Make = Callable[[], dict[str, Any]]


def pipe(event: dict[str, Any]) -> dict[str, Any]:
    """The record of a stream as EventBridge Pipes puts it into a queue."""
    (record,) = event["Records"]
    return record | record.pop("kinesis", {})


MADE: dict[str, tuple[Make, Source]] = {
    "sqs": (lambda: events.sqs(BODY), Source.SQS),
    "fifo": (lambda: events.fifo(BODY), Source.SQS),
    "sns in sqs": (lambda: events.sns_in_sqs(BODY), Source.SQS),
    "raw": (lambda: events.sns_in_sqs(BODY, raw=True), Source.SQS),
    "kinesis": (lambda: events.kinesis(BODY), Source.KINESIS),
    "sns": (lambda: events.sns(BODY), Source.SNS),
    "direct": (lambda: events.direct(BODY), Source.DIRECT),
}
"""Events whose body is what their producer wrote: who makes them, and who delivers them."""

WRAPPED: dict[str, tuple[Make, Source]] = {
    "eventbridge in sqs": (lambda: events.eventbridge_in_sqs(BODY), Source.SQS),
    "s3 in sqs": (lambda: events.s3_in_sqs("a.json"), Source.SQS),
    "s3 in sns": (lambda: events.sns(events.s3("a.json")), Source.SNS),
    "s3 in sns in sqs": (lambda: events.sns_in_sqs(events.s3("a.json")), Source.SQS),
    "eventbridge in sns in sqs": (
        lambda: events.sns_in_sqs(events.eventbridge(BODY)),
        Source.SQS,
    ),
    "kinesis by pipe": (lambda: events.sqs(pipe(events.kinesis(BODY))), Source.SQS),
    "dynamodb by pipe": (lambda: events.sqs(pipe(events.dynamodb({"id": "a"}))), Source.SQS),
    "dynamodb": (lambda: events.dynamodb({"id": "a"}), Source.DYNAMODB),
    "s3": (lambda: events.s3("a.json"), Source.S3),
    "s3 tag": (lambda: events.s3("a.json", event_name="ObjectTagging:Put"), Source.S3),
    "eventbridge": (lambda: events.eventbridge(BODY), Source.EVENTBRIDGE),
}
"""Events whose body is what their service wrote."""

EVERY = {name: make for name, (make, _) in {**MADE, **WRAPPED}.items()}


@pytest.mark.parametrize("name", MADE)
def test_body(name: str) -> None:
    """The package reads from an event the body that was sent."""
    make, source = MADE[name]
    (delivery,) = unwrapped(make())
    assert (delivery.source, delivery.body, delivery.body_problem) == (source, BODY, None)
    assert delivery.receive_count == 1


def test_bodies_of_services() -> None:
    """If a service writes the body, that body contains the text of its producer."""
    found = {name: unwrapped(make())[0] for name, (make, _) in WRAPPED.items()}
    assert {name: each.source for name, each in found.items()} == {
        name: source for name, (_, source) in WRAPPED.items()
    }
    assert found["eventbridge in sqs"].body["detail"] == BODY
    assert found["eventbridge"].body["detail"] == BODY
    assert found["s3 in sqs"].body["s3"]["object"]["key"] == "a.json"
    assert found["s3"].body["s3"]["object"]["key"] == "a.json"
    assert found["dynamodb"].body["dynamodb"]["NewImage"] == {"id": {"S": "a"}}


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
    assert again.receive_count == 1
    assert events.resent(event) == events.resent(event)


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


def write_digests(event: dict[str, Any]) -> list[tuple[str, str]]:
    """The digest of each body of an event, as the event states it and as it is."""
    return [
        (
            record["md5OfBody"],
            hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest(),
        )
        for record in event["Records"]
    ]


@pytest.mark.parametrize("name", ["sqs", "sns in sqs", "s3 in sqs", "eventbridge in sqs"])
def test_the_digest_of_a_body_stays_right(name: str) -> None:
    """The digest belongs to the body, also after the body got new ids."""
    event = EVERY[name]()
    for each in (event, events.redelivered(event), events.resent(event)):
        ((stated, right),) = write_digests(each)
        assert stated == right


def test_another_write_has_another_version() -> None:
    """If a bucket has versions, the producer's retry is another version of the object."""
    event = events.s3("a.json")
    thing = event["Records"][0]["s3"]["object"]
    thing["versionId"] = "096fKKXTRTtl3on89fVO.nfljtsv6qko"
    (again,) = events.resent(event)["Records"]
    assert again["s3"]["object"]["versionId"] != thing["versionId"]
    assert (again["s3"]["object"]["key"], again["s3"]["object"]["eTag"]) == (
        "a.json",
        thing["eTag"],
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def replace_one(value: Any, place: int, odd: Any) -> tuple[Any, int]:
    """A copy of JSON in which the part at a place is odd, and the place that is left."""
    if place == 0:
        return odd, -1
    place -= 1
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        copy = value.copy()
        for name, part in parts:
            copy[name], place = replace_one(part, place, odd)
        return copy, place
    return value, place


@settings(max_examples=50, deadline=None)
@given(name=st.sampled_from(sorted(EVERY)), place=st.integers(0, 30), odd=JSON)
def test_an_odd_event_is_no_error(name: str, place: int, odd: Any) -> None:
    """An event that was captured or written by hand may be odd at any place."""
    event, _ = replace_one(EVERY[name](), place, odd)
    before = json.dumps(event)
    for again in (events.redelivered(event), events.resent(event)):
        json.dumps(again)
    assert events.resent(event) == events.resent(event)
    assert json.dumps(event) == before


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"eventSource": "aws:kafka", "value": "eA=="}]},
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"Records": [{"eventSource": "aws:sqs", "attributes": None}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"sequencer": "none"}}}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": "9" * 5000}}]},
        {"Records": [{"eventSource": "aws:sqs", "attributes": {"ApproximateReceiveCount": "٣x"}}]},
        {"eventSource": "aws:kafka", "records": {}},
        {"detail-type": "Order placed", "id": None},
        {},
    ],
)
def test_a_foreign_event_is_no_error(event: dict[str, Any]) -> None:
    """An event without the ids of its source stays."""
    json.dumps([events.redelivered(event), events.resent(event)])
    assert event.get("Records", []) or events.resent(event) == event
