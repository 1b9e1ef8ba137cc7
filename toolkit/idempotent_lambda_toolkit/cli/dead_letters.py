"""The dead-letter queue: its messages are received, held, and sent back or deleted.

A received message is hidden from other receivers. A message that is neither moved nor deleted
becomes visible again at the end. A message is sent before it is deleted, so a killed command may
send it twice. The second one is a duplicate, unless its key is its message id.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from idempotent_lambda.clock import EpochMillis, SystemClock
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda_toolkit.cli import sending, stopping, times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.messages import DeadLetterMessage, find_record_ids

__all__ = [
    "DeadLetterMessage",
    "MoveResult",
    "QueueSnapshot",
    "ReceivedMessages",
    "depth",
    "hold_messages",
]

HIDDEN_SECONDS = 120
"""Seconds after which received messages reappear if this process is killed, in a short look."""

MOST_HIDDEN_SECONDS = 3600
"""The same in a long look, in which it grows with the time that the look takes."""

WAIT_SECONDS = 1
"""Above zero, SQS asks all its servers: an empty answer means that no message is left.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""

MOST_RECEIVED = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""

MOST_REPEATS = 10
"""Answers with only known messages in a row after which a look ends."""

_WAITING, _HIDDEN = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"
_DEPTHS = {"waiting": _WAITING, "in_flight": _HIDDEN, "delayed": _DELAYED}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSnapshot:
    """The messages that one look into the dead-letter queue found.

    Attributes:
        found: the messages.
        expected: about how many messages the queue had.
        unseen: the reason why other messages could not be seen, and the remedy; None if there is
            no such reason.
        found_enough: whether the look ended because it had found what was looked for.
    """

    found: list[DeadLetterMessage]
    expected: int = 0
    unseen: str | None = None
    found_enough: bool = False

    @property
    def whole(self) -> bool:
        """Whether these are all messages of the queue."""
        return self.unseen is None and not self.found_enough

    def describe(self) -> str:
        """Return how much of the queue was seen."""
        return describe_look(
            seen=len(self.found),
            expected=self.expected,
            unseen=self.unseen,
            found_enough=self.found_enough,
        )


def describe_look(*, seen: int, expected: int, unseen: str | None, found_enough: bool) -> str:
    """Describe how much of the dead-letter queue was seen, and why not more."""
    if unseen:
        return f"saw {seen:,} messages of the dead-letter queue; {unseen}"
    if found_enough and seen < expected:
        return f"stopped at {seen:,} of about {expected:,} messages in the dead-letter queue: found"
    return f"seen all messages of the dead-letter queue ({seen:,})"


@dataclass(slots=True)
class MoveResult:
    """The outcome of sending messages back to the queue.

    Attributes:
        moved: messages that are in the queue now, each with its new id.
        undeleted: messages that are in both queues, each with the reason.
        unsent: messages that stay in the dead-letter queue, each with the reason.
        uncertain: messages that may be in both queues, because a call had no answer.
        error: the error of a whole call, after which no other call was made.
    """

    moved: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    undeleted: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    unsent: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    uncertain: list[DeadLetterMessage] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every message was moved."""
        return not (self.undeleted or self.unsent or self.uncertain or self.error)

    def add(self, other: "MoveResult") -> None:
        """Add the outcome of later calls."""
        self.moved += other.moved
        self.undeleted += other.undeleted
        self.unsent += other.unsent
        self.uncertain += other.uncertain
        self.error = self.error or other.error

    def explain(self) -> list[str]:
        """Return a sentence for each problem, with its messages and the remedy."""
        found = []
        for why, messages in _group_by_reason(self.unsent).items():
            found.append(f"not sent: {why} ({messages}); they stay in the dead-letter queue")
        for why, messages in _group_by_reason(self.undeleted).items():
            text = f"sent to the queue but could not be deleted here: {why} ({messages})"
            remedy = "redrive such a message if it contains its key: it is a duplicate then; else"
            found.append(f"{text}; {remedy} delete it with discard")
        if self.uncertain:
            text = "may have been sent to the queue, because AWS did not answer"
            remedy = "redrive such a message if it contains its key: the second one is a duplicate"
            ids = ", ".join(message.id for message in self.uncertain)
            found.append(f"{text} ({ids}); {remedy}")
        return found

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "moved": [{**message.plain(), "new_message_id": new} for message, new in self.moved],
            "in_both_queues": [
                {**message.plain(), "reason": why} for message, why in self.undeleted
            ],
            "perhaps_in_both_queues": [message.plain() for message in self.uncertain],
            "not_sent": [{**message.plain(), "reason": why} for message, why in self.unsent],
        }


def _group_by_reason(problems: Iterable[tuple[DeadLetterMessage, str]]) -> dict[str, str]:
    grouped: dict[str, list[str]] = {}
    for message, why in problems:
        grouped.setdefault(why, []).append(message.id)
    return {why: ", ".join(ids) for why, ids in grouped.items()}


def depth(deployment: Deployment, url: str) -> dict[str, int]:
    """Return about how many messages of a queue are waiting, in flight and delayed."""
    asked = list(_DEPTHS.values())
    answer = deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=asked)
    return {name: int(answer["Attributes"].get(of, 0)) for name, of in _DEPTHS.items()}


@contextmanager
def hold_messages(deployment: Deployment) -> Iterator["ReceivedMessages"]:
    """Open the dead-letter queue; received messages stay hidden until the block ends.

    Raises:
        StopSignal: a signal has arrived that the block did not answer.
    """
    messages = ReceivedMessages(deployment)
    with stopping.delay():  # a message that is received or sent is released or deleted too
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
        self._groups: dict[str, str] = {}
        self._known: set[str] = set()
        self._blocked: set[str] = set()
        self._deleted: set[str] = set()
        names = ["QueueArn", *_DEPTHS.values()]
        answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        attributes = answer["Attributes"]
        self._arn, self._sources = attributes["QueueArn"], deployment.source_arns
        # The counts are only good for a queue at rest: not once this command has begun to receive.
        self._waiting = int(attributes.get(_WAITING, 0))
        # Messages that another receiver or a killed command holds cannot be seen.
        self._away = sum(int(attributes.get(name, 0)) for name in (_HIDDEN, _DELAYED))
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        started = int(parsedate_to_datetime(date).timestamp() * 1000) if date else times.now()
        self.started, self._began = EpochMillis(started), self._clock.monotonic()
        self._renewed = self._began

    @property
    def expected(self) -> int:
        """About how many messages the queue had at the beginning."""
        return max(self._waiting + self._away, len(self._known))

    @property
    def unseen(self) -> str | None:
        """The reason why other messages could not be seen, once no more can be received."""
        known = len(self._known)
        if self._away and (missing := self._waiting + self._away - known) > 0:
            text = f"about {missing:,} others were hidden by another reader, or delayed, when this"
            remedy = "run it again when that reader has ended, or its visibility timeout is over"
            return f"{text} command began: {remedy}"
        # SQS returns no further messages of a FIFO group while some of them are hidden.
        # https://repost.aws/knowledge-center/sqs-fifo-messages-not-returned
        if self._fifo and self._receipts and (missing := self._waiting - known) > 0:
            groups = sorted({self._groups[each] for each in self._receipts})
            named = ", ".join(groups[:3]) + (", …" if groups[3:] else "")
            text = f"about {missing:,} others are behind the first ten messages of their group"
            remedy = "SQS shows them only after those are gone: redrive the group in its order with"
            return f"{text}; {remedy} --group ({named}), or delete the first ones with discard"
        return None

    def look(
        self,
        is_wanted: Callable[[DeadLetterMessage], bool] | None = None,
        seen: Callable[[int], None] = lambda _count: None,
    ) -> QueueSnapshot:
        """Return the messages until a wanted one is found, or all have been seen.

        Args:
            is_wanted: whether a message is the only one that is looked for; None to see all.
            seen: a callback for the number of messages looked at.

        Raises:
            StopSignal: a signal has arrived.
        """
        found: list[DeadLetterMessage] = []
        for new in self.receive_all():
            found += new
            seen(len(found))
            if is_wanted is not None and any(map(is_wanted, new)):
                return QueueSnapshot(found=found, expected=self.expected, found_enough=True)
        stopping.check()
        return QueueSnapshot(found=found, expected=self.expected, unseen=self.unseen)

    def receive_all(self) -> Iterator[list[DeadLetterMessage]]:
        """Yield new messages, up to ten at a time, until no more can be received.

        It also ends when a signal has asked the command to stop.
        """
        repeats = 0
        while repeats < MOST_REPEATS and not stopping.is_requested():
            received = self.receive()
            if not received:
                return
            new = [message for message in received if message.id not in self._known]
            self._known |= {message.id for message in new}
            repeats = 0 if new else repeats + 1
            if new:
                yield new

    def receive(self) -> list[DeadLetterMessage]:
        """Receive the next messages, up to ten; an empty list if no more can be received."""
        self._keep_hidden()
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_RECEIVED,
            VisibilityTimeout=self._count_hidden_seconds(),
            WaitTimeSeconds=WAIT_SECONDS,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found = [self._read_message(raw) for raw in answer.get("Messages", [])]
        self._receipts |= {message.id: message.raw["ReceiptHandle"] for message in found}
        self._groups |= {message.id: message.group or "" for message in found}
        # SQS may deliver a deleted message again, and the sent one is another message:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
        self.delete(message for message in found if message.id in self._deleted)
        return found

    def send_back(self, messages: Sequence[DeadLetterMessage]) -> MoveResult:
        """Send messages to the queue in batches, and delete here what was sent.

        In a FIFO queue, a message that cannot be sent stops the later ones of its group.
        """
        result = MoveResult()
        for some in sending.split(messages):
            with suppress(*get_sdk_errors()):  # what reappears is deleted all the same
                self._keep_hidden()
            sent = sending.send(
                self._client, self._deployment.needed_queue_url, some, self._blocked
            )
            failed = dict(self.delete([message for message, _ in sent.sent]))
            result.moved += [pair for pair in sent.sent if pair[0] not in failed]
            result.add(MoveResult([], [*failed.items()], sent.unsent, sent.uncertain, sent.error))
            if failed or sent.error:
                break
        return result

    def delete(self, messages: Iterable[DeadLetterMessage]) -> list[tuple[DeadLetterMessage, str]]:
        """Delete messages in batches; return those that could not be deleted, with the reasons."""
        left = []
        for some in sending.split([*messages]):
            receipts = [(message, self._receipts[message.id]) for message in some]
            failed = sending.delete(self._client, self._url, receipts)
            kept = {message.id for message, _ in failed}  # released at the end
            for message in some:
                if message.id not in kept:
                    del self._receipts[message.id]
                    self._deleted.add(message.id)
            left += failed
        return left

    def release(self) -> None:
        """Make the remaining messages visible. If that fails, they reappear by themselves."""
        left, self._receipts = list(self._receipts.values()), {}
        for receipts in sending.split(left):
            if stopping.is_urgent():
                return
            with suppress(*get_sdk_errors()):
                self._set_visibility(receipts, 0)

    def has_come_back(self, message: DeadLetterMessage, moved: set[str] | frozenset[str]) -> bool:
        """Return whether a message was sent after this began, like a moved one that came back.

        AWS's clock is known in whole seconds. Within the first second, the key of a moved message
        decides.
        """
        margin = 0 if moved & message.record_ids else 1000
        return message.sent_at >= self.started + margin

    def _count_hidden_seconds(self) -> int:
        """Return for how long messages are hidden now.

        It grows with the time that the look takes. Otherwise, a look at very many messages would
        do nothing but hide them again.
        """
        elapsed = (self._clock.monotonic() - self._began) // 1000
        return min(max(HIDDEN_SECONDS, 2 * elapsed), MOST_HIDDEN_SECONDS)

    def _keep_hidden(self) -> None:
        """Hide the held messages again, before they reappear in a long look."""
        now, seconds = self._clock.monotonic(), self._count_hidden_seconds()
        if now - self._renewed < HIDDEN_SECONDS * 1000 // 2:
            return
        self._renewed = now
        for receipts in sending.split([*self._receipts.values()]):
            self._set_visibility(receipts, seconds)

    def _set_visibility(self, receipts: Sequence[str], seconds: int) -> None:
        entries = [
            {"Id": str(position), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
            for position, receipt in enumerate(receipts)
        ]
        self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

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
