"""The dead-letter queue: what is in it, whose it is, and the way back to the queue.

Messages that are received are hidden from others; whatever is not moved or deleted is shown again
at the end. A message is sent before it is deleted: whoever is interrupted has sent it twice. The
second one is a duplicate, unless its key is its message id.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda.clock import EpochMillis, SystemClock
from idempotent_lambda.errors import MessageError, UnsupportedEventError
from idempotent_lambda.keys import KeyRule
from idempotent_lambda.pipeline.grouping import find_key, find_stated_key
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda.sources.event import read_event
from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import PartlyDoneError

HIDDEN_SECONDS = 120
"""How long received messages are hidden at most, should this process be killed."""

WAIT_SECONDS = 1
"""Above zero every server is asked: an empty answer means that nothing is left to receive.

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
        raw: as SQS gave it.
        record_ids: of the keys in it; empty where they are not known.
        token: the owner token, if it is the copy of a parked message.
        first_id: the id that the message of a copy had.
        foreign: whether SQS moved it here from a queue that is not the function's.
        refusal: why no delivery of it can ever run, such as that it has no key; None if it can, or
            if that is not known.
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
        """When it was sent, in epoch milliseconds of AWS's clock."""
        return EpochMillis(int(self.raw["Attributes"]["SentTimestamp"]))

    def is_copy_of(self, record: Record) -> bool:
        """Whether a redrive of it lets it claim the record.

        It may if the record is parked with its token. It goes on with the record that it has
        unlocked, but not once that is parked again: then a newer copy has been sent.
        """
        if self.token == record.owner:
            return True
        unlocked = self.token is not None and self.token == record.unlocked_by
        return unlocked and record.status != Status.PARKED

    def plain(self) -> dict[str, Any]:
        """For ``--json``; never the body."""
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
    """What a look into the dead-letter queue found.

    Attributes:
        found: the messages.
        whole: whether these are all that could be received.
    """

    found: list[DeadLetterMessage]
    whole: bool


def depth(deployment: Deployment, url: str) -> dict[str, int]:
    """About how many messages wait in a queue, are in flight, and delayed."""
    asked = list(_DEPTHS.values())
    answer = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)
    return {name: int(answer["Attributes"].get(of, 0)) for name, of in _DEPTHS.items()}


@contextmanager
def hold_messages(deployment: Deployment) -> Iterator["ReceivedMessages"]:
    """The dead-letter queue; what it hands out is hidden from others until the block ends."""
    messages = ReceivedMessages(deployment)
    try:
        yield messages
    finally:
        messages.release()


class ReceivedMessages:
    """What was received of the dead-letter queue and is still there.

    Args:
        deployment: whose. Its dead-letter queue has to be known.
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
        # What somebody else has received, or a command that was killed, cannot be seen.
        self._others_hold = int(answer["Attributes"].get(_HIDDEN, 0)) > 0
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        started = int(parsedate_to_datetime(date).timestamp() * 1000) if date else times.now()
        self.started, self._began = EpochMillis(started), self._clock.monotonic()

    def look(self) -> QueueSnapshot:
        """All messages, as far as they can be received within a minute."""
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
        """Whether an empty answer meant that nothing else is there."""
        # Of a FIFO group nothing more comes while some of it are hidden.
        stuck = self._fifo and len(self._receipts) >= MOST_RECEIVED
        return not stuck and not self._others_hold

    def receive(self) -> list[DeadLetterMessage]:
        """The next messages, up to ten; none if nothing more can be received."""
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
        """Send a message to the queue, then delete it here; the id of the new one.

        Raises:
            PartlyDoneError: it is sent and could not be deleted.
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
            # With the id that it had, the queue might take it for a repetition and drop it. Every
            # sending has a message id of its own, so the queue knows this one only if it has it.
            call["MessageDeduplicationId"] = message.id
        if trace := attributes.get("AWSTraceHeader"):
            of = {"DataType": "String", "StringValue": trace}
            call["MessageSystemAttributes"] = {"AWSTraceHeader": of}
        sent = str(self._client.send_message(**call)["MessageId"])
        try:
            self.delete(message)
        except (BotoCoreError, ClientError) as error:
            text = f"{message.id} is sent to the queue, and could not be deleted here ({error})"
            remedy = "redrive it if its key is in it: a duplicate then; otherwise delete it"
            raise PartlyDoneError(f"{text}: {remedy}", message_id=message.id) from None
        return sent

    def delete(self, message: DeadLetterMessage) -> None:
        """Delete a message."""
        self._client.delete_message(
            QueueUrl=self._url, ReceiptHandle=self._receipts.pop(message.id)
        )

    def release(self) -> None:
        """Show again what is still there. Failing that it comes back by itself."""
        left, self._receipts = list(self._receipts.values()), {}
        for start in range(0, len(left), MOST_RECEIVED):
            entries = [
                {"Id": str(position), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for position, receipt in enumerate(left[start : start + MOST_RECEIVED])
            ]
            with suppress(BotoCoreError, ClientError):
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def has_come_back(self, message: DeadLetterMessage, moved: frozenset[str]) -> bool:
        """Whether it was sent after this began, as what was moved and has come back.

        AWS's clock is known in whole seconds; within the first one the key of what was moved tells.
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
        # A foreign message may have the same key, and means something else.
        rule = None if foreign else self._deployment.key_rule
        ids, refusal = find_record_ids(raw, self._arn, rule, self._deployment.unwrap)
        return DeadLetterMessage(
            raw, ids, mark.token or None, mark.first_id or None, foreign, refusal
        )


_SENT = frozenset({"DataType", "StringValue", "BinaryValue"})


def find_record_ids(
    message: Mapping[str, Any], arn: str, rule: KeyRule | None, unwrap: frozenset[str] = frozenset()
) -> tuple[frozenset[str], str | None]:
    """The ids of the records of a received message, as the function would make them.

    Args:
        message: as SQS gives it to who receives.
        arn: of its queue.
        rule: how the consumer's messages get their keys; None where that is not known.
        unwrap: the services whose wrappers the function takes off.

    Returns:
        The ids, and why the function refuses the message, if it does.
    """
    if rule is None:
        return frozenset(), None
    found = set()
    try:
        for delivery in read_event({"Records": [_build_lambda_record(message, arn)]}, unwrap):
            key = find_stated_key(rule, delivery) or find_key(rule, delivery)
            found.add(key.record_id)
    except (MessageError, UnsupportedEventError) as error:
        return frozenset(found), str(error)  # that may be why it is here
    return frozenset(found), None


def _build_lambda_record(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """The record that Lambda makes of a message.

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
