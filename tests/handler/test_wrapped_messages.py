"""Bodies that are events themselves: which wrappers come off, and what is inside."""

import json
from typing import Any

import pytest

from idempotent_lambda.sources.event import read_event

from .events import (
    FIFO_ARN,
    STREAM_ARN,
    bus_event,
    event,
    fifo_order,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
    unwrapped,
)


class TestWrapped:
    """Bodies that are events themselves."""

    def test_message_attributes(self) -> None:
        """The producer's attributes are values by name, whatever carried them."""
        raw = {"tenant": {"stringValue": "acme", "dataType": "String"}}
        (plain,) = read_event(event(record("x", messageAttributes=raw)))
        (queued,) = unwrapped(event(record(json.dumps(notification("x")))))
        (straight,) = unwrapped(event(sns_record("x")))
        assert plain.message_attributes == {"tenant": "acme"}
        assert queued.message_attributes == {"tenant": "acme"}
        assert straight.message_attributes == {"tenant": "acme"}
        assert queued.build_document()["message_attributes"] == {"tenant": "acme"}

    def test_binary_attributes(self) -> None:
        """A binary attribute is the Base64 that its transport delivers."""
        raw = {"photo": {"binaryValue": "iVBORw==", "dataType": "Binary"}}
        noted = {"photo": {"Type": "Binary", "Value": "iVBORw=="}}
        body = json.dumps(notification("x", MessageAttributes=noted))
        (plain,) = read_event(event(record("x", messageAttributes=raw)))
        (queued,) = unwrapped(event(record(body)))
        assert plain.message_attributes == queued.message_attributes == {"photo": "iVBORw=="}

    def test_without_message_attributes(self) -> None:
        """A notification without attributes has none, even if the SQS message around it has."""
        outer = {"trace": {"stringValue": "t", "dataType": "String"}}
        body = json.dumps(notification("x", MessageAttributes=None))
        (delivery,) = unwrapped(event(record(body, messageAttributes=outer)))
        assert delivery.message_attributes == {}

    def test_envelope(self) -> None:
        """An expression finds the fields of every wrapper together, apart from the record's."""
        inside = s3_record(awsRegion="us-east-1")
        body = json.dumps(notification(json.dumps(event(inside))))
        (delivery,) = unwrapped(event(record(body)))
        document = delivery.build_document()
        assert document["messageId"] == "m-1"
        assert document["awsRegion"] == "eu-central-1"
        assert "Subject" not in document
        assert document["wrapped"]["Subject"] == "Order"
        assert document["wrapped"]["eventName"] == "ObjectCreated:Put"
        assert document["wrapped"]["awsRegion"] == "us-east-1"
        assert document["body"] == inside

    def test_a_direct_event_has_no_envelope(self) -> None:
        """A field of a direct event is found in the body alone, as it is in a parked copy of it."""
        (delivery,) = unwrapped({"order_id": "o-1", "body": "mine"})
        own = {"order_id": "o-1", "body": "mine"}
        assert delivery.build_document() == {"body": own, "wrapped": {}, "message_attributes": {}}

    @pytest.mark.parametrize("straight", [bus_event("a"), event(sns_record("{}"))])
    def test_wrapped_is_the_same_straight_and_queued(self, straight: Any) -> None:
        """An event has the same ``wrapped`` and body straight from Lambda and through a queue."""
        (first,) = read_event(straight)
        (again,) = unwrapped(event(record(json.dumps(straight))))
        assert again.wrapped == first.wrapped
        assert (again.body, again.default_key) == (first.body, first.default_key)

    def test_several_ways_of_one_event(self) -> None:
        """An S3 event has one key, straight, through SNS, through SQS, or through both."""
        single = event(s3_record())
        text = json.dumps(single)
        noted = notification(text)
        ways = [
            single,
            event(sns_record(text)),
            event(record(text)),
            event(record(json.dumps(noted))),
        ]
        default_keys = [each.default_key for way in ways for each in unwrapped(way)]
        assert len(default_keys) == 4
        assert default_keys.count(default_keys[0]) == 4

    def test_order_of_a_fifo_queue(self) -> None:
        """Events that a FIFO message wraps are in its group, with the order of the records."""
        body = json.dumps(event(sns_record('{"id": "a"}'), sns_record('{"id": "b"}', "n-2")))
        deliveries = unwrapped(event(fifo_order("x", "g-7", body=body)))
        assert [each.body["id"] for each in deliveries] == ["a", "b"]
        assert {each.group for each in deliveries} == {f"{FIFO_ARN} g-7"}

    def test_records_of_streams_are_not_unwrapped(self) -> None:
        """No service puts records of a stream into a queue like that, so it is a plain body."""
        inside = event(kinesis_record("a"), stream_record("b"), sns_record('{"id": "c"}'))
        (delivery,) = unwrapped(event(record(json.dumps(inside))))
        assert (delivery.body, delivery.default_key, delivery.wrapped) == (inside, "m-1", {})

    def test_pipes(self) -> None:
        """EventBridge Pipes puts the record of a stream into a queue as it is."""
        shard = kinesis_record("a", "9")
        flat = {**shard.pop("kinesis"), **shard}
        bodies = (stream_record("a", "9"), flat)
        table, stream = unwrapped(event(*(record(json.dumps(each)) for each in bodies)))
        assert (table.default_key, table.body["dynamodb"]["Keys"]) == ("e-9", {"id": {"S": "a"}})
        assert (stream.default_key, stream.body) == (
            [STREAM_ARN, "shardId-000000000000:9"],
            {"id": "a"},
        )
        assert [each.default_key for each in read_event(event(record(json.dumps(flat))))] == ["m-1"]

    @pytest.mark.parametrize(
        ("services", "unwraps"),
        [
            ((), ""),
            (("events",), "b"),
            (("s3",), "u"),
            (("sns",), "bun"),
            (("pipes",), "p"),
        ],
    )
    def test_only_what_is_named(self, services: tuple[str, ...], unwraps: str) -> None:
        """A service that is not named wraps nothing; a topic may carry buses and buckets."""
        bodies = {
            "b": bus_event("a"),
            "u": event(s3_record()),
            "n": notification("x"),
            "p": stream_record("a"),
        }
        found = {
            name: read_event(event(record(json.dumps(body))), services)[0]
            for name, body in bodies.items()
        }
        assert {name for name, each in found.items() if each.wrapped} == set(unwraps)
        assert {name for name, each in found.items() if each.default_key != "m-1"} == set(unwraps)

    def test_an_event_on_a_stream(self) -> None:
        """An EventBridge event that came through Kinesis has its own id as its key."""
        data = json.dumps(bus_event("o-1", "b-7")).encode()
        (delivery,) = unwrapped(event(kinesis_record(data)))
        assert (delivery.id, delivery.default_key, delivery.body["id"]) == ("1", "b-7", "b-7")

    def test_a_test_event_in_a_notification(self) -> None:
        """The test event of S3 is not a message through SNS either."""
        text = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "orders"})
        assert unwrapped(event(sns_record(text))) == ()
        assert unwrapped(event(record(json.dumps(notification(text))))) == ()

    @pytest.mark.parametrize(
        "body",
        [
            notification("x", Message=7),
            notification("x", Message={"id": 1}),
            notification("x", MessageId=None),
            notification("x", Type="SubscriptionConfirmation"),
            {"Type": "Notification", "MessageId": "n-1", "Message": "{}"},
            bus_event("a", id=7),
            {"detail-type": "x", "detail": {}},
            {"Event": "s3:TestEvent"},
            {"Records": []},
            {"Records": {}},
            {"Records": [7]},
            {"Records": [{"id": 1}]},
            event(order("a")),
            event(s3_record(), order("a")),
            event(s3_record(s3={"bucket": {}, "object": {"key": "k"}})),
            kinesis_record("a", data="not base64"),
            kinesis_record("a", data="é"),
            kinesis_record("a", data=7),
            kinesis_record("a"),
            stream_record("a", dynamodb=None),
            event(sns_record("a", Sns=None)),
            event(sns_record("a", Sns={"Message": "a"})),
        ],
    )
    def test_lookalikes(self, body: object) -> None:
        """A body that only resembles an event is a plain body, keyed by its message."""
        (delivery,) = unwrapped(event(record(json.dumps(body))))
        assert (delivery.body, delivery.default_key) == (body, "m-1")

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("plain", "a text"),
            ("\ufeffplain", "a text"),
            ("", "an empty text"),
            ("{", "a text that is not JSON (Expecting property name enclosed in double quotes at"),
        ],
    )
    def test_kinesis_text(self, text: str, problem: str) -> None:
        """Kinesis data that is UTF-8 but no JSON object or array is text, with the reason."""
        (delivery,) = unwrapped(event(kinesis_record(text.encode())))
        assert delivery.body == text
        assert str(delivery.body_problem).startswith(problem)

    def test_kinesis_bytes(self) -> None:
        """Kinesis data that is not text becomes bytes, with the reason."""
        (delivery,) = unwrapped(event(kinesis_record(b"\xff\xfe")))
        assert (delivery.body, delivery.body_problem) == (b"\xff\xfe", "bytes that are not UTF-8")
