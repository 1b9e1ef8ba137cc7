"""Events as Lambda delivers them, made from message bodies.

Every function makes one event of one or more bodies. A body is text, which is sent as it is, or any
other JSON value, which is sent as JSON. The package decodes objects and arrays only, so the body 7
arrives as the text "7". Every call makes new ids, and a record has the fields and formats that its
source documents. A ValueError says what the source cannot carry, and what to send instead.

    event = events.sqs({"order_id": "ORDER-1"})  # an SQS event with one message
    events.redelivered(event)  # the same message, delivered again
    events.resent(event)  # another message: its producer has sent the same content again
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from idempotent_lambda.sources.parsing import copy_json
from idempotent_lambda_toolkit.testing.contents import (
    Attributes,
    copy_object,
    encode_attributes,
    encode_data,
    encode_text,
    write_sqs_attributes,
)
from idempotent_lambda_toolkit.testing.identifiers import (
    make_base64,
    make_hex,
    make_number,
    make_uuid,
)
from idempotent_lambda_toolkit.testing.items import encode_item, select_keys
from idempotent_lambda_toolkit.testing.redelivery import redelivered, resent

__all__ = [
    "batch",
    "direct",
    "dynamodb",
    "eventbridge",
    "eventbridge_in_sqs",
    "fifo",
    "kinesis",
    "redelivered",
    "resent",
    "s3",
    "s3_in_sqs",
    "sns",
    "sns_in_sqs",
    "sqs",
]

Event = dict[str, Any]
"""The event that Lambda passes to a handler."""

REGION = "eu-central-1"
ACCOUNT = "123456789012"
PRODUCER = "AIDAEXAMPLEPRODUCER12"
SENT_MILLIS = 1_700_000_000_000
SENT_AT = "2023-11-14T22:13:20"

FIRST_SQS_NUMBER = 18_849_496_460_467_696_128
FIRST_KINESIS_NUMBER = 49590338271490256608559692538361571095921575989136588898
FIRST_DYNAMODB_NUMBER = 4_421_584_500_000_000_017_450_439_091
"""The numbers that AWS documents; the records of a process have larger ones."""

_S3_STRUCTURES = {
    "ObjectCreated": ("2.1", ("size", "eTag", "sequencer")),
    "ObjectRemoved": ("2.1", ("sequencer",)),
    "ObjectTagging": ("2.3", ("eTag",)),
    "ObjectAcl": ("2.3", ("eTag",)),
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""

_S3_KEY = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")


def sqs(*bodies: Any, queue: str = "orders", message_attributes: Attributes | None = None) -> Event:
    """Make messages of a standard queue.

    Args:
        bodies: the bodies, one for each message.
        queue: the queue's name.
        message_attributes: the producer's attributes: text, numbers, or bytes. Every message has
            all of them.
    """
    if queue.endswith(".fifo"):
        raise ValueError(f"{queue!r} is the name of a FIFO queue: use events.fifo")
    return _records(_sqs_record(body, queue, message_attributes) for body in bodies)


def fifo(
    *bodies: Any,
    group: str = "orders",
    queue: str = "orders.fifo",
    message_attributes: Attributes | None = None,
) -> Event:
    """Make messages of one message group of a FIFO queue; see `sqs` for the other arguments."""
    if not queue.endswith(".fifo"):
        raise ValueError(f"{queue!r} is not the name of a FIFO queue: let it end in .fifo")
    event = _records(_sqs_record(body, queue, message_attributes) for body in bodies)
    for record in event["Records"]:
        record["attributes"] |= {
            "SequenceNumber": make_number(FIRST_SQS_NUMBER),
            "MessageGroupId": group,
            "MessageDeduplicationId": hashlib.sha256(record["body"].encode()).hexdigest(),
        }
    return event


def sns_in_sqs(
    *messages: Any,
    raw: bool = False,
    topic: str = "orders",
    message_attributes: Attributes | None = None,
) -> Event:
    """Make notifications of a topic, delivered to a queue.

    Args:
        messages: the published messages, one for each notification.
        raw: whether the subscription has raw message delivery.
        topic: the topic's name.
        message_attributes: the publisher's attributes: text, numbers, or bytes.
    """
    if raw:
        return sqs(*messages, message_attributes=message_attributes)
    return sqs(*(_write_notification(body, topic, message_attributes) for body in messages))


def eventbridge_in_sqs(
    *details: Any, detail_type: str = "Order placed", source: str = "shop.orders"
) -> Event:
    """Make events of a bus that a rule sends to a queue; see `eventbridge` for the arguments."""
    bodies = (eventbridge(detail, detail_type=detail_type, source=source) for detail in details)
    return sqs(*(json.dumps(body, separators=(",", ":")) for body in bodies))


def s3_in_sqs(*keys: str, bucket: str = "orders", event_name: str = "ObjectCreated:Put") -> Event:
    """Make events of a bucket that notifies a queue, one message each; see `s3`."""
    bodies = (s3(key, bucket=bucket, event_name=event_name) for key in keys)
    return sqs(*(json.dumps(body, separators=(",", ":")) for body in bodies))


def kinesis(*bodies: Any, stream: str = "orders", partition_key: str = "orders") -> Event:
    """Make records of one shard of a data stream, in order.

    Args:
        bodies: the data, one for each record; bytes are used unchanged.
        stream: the stream's name.
        partition_key: the producer's partition key, which chooses the shard.
    """
    return _records(_kinesis_record(body, stream, partition_key) for body in bodies)


def dynamodb(
    *items: Mapping[str, Any], keys: tuple[str, ...] = ("id",), table: str = "orders"
) -> Event:
    """Make the stream records of items that were put into a table.

    Args:
        items: the new items as plain Python values, one for each record. Numbers are int or
            Decimal, as boto3 requires. Bytes arrive as base64, as in every event.
        keys: the names of the attributes of the table's key.
        table: the table's name.
    """
    return _records(_dynamodb_record(item, keys, table) for item in items)


def sns(
    message: Any, *, topic: str = "orders", message_attributes: Attributes | None = None
) -> Event:
    """Make a notification that goes directly to a function; see `sns_in_sqs`."""
    subscription = f"{_arn('sns', topic)}:{make_uuid()}"
    attributes = _write_sns_attributes(message_attributes)
    return _records([
        {
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription,
            "EventSource": "aws:sns",
            "Sns": _notification(message, subscription, "Url")
            | {"Subject": None, "MessageAttributes": attributes},
        }
    ])  # fmt: skip


def s3(key: str, *, bucket: str = "orders", event_name: str = "ObjectCreated:Put") -> Event:
    """Make an event of a bucket without versioning that goes directly to a function.

    Args:
        key: the object's key as S3 writes it: URL-encoded.
        bucket: the bucket's name.
        event_name: the type of the S3 event: ``ObjectCreated:``, ``ObjectRemoved:``,
            ``ObjectTagging:`` or ``ObjectAcl:`` with its second part.
    """
    if not _S3_KEY.fullmatch(key):
        raise ValueError(
            f"{key!r} is not a key as S3 writes it, which is URL-encoded: use "
            f"{quote_plus(key, safe='/')!r}"
        )
    version, fields = _find_s3_structure(event_name)
    made = {"size": 12, "eTag": make_hex(32).lower(), "sequencer": make_hex(18)}
    return _records([
        {
            "eventVersion": version,
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": f"{SENT_AT}.000Z",
            "eventName": event_name,
            "userIdentity": {"principalId": f"AWS:{PRODUCER}"},
            "requestParameters": {"sourceIPAddress": "203.0.113.7"},
            "responseElements": {"x-amz-request-id": make_hex(16), "x-amz-id-2": make_base64()},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "notify",
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": {"principalId": "A3EXAMPLEOWNER"},
                    "arn": f"arn:aws:s3:::{bucket}",
                },
                "object": {"key": key} | {name: made[name] for name in fields},
            },
        }
    ])  # fmt: skip


def eventbridge(
    detail: Any, *, detail_type: str = "Order placed", source: str = "shop.orders"
) -> Event:
    """Make an event of a bus that goes directly to a function.

    Args:
        detail: the producer's detail, a JSON object.
        detail_type: the detail type, which rules match.
        source: the name of the producer.
    """
    return {
        "version": "0",
        "id": make_uuid(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": f"{SENT_AT}Z",
        "region": REGION,
        "resources": [],
        "detail": copy_object(detail, "the detail"),
    }


def direct(payload: Mapping[str, Any]) -> Event:
    """Make a direct invocation with a custom payload, which Lambda delivers unchanged."""
    return copy_object(payload, "the payload")


def batch(*events: Event) -> Event:
    """Put the records of several events into one event, as if from one source.

    Raises:
        ValueError: an event has no records.
    """
    if not all(isinstance(event.get("Records"), list) for event in events):
        raise ValueError(
            "only events with Records come in batches: leave out the event without Records"
        )
    return _records(copy_json(record) for event in events for record in event["Records"])


def _records(records: Any) -> Event:
    return {"Records": list(records)}


def _sqs_record(body: Any, queue: str, attributes: Attributes | None) -> dict[str, Any]:
    text = encode_text(body, "SQS")
    return {
        "messageId": make_uuid(),
        "receiptHandle": make_base64("AQEB"),
        "body": text,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(SENT_MILLIS),
            "SenderId": PRODUCER,
            "ApproximateFirstReceiveTimestamp": str(SENT_MILLIS + 5),
        },
        **write_sqs_attributes(attributes),
        "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": _arn("sqs", queue),
        "awsRegion": REGION,
    }


def _notification(message: Any, subscription: str, url: str) -> dict[str, Any]:
    """Return the fields that a notification always has; two of them end in ``Url`` or ``URL``."""
    place = f"https://sns.{REGION}.amazonaws.com"
    return {
        "Type": "Notification",
        "MessageId": make_uuid(),
        "TopicArn": subscription.rpartition(":")[0],
        "Message": encode_text(message, "SNS"),
        "Timestamp": f"{SENT_AT}.000Z",
        "SignatureVersion": "1",
        "Signature": make_base64(size=256),
        f"SigningCert{url}": f"{place}/SimpleNotificationService-{make_hex(32).lower()}.pem",
        f"Unsubscribe{url}": f"{place}/?Action=Unsubscribe&SubscriptionArn={subscription}",
    }


def _write_notification(message: Any, topic: str, attributes: Attributes | None) -> str:
    """Return a notification as a queue gets it: without the fields that the publisher left out.

    https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
    """
    note = _notification(message, f"{_arn('sns', topic)}:{make_uuid()}", "URL")
    if attributes:
        note["MessageAttributes"] = _write_sns_attributes(attributes)
    return json.dumps(note, indent=2, separators=(",", " : "))


def _write_sns_attributes(attributes: Attributes | None) -> dict[str, Any]:
    encoded = encode_attributes(attributes, "SNS")
    return {name: {"Type": kind, "Value": text} for name, (kind, text) in encoded.items()}


def _kinesis_record(body: Any, stream: str, partition_key: str) -> dict[str, Any]:
    sequence = make_number(FIRST_KINESIS_NUMBER)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence,
            "data": encode_data(body, "Kinesis"),
            "approximateArrivalTimestamp": SENT_MILLIS / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/{stream}",
        "awsRegion": REGION,
        "eventSourceARN": _arn("kinesis", f"stream/{stream}"),
    }


def _dynamodb_record(item: Mapping[str, Any], keys: tuple[str, ...], table: str) -> dict[str, Any]:
    image = encode_item(item)
    return {
        "eventID": make_hex(32).lower(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": SENT_MILLIS // 1000,
            "Keys": select_keys(image, keys),
            "NewImage": image,
            "SequenceNumber": make_number(FIRST_DYNAMODB_NUMBER),
            "SizeBytes": len(json.dumps(image)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": _arn("dynamodb", f"table/{table}/stream/2023-11-14T00:00:00.000"),
    }


def _find_s3_structure(event_name: str) -> tuple[str, tuple[str, ...]]:
    """Return the version of an S3 event, and the fields of its object besides the key.

    Raises:
        ValueError: the type of event has other fields too, or does not exist.
    """
    group, _, kind = event_name.partition(":")
    if group in _S3_STRUCTURES and kind:
        return _S3_STRUCTURES[group]
    groups = ", ".join(f"{name}:" for name in _S3_STRUCTURES)
    raise ValueError(
        f"{event_name!r} is not a type of S3 event that events.s3 makes: use a name as S3 sends "
        f"it, without s3:, which begins with {groups}. For any other type, use a captured event"
    )


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"
