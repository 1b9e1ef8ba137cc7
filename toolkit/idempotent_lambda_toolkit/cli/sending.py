"""Sends messages to a queue and deletes them from another one, up to ten in a call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.messages import DeadLetterMessage

MOST_ENTRIES = 10
MOST_BYTES = 262_144
"""The most that a call with several messages has. SQS takes 1 MiB, and took 256 KiB before 2025.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
"""

ATTEMPTS = 3
"""Calls for a message that SQS could not delete by its own fault."""

T = TypeVar("T")

_SENT = frozenset({"DataType", "StringValue", "BinaryValue"})
_SERVER_ERROR = 500


@dataclass(slots=True)
class SendResult:
    """The outcome of sending messages.

    Attributes:
        sent: the sent messages, each with its new id.
        unsent: messages that were not sent, each with the reason.
        uncertain: messages that may have been sent, because a call had no answer.
        error: the error of a whole call, after which no other call was made.
    """

    sent: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    unsent: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    uncertain: list[DeadLetterMessage] = field(default_factory=list)
    error: Exception | None = None


def split(items: Sequence[T]) -> list[Sequence[T]]:
    """Split a sequence into parts, each small enough for one call."""
    return [items[start : start + MOST_ENTRIES] for start in range(0, len(items), MOST_ENTRIES)]


def send(
    client: Any, url: str, messages: Iterable[DeadLetterMessage], blocked: set[str]
) -> SendResult:
    """Send messages to a queue.

    A call to a FIFO queue has at most one message of each group. SQS answers for each message, so
    it could otherwise refuse one and take the next one of its group.

    Args:
        client: the client of SQS.
        url: the URL of the queue.
        messages: the messages; a group's messages are in their order.
        blocked: groups of a FIFO queue that have a message that could not be sent; it grows.
    """
    result, left = SendResult(), list(messages)
    in_order = url.endswith(".fifo")
    while left:
        stopped = [message for message in left if in_order and message.group in blocked]
        why = "an earlier message of its group was not sent"
        result.unsent += [(message, why) for message in stopped]
        chosen, left = _choose(
            [message for message in left if message not in stopped], in_order=in_order
        )
        if not chosen:
            break
        try:
            entries = [_build_entry(message, str(i), url) for i, message in enumerate(chosen)]
            answer = client.send_message_batch(QueueUrl=url, Entries=entries)
        except get_sdk_errors() as error:
            result.error = error
            if _may_be_done(error):
                result.uncertain += chosen
            break
        ids = {entry["Id"]: entry["MessageId"] for entry in answer.get("Successful", [])}
        for entry in answer.get("Failed", []):
            message = chosen[int(entry["Id"])]
            result.unsent.append((message, _explain(entry)))
            if in_order and message.group:
                blocked.add(message.group)
        result.sent += [(chosen[int(position)], new) for position, new in ids.items()]
    return result


def delete(
    client: Any, url: str, receipts: Sequence[tuple[DeadLetterMessage, str]]
) -> list[tuple[DeadLetterMessage, str]]:
    """Delete up to ten messages; return those that could not be deleted, with the reasons."""
    left, reasons = dict(enumerate(receipts)), dict[int, str]()
    for _ in range(ATTEMPTS):
        if not left:
            break
        entries = [
            {"Id": str(position), "ReceiptHandle": receipt}
            for position, (_, receipt) in left.items()
        ]
        try:
            answer = client.delete_message_batch(QueueUrl=url, Entries=entries)
        except get_sdk_errors() as error:
            return [(message, str(error)) for message, _ in left.values()]
        reasons = {int(entry["Id"]): _explain(entry) for entry in answer.get("Failed", [])}
        left = {position: left[position] for position in reasons}
    return [(message, reasons[position]) for position, (message, _) in left.items()]


def _choose(
    messages: Sequence[DeadLetterMessage], *, in_order: bool
) -> tuple[list[DeadLetterMessage], list[DeadLetterMessage]]:
    """Return the messages of the next call, and the messages of later calls."""
    chosen: list[DeadLetterMessage] = []
    later: list[DeadLetterMessage] = []
    groups, size = set[str | None](), 0
    for message in messages:
        more = _count_bytes(message)
        is_late = in_order and message.group in groups
        if is_late or len(chosen) == MOST_ENTRIES or (chosen and size + more > MOST_BYTES):
            later.append(message)
        else:
            chosen.append(message)
            size += more
        groups.add(message.group)
    return chosen, later


def _count_bytes(message: DeadLetterMessage) -> int:
    """Return the size of a message for SQS: its body, and names, types and values of attributes."""
    size = len(str(message.raw["Body"]).encode())
    for name, of in message.raw.get("MessageAttributes", {}).items():
        value = of.get("BinaryValue") or str(of.get("StringValue", "")).encode()
        size += len(name.encode()) + len(of["DataType"].encode()) + len(value)
    return size


def _build_entry(message: DeadLetterMessage, position: str, url: str) -> dict[str, Any]:
    attributes = message.raw["Attributes"]
    entry: dict[str, Any] = {
        "Id": position,
        "MessageBody": message.raw["Body"],
        "MessageAttributes": {
            name: {part: of[part] for part in of if part in _SENT}
            for name, of in message.raw.get("MessageAttributes", {}).items()
        },
    }
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if url.endswith(".fifo"):
        # With its old deduplication id, the queue might drop it as a repetition. Every sent
        # message has a new message id, so the queue knows this id only if it has the message.
        entry["MessageDeduplicationId"] = message.id
    if trace := attributes.get("AWSTraceHeader"):
        of = {"DataType": "String", "StringValue": trace}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": of}
    return entry


def _may_be_done(error: Exception) -> bool:
    """Return whether AWS may have done what a call asked for, although the call failed."""
    answer: Mapping[str, Any] | None = getattr(error, "response", None)
    if answer is None:
        return True  # no answer arrived
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(status) >= _SERVER_ERROR


def _explain(failed: Any) -> str:
    return f"{failed.get('Code')}: {failed.get('Message') or 'SQS gives no reason'}"
