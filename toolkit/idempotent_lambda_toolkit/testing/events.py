"""Events as Lambda delivers them, made from message bodies.

Every function makes one event of one or more bodies. A body is text, which is sent as it is, or any
other JSON value, which is sent as JSON. The package decodes objects and arrays only, so the body 7
arrives as the text "7". Every call makes new ids, and a record has every field that its source
documents.

    event = events.sqs({"order_id": "ORDER-1"})  # an SQS event with one message
    events.redelivered(event)  # the same message, delivered again
    events.resent(event)  # another message: its producer has sent the same content again
"""

import base64
import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from idempotent_lambda.sources.payload import decode_payload

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
SENT_MILLIS = 1_700_000_000_000
SENT_AT = "2023-11-14T22:13:20Z"

_numbers = count(1)


def sqs(
    *bodies: Any, queue: str = "orders", message_attributes: Mapping[str, str] | None = None
) -> Event:
    """Make messages of a standard queue.

    Args:
        bodies: the bodies, one for each message.
        queue: the queue's name.
        message_attributes: the producer's attributes, as text; every message has all of them.
    """
    return _records(_sqs_record(body, queue, message_attributes) for body in bodies)


def fifo(
    *bodies: Any,
    group: str = "orders",
    queue: str = "orders.fifo",
    message_attributes: Mapping[str, str] | None = None,
) -> Event:
    """Make messages of one message group of a FIFO queue; see `sqs` for the other arguments."""
    event = sqs(*bodies, queue=queue, message_attributes=message_attributes)
    for record in event["Records"]:
        record["attributes"] |= {
            "SequenceNumber": _digits(),
            "MessageGroupId": group,
            "MessageDeduplicationId": hashlib.sha256(record["body"].encode()).hexdigest(),
        }
    return event


def sns_in_sqs(
    *messages: Any,
    raw: bool = False,
    topic: str = "orders",
    message_attributes: Mapping[str, str] | None = None,
) -> Event:
    """Make notifications of a topic, delivered to a queue.

    Args:
        messages: the published messages, one for each notification.
        raw: whether the subscription has raw message delivery.
        topic: the topic's name.
        message_attributes: the publisher's attributes, as text.
    """
    if raw:
        return sqs(*messages, message_attributes=message_attributes)
    notes = [_notification(each, topic, message_attributes) for each in messages]
    for note in notes:
        for name in (
            "SigningCertURL",
            "UnsubscribeURL",
        ):  # sent directly to Lambda, they end in Url
            note[name] = note.pop(name[:-3] + "Url")
    return sqs(*notes)


def eventbridge_in_sqs(
    *details: Any, detail_type: str = "Order placed", source: str = "shop.orders"
) -> Event:
    """Make events of a bus that a rule sends to a queue; see `eventbridge` for the arguments."""
    bodies = [eventbridge(each, detail_type=detail_type, source=source) for each in details]
    return sqs(*bodies)


def s3_in_sqs(*keys: str, bucket: str = "orders", event_name: str = "ObjectCreated:Put") -> Event:
    """Make events of a bucket that notifies a queue, one message each; see `s3`."""
    return sqs(*(s3(key, bucket=bucket, event_name=event_name) for key in keys))


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
        items: the new items as plain Python values, one for each record.
        keys: the names of the attributes of the table's key.
        table: the table's name.
    """
    return _records(_dynamodb_record(item, keys, table) for item in items)


def sns(
    message: Any, *, topic: str = "orders", message_attributes: Mapping[str, str] | None = None
) -> Event:
    """Make a notification that goes directly to a function; see `sns_in_sqs`."""
    return _records([
        {
            "EventVersion": "1.0",
            "EventSubscriptionArn": f"{_arn('sns', topic)}:{_uuid()}",
            "EventSource": "aws:sns",
            "Sns": _notification(message, topic, message_attributes),
        }
    ])  # fmt: skip


def s3(key: str, *, bucket: str = "orders", event_name: str = "ObjectCreated:Put") -> Event:
    """Make an event of a bucket without versioning that goes directly to a function.

    Args:
        key: the object's key as S3 writes it: URL-encoded.
        bucket: the bucket's name.
        event_name: the type of the S3 event.
    """
    return _records([
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": REGION,
            "eventTime": SENT_AT,
            "eventName": event_name,
            "userIdentity": {"principalId": "AWS:PRODUCER"},
            "requestParameters": {"sourceIPAddress": "203.0.113.7"},
            "responseElements": {"x-amz-request-id": _hex(16), "x-amz-id-2": _hex(32)},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "notify",
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": {"principalId": "OWNER"},
                    "arn": f"arn:aws:s3:::{bucket}",
                },
                "object": {"key": key, "size": 12, "eTag": _hex(32), "sequencer": _hex(18)},
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
        "id": _uuid(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": SENT_AT,
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def direct(payload: Mapping[str, Any]) -> Event:
    """Make a direct invocation with a custom payload, which Lambda delivers unchanged."""
    return copy.deepcopy(dict(payload))


def batch(*events: Event) -> Event:
    """Put the records of several events into one event, as if from one source.

    Raises:
        ValueError: an event has no records.
    """
    if any("Records" not in each for each in events):
        raise ValueError(
            "only events with Records come in batches: leave out the event without Records"
        )
    return _records(copy.deepcopy(record) for each in events for record in each["Records"])


def redelivered(event: Event) -> Event:
    """Return the event as its source delivers it again: its messages keep their ids.

    An SQS message has a new receipt handle and a higher receive count. All other sources deliver
    an identical event.
    """
    again = copy.deepcopy(event)
    for record in _select_records("eventSource", "aws:sqs", again):
        attributes = record.setdefault("attributes", {})
        receives = int(attributes.get("ApproximateReceiveCount", 1))
        attributes["ApproximateReceiveCount"] = str(receives + 1)
        record["receiptHandle"] = _derive_id(record.get("receiptHandle"))
    return again


def resent(event: Event) -> Event:
    """Return the event as its producer sends it again: only the ids are new.

    For S3 and DynamoDB Streams, that is another write of the same object or item. An event without
    ids, such as a custom payload, stays unchanged. The same event gives the same new ids every
    time.
    """
    again = copy.deepcopy(event)
    for record in _select_records("eventSource", "aws:sqs", again):
        _renew(record, "messageId", "receiptHandle")
        record.setdefault("attributes", {})["ApproximateReceiveCount"] = "1"
        if "SequenceNumber" in record["attributes"]:
            _renew(record["attributes"], "SequenceNumber", new=_move_number_on)
        record["body"] = _resent_body(record.get("body"))
    for record in _select_records("EventSource", "aws:sns", again):
        _renew(record["Sns"], "MessageId")
    for record in _select_records("eventSource", "aws:kinesis", again):
        _renew(record["kinesis"], "sequenceNumber", new=_move_number_on)
        shard = record["eventID"].partition(":")[0]
        record["eventID"] = f"{shard}:{record['kinesis']['sequenceNumber']}"
    for record in _select_records("eventSource", "aws:dynamodb", again):
        _renew(record, "eventID")
        _renew(record["dynamodb"], "SequenceNumber", new=_move_number_on)
    for record in _select_records("eventSource", "aws:s3", again):
        _renew(record["s3"]["object"], "sequencer", new=_move_number_on)
        _renew(record.setdefault("responseElements", {}), "x-amz-request-id")
    if "detail-type" in again:
        _renew(again, "id")
    return again


def _resent_body(body: Any) -> Any:
    """Return a body with new ids in its SNS, EventBridge or S3 envelope, if it has one."""
    inner = decode_payload(body).body
    if not isinstance(inner, dict):
        return body
    if inner.get("Type") == "Notification" and "TopicArn" in inner:
        _renew(inner, "MessageId")
    elif "detail-type" in inner or isinstance(inner.get("Records"), list):
        inner = resent(inner)
    else:
        return body
    return json.dumps(inner)


def _records(records: Any) -> Event:
    return {"Records": list(records)}


def _select_records(name: str, source: str, event: Event) -> list[dict[str, Any]]:
    """Return the records of a source."""
    records = event.get("Records")
    records = records if isinstance(records, list) else []
    return [each for each in records if isinstance(each, dict) and each.get(name) == source]


def _sqs_record(body: Any, queue: str, attributes: Mapping[str, str] | None) -> dict[str, Any]:
    text = _text(body)
    return {
        "messageId": _uuid(),
        "receiptHandle": _hex(32),
        "body": text,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(SENT_MILLIS),
            "SenderId": "PRODUCER",
            "ApproximateFirstReceiveTimestamp": str(SENT_MILLIS + 5),
        },
        "messageAttributes": {
            name: {
                "stringValue": value,
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
            for name, value in (attributes or {}).items()
        },
        "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": _arn("sqs", queue),
        "awsRegion": REGION,
    }


def _notification(message: Any, topic: str, attributes: Mapping[str, str] | None) -> dict[str, Any]:
    place = f"https://sns.{REGION}.amazonaws.com"
    return {
        "Type": "Notification",
        "MessageId": _uuid(),
        "TopicArn": _arn("sns", topic),
        "Subject": None,
        "Message": _text(message),
        "Timestamp": SENT_AT,
        "SignatureVersion": "1",
        "Signature": "bm9uZQ==",
        "SigningCertUrl": f"{place}/certificate.pem",
        "UnsubscribeUrl": f"{place}/?Action=Unsubscribe",
        "MessageAttributes": {
            name: {"Type": "String", "Value": value} for name, value in (attributes or {}).items()
        },
    }


def _kinesis_record(body: Any, stream: str, partition_key: str) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else _text(body).encode()
    sequence = _digits()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
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
    from boto3.dynamodb.types import TypeSerializer  # noqa: PLC0415  # slow, and rarely needed

    image = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    return {
        "eventID": _hex(32),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": SENT_MILLIS // 1000,
            "Keys": {name: image[name] for name in keys},
            "NewImage": image,
            "SequenceNumber": _digits(),
            "SizeBytes": len(str(item)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": _arn("dynamodb", f"table/{table}/stream/2023-11-14T00:00:00.000"),
    }


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def _uuid() -> str:
    return str(UUID(int=next(_numbers), version=4))


def _hex(digits: int) -> str:
    return f"{next(_numbers):0{digits}X}"


def _digits() -> str:
    return f"{next(_numbers):056d}"


_FAMILY = UUID("9d8f3a52-8d0e-4c39-9d52-0d8ce4b1a6f0")


def _derive_id(old: object) -> str:
    """Return a new id; the same old id always gives the same new one."""
    return str(uuid5(_FAMILY, str(old)))


def _move_number_on(old: object) -> str:
    """Return a number far above the old one, so that no neighbour has it, in the same format."""
    digits = str(old)
    if digits.isdecimal():
        return f"{int(digits) + 10**12:0{len(digits)}d}"
    return f"{int(digits, 16) + 16**10:0{len(digits)}X}"


def _renew(where: dict[str, Any], *names: str, new: Callable[[object], str] = _derive_id) -> None:
    for name in names:
        if name in where:
            where[name] = new(where[name])
