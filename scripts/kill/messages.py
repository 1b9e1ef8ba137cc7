"""The messages of the queue, and the copies of parked ones."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from scripts.kill.account import Copy

ARN: Final = "arn:aws:sqs:eu-central-1:000000000000:orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the queue.

    Attributes:
        attributes: as an event holds them; a redriven copy has its token there.
    """

    id: str
    key: str
    receive_count: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def receive_again(self) -> "Message":
        """Return the same message, received once more."""
        return replace(self, receive_count=self.receive_count + 1)

    def identify_copy(self) -> Copy:
        """Read the key and the owner token of a copy."""
        return self.key, CopyMark.parse(self.attributes[TOKEN_ATTRIBUTE]["stringValue"]).token


def make_event(messages: Iterable[Message]) -> dict[str, Any]:
    """Make the event of a batch."""
    records = [
        {
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": json.dumps({"id": message.key}),
            "attributes": {"ApproximateReceiveCount": str(message.receive_count)},
            "messageAttributes": dict(message.attributes),
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
        }
        for message in messages
    ]
    return {"Records": records}


def read_copy(received: Mapping[str, Any], message_id: str) -> Message:
    """Turn what ReceiveMessage answered into a message of the queue."""
    attributes = {
        name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
        for name, value in received["MessageAttributes"].items()
    }
    return Message(id=message_id, key=json.loads(received["Body"])["id"], attributes=attributes)
