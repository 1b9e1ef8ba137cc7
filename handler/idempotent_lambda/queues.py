"""The only module that talks to SQS. It postpones messages and sends copies of parked ones.

The client is created at the first use, which never comes in most processes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, Protocol

from idempotent_lambda.clients import NO_TIME_LEFT, Failure, explain_failure, new_client
from idempotent_lambda.clock import REQUEST_MILLIS, Deadline, EpochMillis
from idempotent_lambda.errors import IdempotencyError, StoreError, StoreRefusedError
from idempotent_lambda.observer import Observer
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, write_mark
from idempotent_lambda.sources.delivery import Delivery

POSTPONED_AFTER_LEASE_MILLIS = 2000
"""The time after the end of a live lease until its message may be received again."""

MAX_VISIBILITY_SECONDS = 43_200
MAX_ENTRIES = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html"""

MAX_ATTRIBUTES = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""

QUEUE_REMEDY = "check the queue's URL, the role's permissions and the message"

HeldDelivery = tuple[Delivery, EpochMillis]
"""A message whose key has a live lease, and the end of that lease."""


class Queues(Protocol):
    """The requests of a batch to the queues."""

    def postpone(
        self, failed: Iterable[Delivery], in_progress: Sequence[HeldDelivery], deadline: Deadline
    ) -> None:
        """Postpone messages in progress, and the rest of their groups, until their leases end.

        If this fails, the messages come after the queue's visibility timeout.
        """

    def dead_letter(self, leader: Delivery, record_id: str, owner: Owner, by: Deadline) -> None:
        """Send a copy that carries the owner token to the dead-letter queue.

        Raises:
            StoreError: the copy is not sent, or it is not known to be sent.
        """


class SqsQueues:
    """The queue that messages come from, and the dead-letter queue."""

    def __init__(self, dead_letter_queue_url: str | None, observer: Observer) -> None:
        self._dead_letter_queue_url = dead_letter_queue_url
        self._observer = observer

    @cached_property
    def _client(self) -> Any:
        return new_client("sqs")

    def postpone(
        self, failed: Iterable[Delivery], in_progress: Sequence[HeldDelivery], deadline: Deadline
    ) -> None:
        """See `Queues.postpone`."""
        postponements = compute_postponements(failed, in_progress, deadline.clock.now())
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
            for place, (delivery, seconds) in enumerate(postponements)
            if isinstance(receipt := delivery.raw.get("receiptHandle"), str)
        ]
        try:
            for start in range(0, len(entries), MAX_ENTRIES):
                if not deadline.allows(REQUEST_MILLIS):
                    break
                self._change_visibility(in_progress, entries[start : start + MAX_ENTRIES])
        except Exception as error:  # noqa: BLE001  # the batch needs its response, whatever the error
            self._observer.report_visibility_change_failed(
                _build_error("ChangeMessageVisibility", error)
            )

    def _change_visibility(
        self, in_progress: Sequence[HeldDelivery], entries: list[dict[str, object]]
    ) -> None:
        arns = (delivery.raw.get("eventSourceARN") for delivery, _ in in_progress)
        # All messages come from one queue, even if a damaged record names another.
        ((arn, _),) = Counter(arn for arn in arns if isinstance(arn, str)).most_common(1)
        account, name = arn.split(":")[-2:]
        url = f"{self._client.meta.endpoint_url}/{account}/{name}"
        answer = self._client.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        for refusal in answer.get("Failed", ()):
            failure = Failure(str(refusal.get("Code")), refusal.get("Message", ""))
            self._observer.report_visibility_change_failed(
                failure.build_error("ChangeMessageVisibility", QUEUE_REMEDY)
            )

    def dead_letter(self, leader: Delivery, record_id: str, owner: Owner, by: Deadline) -> None:
        """See `Queues.dead_letter`."""
        url = self._dead_letter_queue_url
        if not url:
            problem = "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL is not set"
            raise Failure("NoQueue", problem, "set the variable").build_error("SendMessage")
        call = leader.build_copy()
        attributes = call["MessageAttributes"]
        mark = write_mark(owner, record_id, leader)
        attributes[TOKEN_ATTRIBUTE] = {"DataType": "String", "StringValue": mark}
        if len(attributes) > MAX_ATTRIBUTES:
            problem = f"{MAX_ATTRIBUTES} attributes leave no room for a token"
            remedy = f"let the sender use {MAX_ATTRIBUTES - 1} at most, or put one into the body"
            raise Failure("TooManyAttributes", problem, remedy).build_error("SendMessage")
        if not by.allows(REQUEST_MILLIS):
            raise NO_TIME_LEFT.build_error("SendMessage")
        if url.endswith(".fifo"):
            # Messages of a standard queue have no order, so their groups give their copies none.
            if leader.group is None or "MessageGroupId" not in call:
                call["MessageGroupId"] = _hash_text(record_id)
            # If the same copy is sent twice within five minutes, it arrives once.
            call["MessageDeduplicationId"] = _hash_text(f"{owner} {record_id}")
        try:
            # SQS never answers without an id.
            self._client.send_message(QueueUrl=url, **call)["MessageId"]
        except Exception as error:  # noqa: BLE001  # strange answers make the SDK raise anything
            raise _build_error("SendMessage", error) from None


def compute_postponements(
    failed: Iterable[Delivery], in_progress: Sequence[HeldDelivery], now: EpochMillis
) -> list[tuple[Delivery, int]]:
    """Return messages in progress and their groups, each with the seconds to postpone it."""
    lease_ends: dict[str, EpochMillis] = {}
    # If several leases are live, the last one counts.
    for delivery, lease_end in sorted(in_progress, key=itemgetter(1)):
        lease_ends[delivery.group or delivery.id] = lease_end
    # Messages from one record share its id.
    postponed: dict[str, tuple[Delivery, int]] = {}
    for delivery in failed:
        end = lease_ends.get(delivery.group or delivery.id)
        if end is not None and delivery.can_be_postponed:
            seconds = _ceil_seconds(end - now + POSTPONED_AFTER_LEASE_MILLIS)
            postponed[delivery.id] = delivery, max(0, min(MAX_VISIBILITY_SECONDS, seconds))
    return list(postponed.values())


def _ceil_seconds(millis: int) -> int:
    return -(-millis // 1000)


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _build_error(operation: str, problem: Exception) -> StoreError:
    if isinstance(problem, IdempotencyError):
        return StoreRefusedError(operation, f"{operation}: {problem}", maybe_written=False)
    return explain_failure(problem).build_error(operation, QUEUE_REMEDY)
