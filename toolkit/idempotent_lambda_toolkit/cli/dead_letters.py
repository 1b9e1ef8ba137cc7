"""The dead-letter queue: its messages, their keys, and the way back to the queue.

A received message is hidden from other receivers. A message that is neither moved nor deleted
becomes visible again at the end. A message is sent before it is deleted, so an interrupted command
may send it twice. The second one is a duplicate, unless its key is its message id.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from idempotent_lambda.clock import EpochMillis, SystemClock
from idempotent_lambda.errors import MessageError, UnsupportedEventError
from idempotent_lambda.keys import KeyRule
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import PartlyDoneError

HIDDEN_SECONDS = 120
"""Seconds after which received messages reappear if this process is killed."""

WAIT_SECONDS = 1
"""Above zero, SQS asks all its servers: an empty answer means that no message is left.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""

MOST_LOOKED_AT = 1000
LOOKING_SECONDS = 60
MOST_RECEIVED = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""

_HIDDEN = "ApproximateNumberOfMessagesNotVisible"
_DEPTHS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": _HIDDEN,
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class DeadLetterMessage:
    """A message in the dead-letter queue.

    Attributes:
        raw: the message as SQS returned it.
        record_ids: the record ids of its keys; empty if they are not known.
        token: the owner token of a copy of a parked message; None for other messages.
        first_id: the id of the message that was copied; None for other messages.
        foreign: whether SQS moved it here from a queue that the function does not read.
        refusal: the reason why no delivery of it can run, such as a missing key; None if it can
            run, or if that is not known.
    """

    raw: Mapping[str, Any] = field(repr=False)
    record_ids: frozenset[str]
    token: str | None
    first_id: str | None
    foreign: bool = False
    refusal: str | None = None

    @property
    def id(self) -> str:
        """The message id."""
        return str(self.raw["MessageId"])

    @property
    def sent_at(self) -> EpochMillis:
        """The time of sending, in epoch milliseconds of AWS's clock."""
        return EpochMillis(int(self.raw["Attributes"]["SentTimestamp"]))

    def is_copy_of(self, record: Record) -> bool:
        """Return whether this message can claim the record after a redrive.

        It can if the record is parked with its token. It can also continue a record that it has
        unlocked, unless that is parked again: then the function has sent a newer copy.
        """
        if self.token == record.owner:
            return True
        unlocked = self.token is not None and self.token == record.unlocked_by
        return unlocked and record.status != Status.PARKED

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``, without the body."""
        return {
            "message_id": self.id,
            "record_ids": sorted(self.record_ids),
            "parked_copy": self.token is not None,
            "foreign": self.foreign,
            "refusal": self.refusal,
            "sent_at": self.sent_at,
        }


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The messages that one look into the dead-letter queue found.

    Attributes:
        found: the messages.
        whole: whether these are all messages of the queue.
    """

    found: list[DeadLetterMessage]
    whole: bool


def depth(deployment: Deployment, url: str) -> dict[str, int]:
    """Return about how many messages of a queue are waiting, in flight and delayed."""
    asked = list(_DEPTHS.values())
    answer = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)
    return {name: int(answer["Attributes"].get(of, 0)) for name, of in _DEPTHS.items()}


@contextmanager
def hold_messages(deployment: Deployment) -> Iterator["ReceivedMessages"]:
    """Open the dead-letter queue; received messages stay hidden until the block ends."""
    messages = ReceivedMessages(deployment)
    try:
        yield messages
    finally:
        messages.release()


class ReceivedMessages:
    """The messages that were received from the dead-letter queue and are still in it.

    Args:
        deployment: the consumer, whose dead-letter queue must be known.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment, self._client = deployment, deployment.client("sqs")
        self._url = deployment.needed_dead_letter_queue_url
        self._fifo, self._clock = self._url.endswith(".fifo"), SystemClock()
        self._receipts: dict[str, str] = {}
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["QueueArn", _HIDDEN]
        )
        self._arn = answer["Attributes"]["QueueArn"]
        self._sources = deployment.source_arns
        # Messages that another receiver or a killed command holds cannot be seen.
        self._others_hold = int(answer["Attributes"].get(_HIDDEN, 0)) > 0
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        started = int(parsedate_to_datetime(date).timestamp() * 1000) if date else times.now()
        self.started, self._began = EpochMillis(started), self._clock.monotonic()

    def look(self) -> QueueSnapshot:
        """Return all messages that can be received within a minute."""
        found: dict[str, DeadLetterMessage] = {}
        while len(found) < MOST_LOOKED_AT and self._count_elapsed() < LOOKING_SECONDS * 1000:
            received = self.receive()
            new = {each.id: each for each in received if each.id not in found}
            found |= new
            if not new:
                return QueueSnapshot(list(found.values()), self.whole)
        return QueueSnapshot(list(found.values()), whole=False)

    @property
    def whole(self) -> bool:
        """Whether an empty answer means that no other message is in the queue."""
        # SQS returns no further messages of a FIFO group while some of them are hidden.
        stuck = self._fifo and len(self._receipts) >= MOST_RECEIVED
        return not stuck and not self._others_hold

    def receive(self) -> list[DeadLetterMessage]:
        """Receive the next messages, up to ten; an empty list if no more can be received."""
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_RECEIVED,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found = [self._read_message(each) for each in answer.get("Messages", [])]
        self._receipts |= {each.id: each.raw["ReceiptHandle"] for each in found}
        return found

    def send_back(self, message: DeadLetterMessage) -> str:
        """Send a message to the queue, then delete it here; return the id of the new message.

        Raises:
            PartlyDoneError: the message was sent but could not be deleted.
        """
        url, attributes = self._deployment.needed_queue_url, message.raw["Attributes"]
        call: dict[str, Any] = {
            "QueueUrl": url,
            "MessageBody": message.raw["Body"],
            "MessageAttributes": {
                name: {part: of[part] for part in of if part in _SENT}
                for name, of in message.raw.get("MessageAttributes", {}).items()
            },
        }
        if "MessageGroupId" in attributes:
            call["MessageGroupId"] = attributes["MessageGroupId"]
        if url.endswith(".fifo"):
            # With its old deduplication id, the queue might drop it as a repetition. Every sent
            # message has a new message id, so the queue knows this id only if it has the message.
            call["MessageDeduplicationId"] = message.id
        if trace := attributes.get("AWSTraceHeader"):
            of = {"DataType": "String", "StringValue": trace}
            call["MessageSystemAttributes"] = {"AWSTraceHeader": of}
        sent = str(self._client.send_message(**call)["MessageId"])
        try:
            self.delete(message)
        except get_sdk_errors() as error:
            text = f"{message.id} was sent to the queue but could not be deleted here ({error})"
            remedy = "if it contains its key, redrive it: it is a duplicate then; else delete it"
            raise PartlyDoneError(f"{text}: {remedy}", message_id=message.id) from None
        return sent

    def delete(self, message: DeadLetterMessage) -> None:
        """Delete a message."""
        self._client.delete_message(
            QueueUrl=self._url, ReceiptHandle=self._receipts.pop(message.id)
        )

    def release(self) -> None:
        """Make the remaining messages visible. If that fails, they reappear by themselves."""
        left, self._receipts = list(self._receipts.values()), {}
        for start in range(0, len(left), MOST_RECEIVED):
            entries = [
                {"Id": str(position), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for position, receipt in enumerate(left[start : start + MOST_RECEIVED])
            ]
            with suppress(*get_sdk_errors()):
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def has_come_back(self, message: DeadLetterMessage, moved: frozenset[str]) -> bool:
        """Return whether a message was sent after this began, like a moved one that came back.

        AWS's clock is known in whole seconds. Within the first second, the key of a moved message
        decides.
        """
        margin = 0 if moved & message.record_ids else 1000
        return message.sent_at >= self.started + margin

    def _count_elapsed(self) -> int:
        return self._clock.monotonic() - self._began

    def _read_message(self, raw: Mapping[str, Any]) -> DeadLetterMessage:
        text = raw.get("MessageAttributes", {}).get(TOKEN_ATTRIBUTE, {}).get("StringValue")
        mark = CopyMark.parse(text or "")
        source = raw["Attributes"].get("DeadLetterQueueSourceArn")
        foreign = bool(source and self._sources and source not in self._sources)
        # A foreign message may have the same key but another meaning.
        rule = None if foreign else self._deployment.key_rule
        ids, refusal = find_record_ids(raw, self._arn, rule, self._deployment.unwrap)
        return DeadLetterMessage(
            raw, ids, mark.token or None, mark.first_id or None, foreign, refusal
        )


_SENT = frozenset({"DataType", "StringValue", "BinaryValue"})


def find_record_ids(
    message: Mapping[str, Any], arn: str, rule: KeyRule | None, unwrap: frozenset[str] = frozenset()
) -> tuple[frozenset[str], str | None]:
    """Return the record ids of a received message, as the function would build them.

    Args:
        message: the message as SQS returns it to a receiver.
        arn: the ARN of its queue.
        rule: the rule that gives the consumer's messages their keys; None if it is not known.
        unwrap: the services whose wrappers the function removes.

    Returns:
        The ids, and the reason why the function refuses the message; None if it does not.
    """
    if rule is None:
        return frozenset(), None
    # --help does without the package's larger parts.
    from idempotent_lambda.pipeline.grouping import find_key, find_stated_key  # noqa: PLC0415
    from idempotent_lambda.sources.event import read_event  # noqa: PLC0415

    found = set()
    try:
        for delivery in read_event({"Records": [_build_lambda_record(message, arn)]}, unwrap):
            key = find_stated_key(rule, delivery) or find_key(rule, delivery)
            found.add(key.record_id)
    except (MessageError, UnsupportedEventError) as error:
        return frozenset(found), str(error)  # perhaps the reason why it is here
    return frozenset(found), None


def _build_lambda_record(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Build the record that Lambda makes of a message.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    attributes: dict[str, Any] = {}
    for name, of in message.get("MessageAttributes", {}).items():
        attributes[name] = {"dataType": of["DataType"]}
        if "BinaryValue" in of:
            attributes[name]["binaryValue"] = base64.b64encode(of["BinaryValue"]).decode()
        else:
            attributes[name]["stringValue"] = of.get("StringValue")
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
    }
