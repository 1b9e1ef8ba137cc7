"""The part of the queue: messages, their redelivery, and the redrive of copies."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from scripts.kill.account import Copy
from scripts.kill.plan import Round

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

    @property
    def body(self) -> str:
        """The body that the producer sent."""
        return json.dumps({"id": self.key})

    def again(self) -> "Message":
        """Return the same message, received once more."""
        return replace(self, receive_count=self.receive_count + 1)

    def as_record(self) -> dict[str, Any]:
        """Make the message's part of an event."""
        return {
            "messageId": self.id,
            "receiptHandle": self.id,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receive_count)},
            "messageAttributes": dict(self.attributes),
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
        }


def make_event(messages: Iterable[Message]) -> dict[str, Any]:
    """Make the event of a batch."""
    return {"Records": [message.as_record() for message in messages]}


def make_messages(planned: Round) -> list[Message]:
    """Make the messages of a round, for its first delivery."""
    return [Message(id=f"message-{place}", key=key) for place, key in enumerate(planned.keys)]


def redrive(found: Sequence[Mapping[str, Any]], after: int) -> list[Message]:
    """Turn received copies into messages of the queue, as an operator's redrive does.

    Args:
        found: as ReceiveMessage answers.
        after: makes their ids differ from those of earlier ones.
    """
    return [
        Message(
            id=f"copy-{after}-{place}",
            key=json.loads(copy["Body"])["id"],
            attributes={
                name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                for name, value in copy["MessageAttributes"].items()
            },
        )
        for place, copy in enumerate(found)
    ]


def identify_copy(message: Message) -> Copy:
    """Read the key and the owner token of a copy."""
    token: str = message.attributes[TOKEN_ATTRIBUTE]["stringValue"]
    return message.key, CopyMark.parse(token).token
