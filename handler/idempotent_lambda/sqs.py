"""The only module that talks to SQS: postpones what is busy, sends copies of what is parked away.

Its client is made when it is first needed, which in most processes is never.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, Protocol

from idempotent_lambda.claims import Owner
from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import REQUEST_MILLIS, Deadline, EpochMillis
from idempotent_lambda.errors import (
    NO_TIME,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)  # fmt: skip
from idempotent_lambda.messages import TOKEN_ATTRIBUTE, Delivery, Source, write_mark
from idempotent_lambda.telemetry import Observer

AFTER_LEASE_MILLIS = 2000
"""How long after a live lease its message may be received again."""

MAXIMUM_VISIBILITY_SECONDS = 43_200
MOST_ENTRIES = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html"""

MOST_ATTRIBUTES = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""


Met = Sequence[tuple[Delivery, EpochMillis]]
"""Messages that met a live lease, with its end."""


class Queues(Protocol):
    """What a batch asks of the queues."""

    def postpone(self, failed: Iterable[Delivery], met: Met, deadline: Deadline) -> None:
        """Have what is busy, and the failed rest of its group, delivered when its lease is over.

        As best one can: otherwise it comes after the queue's visibility timeout.
        """

    def dead_letter(self, leader: Delivery, record_id: str, owner: Owner, by: Deadline) -> None:
        """Send a copy that bears the owner token to the dead-letter queue.

        Raises:
            StoreError: it is not sent, or not known to be.
        """


class SqsQueues:
    """The queue that messages come from, and its dead-letter queue."""

    def __init__(self, dead_letter_queue_url: str | None, observer: Observer) -> None:
        self._dead_letter_queue_url = dead_letter_queue_url
        self._observer = observer

    @cached_property
    def _client(self) -> Any:
        return new_client("sqs")

    def postpone(self, failed: Iterable[Delivery], met: Met, deadline: Deadline) -> None:
        """See `Queues.postpone`."""
        names = ("Id", "ReceiptHandle", "VisibilityTimeout")
        found = postponements(failed, met, deadline.clock.now())
        left = [
            dict(zip(names, (str(place), each.raw["receiptHandle"], seconds), strict=True))
            for place, (each, seconds) in enumerate(found)
            if isinstance(each.raw.get("receiptHandle"), str)
        ]
        try:
            while left and deadline.allows(REQUEST_MILLIS):
                part, left = left[:MOST_ENTRIES], left[MOST_ENTRIES:]
                arns = (each.raw.get("eventSourceARN") for each, _ in met)
                # All come from one queue, whatever a damaged record says of itself.
                ((arn, _),) = Counter(arn for arn in arns if isinstance(arn, str)).most_common(1)
                url = self._url(arn)
                answer = self._client.change_message_visibility_batch(QueueUrl=url, Entries=part)
                for each in answer.get("Failed", ()):
                    self._observer.not_postponed(_refused("ChangeMessageVisibility", each))
        except Exception as error:  # noqa: BLE001  # whatever it is, the batch has its answer to give
            self._observer.not_postponed(_refused("ChangeMessageVisibility", error))

    def dead_letter(self, leader: Delivery, record_id: str, owner: Owner, by: Deadline) -> None:
        """See `Queues.dead_letter`."""
        url = self._dead_letter_queue_url
        if not url:
            raise _refused("SendMessage", "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL is not set")
        attributes = _attributes(leader, write_mark(owner, record_id, leader))
        if len(attributes) > MOST_ATTRIBUTES:
            raise _refused("SendMessage", f"{MOST_ATTRIBUTES} attributes leave no room for a token")
        if not by.allows(REQUEST_MILLIS):
            problem = "no time is left to send a copy to the dead-letter queue"
            raise StoreUnavailableError(NO_TIME, problem, maybe_written=False)
        call = {"QueueUrl": url, "MessageBody": leader.copy_body()}
        if url.endswith(".fifo"):
            # The same copy sent twice within five minutes arrives once.
            once, key = (
                hashlib.sha256(each.encode()).hexdigest()
                for each in (f"{owner} {record_id}", record_id)
            )
            group = (leader.group or "").rpartition(" ")[2] if leader.source is Source.SQS else ""
            call |= {"MessageGroupId": group or key, "MessageDeduplicationId": once}
        try:
            # Without its id the answer is none that SQS gives.
            self._client.send_message(**call, MessageAttributes=attributes)["MessageId"]
        except Exception as error:  # noqa: BLE001  # what the SDK makes of strange answers too
            raise _refused("SendMessage", error) from None

    def _url(self, arn: str) -> str:
        account, name = arn.split(":")[-2:]
        return f"{self._client.meta.endpoint_url}/{account}/{name}"


def postponements(
    failed: Iterable[Delivery], met: Met, now: EpochMillis
) -> list[tuple[Delivery, int]]:
    """What to postpone by how many seconds: what met a live lease, and the rest of its group."""
    # The last lease counts, where several were met.
    ends = {each.group or each.id: end for each, end in sorted(met, key=itemgetter(1))}
    # Messages that came in one record share its id.
    found = {
        each.id: (each, -(-(ends[each.group or each.id] - now + AFTER_LEASE_MILLIS) // 1000))
        for each in failed
        if each.source is Source.SQS and (each.group or each.id) in ends
    }
    return [
        (each, max(0, min(MAXIMUM_VISIBILITY_SECONDS, after))) for each, after in found.values()
    ]


def _refused(operation: str, problem: object) -> StoreError:
    text = f"{operation}: {problem}; check the queue's URL, the role's permissions and the message"
    return StoreRefusedError(operation, text, maybe_written=False)


def _attributes(delivery: Delivery, marked: str) -> dict[str, dict[str, Any]]:
    """The attributes of a copy, as SendMessage takes them.

    Raises:
        StoreRefusedError: those of the message are not as SQS documents them.
    """
    attributes: dict[str, dict[str, Any]] = {}
    try:
        if delivery.source is Source.SQS:
            for name, of in (delivery.raw.get("messageAttributes") or {}).items():
                attributes[name] = {"DataType": of["dataType"]}
                if of.get("binaryValue") is not None:
                    attributes[name]["BinaryValue"] = base64.b64decode(of["binaryValue"])
                else:
                    attributes[name]["StringValue"] = of.get("stringValue")
    except (AttributeError, KeyError, TypeError, ValueError):
        problem = "the message has attributes that are not as SQS documents them"
        raise _refused("SendMessage", problem) from None
    return attributes | {TOKEN_ATTRIBUTE: {"DataType": "String", "StringValue": marked}}
