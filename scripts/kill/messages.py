"""The queue's part, played here: what is delivered, delivered again, and redriven."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from idempotent_lambda.messages import TOKEN_ATTRIBUTE
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
        """What the producer sent."""
        return json.dumps({"id": self.key})

    def again(self) -> "Message":
        """The same message, received once more."""
        return replace(self, receive_count=self.receive_count + 1)

    def record(self) -> dict[str, Any]:
        """The message in an event."""
        return {
            "messageId": self.id,
            "receiptHandle": self.id,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receive_count)},
            "messageAttributes": dict(self.attributes),
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
        }


def event(messages: Iterable[Message]) -> dict[str, Any]:
    """The event of a batch."""
    return {"Records": [each.record() for each in messages]}


def batch(planned: Round) -> list[Message]:
    """The messages of a round, as they come first."""
    return [Message(id=f"message-{at}", key=key) for at, key in enumerate(planned.keys)]


def redriven(found: Sequence[Mapping[str, Any]], after: int) -> list[Message]:
    """The messages that SQS's answers hold, as an operator sends them back to the queue.

    Args:
        found: as ReceiveMessage answers.
        after: makes their ids differ from those of earlier ones.
    """
    return [
        Message(
            id=f"copy-{after}-{at}",
            key=json.loads(each["Body"])["id"],
            attributes={
                name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                for name, value in each["MessageAttributes"].items()
            },
        )
        for at, each in enumerate(found)
    ]


def copy_of(message: Message) -> Copy:
    """The key and the owner token of a copy."""
    token: str = message.attributes[TOKEN_ATTRIBUTE]["stringValue"]
    return message.key, token.partition(" ")[0]
