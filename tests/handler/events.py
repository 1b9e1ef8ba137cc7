"""Builders of events as Lambda delivers them: one record of each source, and batches.

``changes`` replace fields of a record. golden_events has the shape of each, with its URL.
"""

import base64
import json
from pathlib import Path
from typing import Any

from idempotent_lambda.keys import KeyRule, check_namespace, compile_expression
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import read_event

QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:orders"
FIFO_ARN = f"{QUEUE_ARN}.fifo"
STREAM_ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
TABLE_STREAM_ARN = (
    "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"
)
TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:orders"
GOLDEN_EVENTS = Path(__file__).with_name("golden_events")


def golden(name: str) -> dict[str, Any]:
    """A golden event."""
    event: dict[str, Any] = json.loads((GOLDEN_EVENTS / f"{name}.json").read_text())
    return event


def key_rule(namespace: str = "orders", expression: str | None = None) -> KeyRule:
    """The rule for a namespace and a key expression, or for default keys, as the settings make it.

    Raises:
        ValueError: see `checked_namespace` and `compiled`.
    """
    search = None if expression is None else compile_expression(expression)
    return KeyRule(check_namespace(namespace), expression, search)


def unwrapped(whole: object) -> tuple[Delivery, ...]:
    """The deliveries of an event where the wrappers of all services are taken off."""
    return read_event(whole, UNWRAP_CHOICES)


def marked(token: str, **changes: Any) -> dict[str, Any]:
    """Changes of a record by which it says that it is the copy of a parked message."""
    attribute = {"stringValue": token, "dataType": "String"}
    return {"messageAttributes": {"IdempotencyOwner": attribute}, **changes}


def record(body: str | None = None, *, message_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    """One SQS record with every field that Lambda documents."""
    whole = {
        "messageId": message_id,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": '{"id": "a"}' if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "eu-central-1",
    }
    return whole | changes


def order(order_id: object, message_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """An SQS record with the body ``{"id": order_id}``; its message id is ``m-`` and that id."""
    body = json.dumps({"id": order_id})
    return record(body, message_id=message_id or f"m-{order_id}", **changes)


def fifo_order(order_id: object, group: str = "g", **changes: Any) -> dict[str, Any]:
    """An order of a message group of a FIFO queue."""
    plain = order(order_id, eventSourceARN=FIFO_ARN)
    places = {"MessageGroupId": group, "MessageDeduplicationId": f"d-{order_id}"}
    return plain | {"attributes": plain["attributes"] | places} | changes


def kinesis_record(order_id: object, sequence: str = "1", **changes: Any) -> dict[str, Any]:
    """An order on a Kinesis stream; bytes are put on it as they are."""
    data = order_id if isinstance(order_id, bytes) else json.dumps({"id": order_id}).encode()
    whole = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1545084650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/orders",
        "awsRegion": "eu-central-1",
        "eventSourceARN": STREAM_ARN,
    }
    return whole | changes


def stream_record(order_id: str, sequence: str = "1", **changes: Any) -> dict[str, Any]:
    """An order put into a DynamoDB table, on its stream."""
    item = {"id": {"S": order_id}}
    whole = {
        "eventID": f"e-{sequence}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1545084650,
            "Keys": item,
            "NewImage": item,
            "SequenceNumber": sequence,
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": TABLE_STREAM_ARN,
    }
    return whole | changes


def notification(message: str, message_id: str = "n-1", **changes: Any) -> dict[str, Any]:
    """An SNS notification: the body of an SQS message without raw delivery."""
    whole = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": TOPIC_ARN,
        "Subject": "Order",
        "Message": message,
        "Timestamp": "2026-01-02T12:45:07.000Z",
        "SignatureVersion": "1",
        "Signature": "c2lnbmF0dXJl",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/certificate.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
        "MessageAttributes": {"tenant": {"Type": "String", "Value": "acme"}},
    }
    return whole | changes


def sns_record(message: str, message_id: str = "n-1", **changes: Any) -> dict[str, Any]:
    """A notification straight to a function."""
    whole = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC_ARN}:21be56ed-a058-49f5-8c98-aedd2564c486",
        "EventSource": "aws:sns",
        "Sns": notification(message, message_id),
    }
    return whole | changes


def s3_record(key: str = "orders/a.json", sequencer: str | None = "0A", **changes: Any) -> Any:
    """An object was put into a bucket without versions; no other event has a sequencer."""
    thing: dict[str, Any] = {"key": key, "size": 12, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}
    whole = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-02T12:45:07.000Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAIENQZJOLO23YVJ4VO"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "R1", "x-amz-id-2": "H1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "orders",
            "bucket": {
                "name": "orders",
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": "arn:aws:s3:::orders",
            },
            "object": thing | ({"sequencer": sequencer} if sequencer else {}),
        },
    }
    return whole | changes


def bus_event(order_id: object, event_id: str = "b-1", **changes: Any) -> dict[str, Any]:
    """An EventBridge event: straight to a function, or the body of an SQS message."""
    whole = {
        "version": "0",
        "id": event_id,
        "detail-type": "Order placed",
        "source": "shop.orders",
        "account": "123456789012",
        "time": "2026-01-02T12:45:07Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {"id": order_id},
    }
    return whole | changes


def event(*records: dict[str, Any]) -> dict[str, Any]:
    """A batch."""
    return {"Records": list(records)}
