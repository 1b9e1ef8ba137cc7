"""The messages of the queue, as records of Lambda's event."""

import json
from collections.abc import Mapping
from typing import Any, Final

from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from scripts.kill.account import Copy

ARN: Final = "arn:aws:sqs:eu-central-1:000000000000:orders"

Record = Mapping[str, Any]


def make_record(message_id: str, key: str, attributes: Mapping[str, Any] | None = None) -> Record:
    """Make a message for its first delivery; a redriven copy has its token in the attributes."""
    return {
        "messageId": message_id,
        "receiptHandle": message_id,
        "body": json.dumps({"id": key}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in (attributes or {}).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
    }


def receive_again(record: Record) -> Record:
    """Return the same message, received once more."""
    count = int(record["attributes"]["ApproximateReceiveCount"]) + 1
    return {**record, "attributes": {"ApproximateReceiveCount": str(count)}}


def read_key(record: Record) -> str:
    """Read the key of a message."""
    key: str = json.loads(record["body"])["id"]
    return key


def read_copy(record: Record) -> Copy:
    """Read the key and the owner token of a copy."""
    token = record["messageAttributes"][TOKEN_ATTRIBUTE]["stringValue"]
    return read_key(record), CopyMark.parse(token).token
