"""Each builder makes the event that AWS documents: the same fields, types, constants and formats.

`golden_events` has the documented examples, with what their pages leave out in full length.
"""

import hashlib
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from idempotent_lambda_toolkit.testing import events

GOLDEN_EVENTS = Path(__file__).with_name("golden_events")
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest"
SNS = "https://docs.aws.amazon.com/sns/latest/dg"
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"
STREAMS = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_"

ATTRIBUTES = {"Test": "TestString", "price": Decimal("12.5"), "TestBinary": b"1100"}
EC2 = {"instance-id": "i-1234567890abcdef0", "state": "terminated"}
STATE_CHANGE = "EC2 Instance State-change Notification"
ITEM = {
    "Id": 101,
    "Message": "New item!",
    "B": b"this text is base64-encoded",
    "BOOL": True,
    "BS": {b"Sunny", b"Rainy", b"Snowy"},
    "L": ["Cookies", "Coffee", Decimal("3.14159"), b"1100"],
    "M": {"Name": "Joe", "Age": 35},
    "NS": {Decimal("42.2"), -19, Decimal("7.50"), Decimal("3.14")},
    "NULL": None,
    "SS": {"Giraffe", "Hippo", "Zebra"},
}


class Golden(NamedTuple):
    """A documented event: the page, and the call that must make it."""

    url: str
    make: Callable[[], dict[str, Any]]


GOLDEN = {
    "sqs": Golden(f"{LAMBDA}/with-sqs.html", lambda: events.sqs("test")),
    "sqs_attributes": Golden(
        f"{SQS}/APIReference/API_MessageAttributeValue.html",
        lambda: events.sqs(
            "Sample content.",
            message_attributes={
                "sample-attribute": "sample-value",
                "price": 12.5,
                "thumb": b"1100",
            },
        ),
    ),
    "fifo": Golden(
        f"{LAMBDA}/with-sqs.html",
        lambda: events.fifo("Test message.", group="1"),
    ),
    "sns_in_sqs": Golden(
        f"{SNS}/sns-sqs-as-subscriber.html",
        lambda: events.sns_in_sqs("Hello from SNS!", topic="sns-lambda"),
    ),
    "sns_in_sqs_attributes": Golden(
        f"{SNS}/http-notification-json.html",
        lambda: events.sns_in_sqs(
            "Hello from SNS!", topic="sns-lambda", message_attributes=ATTRIBUTES
        ),
    ),
    "sns_in_sqs_raw": Golden(
        f"{SNS}/sns-large-payload-raw-message-delivery.html",
        lambda: events.sns_in_sqs("Hello from SNS!", raw=True, message_attributes=ATTRIBUTES),
    ),
    "eventbridge_in_sqs": Golden(
        "https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html",
        lambda: events.eventbridge_in_sqs(EC2, detail_type=STATE_CHANGE),
    ),
    "s3_in_sqs": Golden(S3, lambda: events.s3_in_sqs("HappyFace.jpg", bucket="my-bucket")),
    "kinesis": Golden(
        f"{LAMBDA}/with-kinesis.html",
        lambda: events.kinesis("Hello, this is a test.", stream="lambda-stream", partition_key="1"),
    ),
    "dynamodb": Golden(
        f"{STREAMS}AttributeValue.html",
        lambda: events.dynamodb(ITEM, keys=("Id",), table="ExampleTableWithStream"),
    ),
    "sns": Golden(
        f"{LAMBDA}/with-sns.html", lambda: events.sns("Hello from SNS!", topic="sns-lambda")
    ),
    "sns_attributes": Golden(
        f"{LAMBDA}/with-sns.html",
        lambda: events.sns("Hello from SNS!", topic="sns-lambda", message_attributes=ATTRIBUTES),
    ),
    "s3": Golden(f"{LAMBDA}/with-s3.html", lambda: events.s3("HappyFace.jpg", bucket="my-bucket")),
    "s3_removed": Golden(
        S3,
        lambda: events.s3("HappyFace.jpg", bucket="my-bucket", event_name="ObjectRemoved:Delete"),
    ),
    "s3_tagged": Golden(
        S3, lambda: events.s3("HappyFace.jpg", bucket="my-bucket", event_name="ObjectTagging:Put")
    ),
    "eventbridge": Golden(
        "https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html",
        lambda: events.eventbridge(EC2, detail_type=STATE_CHANGE),
    ),
    "direct": Golden(
        f"{LAMBDA}/invocation-async.html",
        lambda: events.direct({"order_id": "o-1", "amount": 12.5, "lines": ("tea", None, True)}),
    ),
}

FORMATS = {
    "uuid": r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    "time with milliseconds": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?!\d)",
    "time": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "region": r"\b[a-z]{2}-[a-z]+-\d\b",
    "receipt": r"\AAQEB[A-Za-z0-9+/]{20,}=*\Z",
    "principal": r"\bA(?:IDA|ROA)[A-Z0-9]{17}\b",
    "owner": r"\AA[A-Z0-9]{13}\Z",
    "host": r"\A[A-Za-z0-9+/]{75}[A-Za-z0-9+/=]\Z",
    "64 hex digits": r"\b[0-9a-f]{64}\b",
    "32 hex digits": r"\b[0-9a-f]{32}\b",
    "18 capital hex digits": r"\b[0-9A-F]{18}\b",
    "16 capital hex digits": r"\b[0-9A-F]{16}\b",
    "digits of Kinesis": r"\b49\d{54}\b",
    "digits of DynamoDB": r"\b[1-9]\d{27}\b",
    "digits of SQS": r"\b188\d{17}\b",
    "milliseconds": r"\b1\d{12}\b",
    "account": r"\b\d{12}\b",
    "shard": r"\bshardId-\d{12}\b",
    "signature": r"\A[A-Za-z0-9+/]{342}==\Z",
}
"""The formats of what differs from message to message; everything else must be equal."""

CHOSEN = {"source", "configurationId", "sourceIPAddress", "invokeIdentityArn"}
"""The fields whose contents the builder chooses."""


def describe(value: Any) -> Any:
    """The fields of an event with their formats; a JSON document in a text is read."""
    if isinstance(value, dict):
        return {
            name: "chosen" if name in CHOSEN else describe(part) for name, part in value.items()
        }
    if isinstance(value, list):
        return [describe(part) for part in value]
    if not isinstance(value, str):
        return value if value is None or isinstance(value, bool) else type(value).__name__
    if value.startswith("{"):
        return describe(json.loads(value))
    for name, pattern in FORMATS.items():
        value = re.sub(pattern, f"<{name}>", value)
    return value


@pytest.mark.parametrize("name", GOLDEN)
def test_a_builder_makes_the_documented_event(name: str) -> None:
    """An event has the fields, types, constants and formats of the documented one."""
    golden = json.loads((GOLDEN_EVENTS / f"{name}.json").read_text())
    assert describe(GOLDEN[name].make()) == describe(golden)


@pytest.mark.parametrize("name", GOLDEN)
def test_another_delivery_has_the_same_formats(name: str) -> None:
    """The ids of a redelivery and of a producer's retry have the formats of the first ones."""
    event = GOLDEN[name].make()
    assert describe(events.resent(event)) == describe(event)
    again = events.redelivered(event)
    for record in again.get("Records", []):
        if "messageId" in record:
            assert record["attributes"].pop("ApproximateReceiveCount") == "2"
            record["attributes"]["ApproximateReceiveCount"] = "1"
    assert describe(again) == describe(event)


def test_every_builder_has_a_golden_event() -> None:
    """Each file is compared, and each builder has a file."""
    assert {path.stem for path in GOLDEN_EVENTS.iterdir()} == {*GOLDEN}
    made = {*events.__all__} - {"batch", "redelivered", "resent"}
    assert {name.partition("_in_")[0] for name in GOLDEN} >= {
        name.partition("_")[0] for name in made
    }
    assert made <= {*GOLDEN}


@pytest.mark.parametrize(
    ("attributes", "digest"),
    [
        ({"sample-attribute": "sample-value"}, "7c815262be77a62f56671125069ca888"),
        ({"attribName1": "attribValue 1"}, "19e27d4e946b072f3f58da80d94fd778"),
        ({"binaryAttribute": b"Hello binary world!"}, "31a92b15d92f8db860eda32aceb656c3"),
    ],
)
def test_the_digest_of_attributes_is_the_one_of_sqs(attributes: Any, digest: str) -> None:
    """The digest of message attributes equals the digests that SQS has made."""
    (record,) = events.sqs("x", message_attributes=attributes)["Records"]
    assert record["md5OfMessageAttributes"] == digest


def test_the_digest_of_one_letter() -> None:
    """A value that equals its name is digested as any other: with lengths, type and transport."""
    (record,) = events.sqs("x", message_attributes={"a": "a"})["Records"]
    encoded = b"\0\0\0\1a\0\0\0\6String\1\0\0\0\1a"
    digest = hashlib.md5(encoded, usedforsecurity=False).hexdigest()
    assert record["md5OfMessageAttributes"] == digest


def test_the_digest_does_not_depend_on_an_order() -> None:
    """Attributes have no order."""
    attributes = list(ATTRIBUTES.items())
    one, two = (
        events.sqs("x", message_attributes=dict(each))["Records"][0]["md5OfMessageAttributes"]
        for each in (attributes, attributes[::-1])
    )
    assert one == two


def test_queues_and_topics_write_json_as_their_services_do() -> None:
    """A notification is indented, and an event of EventBridge or S3 has no blanks."""
    body = events.sns_in_sqs("x")["Records"][0]["body"]
    assert body.startswith('{\n  "Type" : "Notification",\n  "MessageId" : "')
    body = events.eventbridge_in_sqs({})["Records"][0]["body"]
    assert body.startswith('{"version":"0","id":"')
    body = events.s3_in_sqs("a.json")["Records"][0]["body"]
    assert body.startswith('{"Records":[{"eventVersion":"2.1",')
