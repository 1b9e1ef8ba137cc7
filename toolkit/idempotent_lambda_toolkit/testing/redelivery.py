"""An event as its source delivers it again, and as its producer sends it again.

Events may be captured or written by hand, so any field may be missing or odd. Such a field stays.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, cast

from idempotent_lambda.sources.parsing import copy_json, find_path, is_count
from idempotent_lambda.sources.payload import decode_payload
from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing.identifiers import renew_id, renew_number


def redelivered(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as its source delivers it again: its messages keep their ids.

    An SQS message has a new receipt handle and a higher receive count. All other sources deliver
    an identical event.
    """
    again: dict[str, Any] = copy_json(event)
    for record in _list_records(again):
        if record.get("eventSource") == Source.SQS:
            count = find_path(record, "attributes", "ApproximateReceiveCount")
            _set_receive_count(record, (int(count) if is_count(count) else 1) + 1)
            _renew(record, "receiptHandle")
    return again


def resent(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as its producer sends it again: only the ids are new.

    For S3 and DynamoDB Streams, that is another write of the same object or item. An event without
    ids, such as a custom payload, stays unchanged. The same event gives the same new ids every
    time.
    """
    again: Any = copy_json(event)
    for record in _list_records(again):
        _resend_record(record)
    if isinstance(again, dict) and "detail-type" in again:
        _renew(again, "id")
    return cast("dict[str, Any]", again)


def _list_records(event: object) -> list[dict[str, Any]]:
    records = find_path(event, "Records")
    return [part for part in records if isinstance(part, dict)] if isinstance(records, list) else []


def _resend_record(record: dict[str, Any]) -> None:
    match record.get("eventSource", record.get("EventSource")):
        case Source.SQS:
            _resend_sqs(record)
        case Source.SNS:
            _resend_notification(record.get("Sns"))
        case Source.KINESIS:
            # EventBridge Pipes puts the fields of the object ``kinesis`` at the top level.
            data = record.get("kinesis", record)
            _renew(data, "sequenceNumber", new=renew_number)
            shard, colon, number = str(record.get("eventID")).partition(":")
            if colon:
                record["eventID"] = f"{shard}:{find_path(data, 'sequenceNumber') or number}"
        case Source.DYNAMODB:
            _renew(record, "eventID")
            _renew(record.get("dynamodb"), "SequenceNumber", new=renew_number)
        case Source.S3:
            _renew(find_path(record, "s3", "object"), "versionId")
            _renew(find_path(record, "s3", "object"), "sequencer", new=renew_number)
            _renew(record.get("responseElements"), "x-amz-request-id", "x-amz-id-2")
        case _:
            pass  # nobody knows where the ids of a foreign record are


def _resend_sqs(record: dict[str, Any]) -> None:
    _renew(record, "messageId", "receiptHandle")
    _set_receive_count(record, 1)
    _renew(record["attributes"], "SequenceNumber", new=renew_number)
    body = _resend_body(record.get("body"))
    if body != record.get("body"):
        record["body"] = body
        if "md5OfBody" in record:
            record["md5OfBody"] = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _resend_notification(notification: Any) -> None:
    _renew(notification, "MessageId")
    if isinstance(notification, dict) and "Message" in notification:
        notification["Message"] = _resend_body(notification["Message"])


def _resend_body(body: Any) -> Any:
    """Return a body with new ids in its SNS, EventBridge, S3 or Pipes envelope, if it has one."""
    inner = decode_payload(body).body
    if not isinstance(inner, dict):
        return body
    if inner.get("Type") == "Notification" and "TopicArn" in inner:
        _resend_notification(inner)
    elif "detail-type" in inner or isinstance(inner.get("Records"), list):
        inner = resent(inner)
    elif inner.get("eventSource") in (Source.KINESIS, Source.DYNAMODB):
        _resend_record(inner)
    else:
        return body
    return json.dumps(inner)


def _set_receive_count(record: dict[str, Any], count: int) -> None:
    if not isinstance(record.get("attributes"), dict):
        record["attributes"] = {}
    record["attributes"]["ApproximateReceiveCount"] = str(count)


def _renew(where: object, *names: str, new: Callable[[object], str] = renew_id) -> None:
    for name in names:
        if isinstance(where, dict) and where.get(name) is not None:
            where[name] = new(where[name])
