"""The operator's decisions about a parked key: complete it, or let it run.

Each command looks, shows its plan, asks for confirmation, and changes only what it has shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from idempotent_lambda.clock import Seconds
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import changes, dead_letters, records, stopping
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.dead_letters import (
    DeadLetterMessage,
    QueueSnapshot,
    ReceivedMessages,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import PartlyDoneError, RefusedError

_UNKNOWN_QUEUE = "no dead-letter queue is known"


@dataclass(frozen=True, slots=True)
class Copies:
    """The messages in the dead-letter queue that concern a parked record.

    Attributes:
        unlocking: messages that carry its owner token.
        others: messages with its key but without its token: SQS moved them, or they are copies of
            an earlier parking.
        snapshot: how much of the dead-letter queue was seen.
    """

    unlocking: list[DeadLetterMessage]
    others: list[DeadLetterMessage]
    snapshot: QueueSnapshot

    @property
    def whole(self) -> bool:
        """Whether all messages in the dead-letter queue were seen."""
        return self.snapshot.whole

    @classmethod
    def from_snapshot(cls, record: Record, snapshot: QueueSnapshot) -> "Copies":
        """Select the messages that concern the record."""
        unlocking, others = [], []
        for message in snapshot.found:
            if message.is_copy_of(record):
                unlocking.append(message)
            elif record.id in message.record_ids:
                others.append(message)
        return cls(unlocking, others, snapshot)

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "copies": [message.plain() for message in self.unlocking],
            "others": [message.plain() for message in self.others],
            "whole": self.whole,
        }


@dataclass(frozen=True, slots=True)
class Completed:
    """A record that was completed, and its messages.

    Attributes:
        record: the record afterwards.
        deleted: messages that were deleted from the dead-letter queue.
        remaining: messages with its key that are still there, each with the reason.
        unseen: the reason why other messages could not be seen; None if all were seen.
    """

    record: Record
    deleted: list[DeadLetterMessage]
    remaining: list[tuple[DeadLetterMessage, str]]
    unseen: str | None

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "deleted": [message.plain() for message in self.deleted],
            "remaining": [{**message.plain(), "reason": why} for message, why in self.remaining],
            "unseen": self.unseen,
        }


def find_copies(
    deployment: Deployment,
    record: Record,
    *,
    until_found: bool = False,
    seen: Callable[[int], None] = lambda _count: None,
) -> Copies:
    """Find the messages that concern a record; none if the dead-letter queue is not known.

    Args:
        deployment: the consumer.
        record: the record.
        until_found: whether to stop at the copy that can claim the record.
        seen: a callback for the number of messages looked at.

    Raises:
        StopSignal: a signal has arrived.
    """
    if deployment.dead_letter_queue_url is None:
        return _find_nothing()
    with dead_letters.hold_messages(deployment) as queue:
        wanted = _is_copy_of(record) if until_found else None
        return Copies.from_snapshot(record, queue.look(wanted, seen))


def _find_nothing() -> Copies:
    return Copies([], [], QueueSnapshot(found=[], unseen=_UNKNOWN_QUEUE))


def _is_copy_of(record: Record) -> Callable[[DeadLetterMessage], bool]:
    return lambda message: message.is_copy_of(record)


def explain_kept(record: Record, copies: Copies) -> str | None:
    """Return why a parked record must stay although no copy was found; None if it may go.

    Without its record, a copy runs under the key of its content, in addition to this key.
    """
    is_given_back = records.is_given_back(record)
    if copies.unlocking or not (is_given_back or record.dead_lettered_at is not None):
        return None
    if not is_given_back and not copies.whole:
        text = "a copy was sent to the dead-letter queue, where not all messages could be seen"
        remedy = "if the copy is gone, use forget and redrive"
        return f"{text}: {copies.snapshot.unseen}; {remedy}"
    text = "its copy is in the queue (or was just redriven)"
    remedy = "wait until it is done or dead-lettered; if the copy is gone, use forget and redrive"
    return f"{text}: {remedy}"


def complete(
    deployment: Deployment,
    record: Record,
    retention: Seconds,
    result: str | None = None,
    seen: Callable[[int], None] = lambda _count: None,
) -> Completed:
    """Complete a parked record, then delete its copies.

    The order matters: a copy that is left over is a duplicate, but a record without its copy has
    lost its message. A message that contains other keys too is not deleted.

    Raises:
        RefusedError: the record has changed since it was shown; nothing was done.
        PartlyDoneError: the record is completed, but a copy could not be deleted.
        CommandError: the record is completed, but a signal stopped the search for its copies.
    """
    after = changes.complete(deployment, record, retention, result)
    if deployment.dead_letter_queue_url is None:
        return Completed(after, [], [], _UNKNOWN_QUEUE)
    remedy = "a copy that is left over is a duplicate: redrive it or delete it with discard"
    try:
        with dead_letters.hold_messages(deployment) as queue:
            copies = Copies.from_snapshot(record, queue.look(seen=seen))
            single = [each for each in copies.others if each.record_ids == {record.id}]
            to_delete = [*copies.unlocking, *single]
            failed = dict(queue.delete(to_delete))
    except stopping.StopSignal:
        text = f"the record is completed, but its copies were not deleted; {remedy}"
        raise stopping.build_error(text) from None
    except get_sdk_errors() as error:
        text = f"the record is completed, but its copies could not be deleted ({error})"
        raise PartlyDoneError(f"{text}; {remedy}") from None
    wrapping = [message for message in copies.others if message not in single]
    kept = [(message, "it contains other keys too") for message in wrapping]
    deleted = [message for message in to_delete if message not in failed]
    done = Completed(after, deleted, [*failed.items(), *kept], copies.snapshot.unseen)
    if failed:
        text = "the record is completed, but not all its copies could be deleted"
        which = ", ".join(f"{message.id} ({why})" for message, why in failed.items())
        raise PartlyDoneError(f"{text}: {which}; {remedy}", **done.plain())
    return done


def retry(
    deployment: Deployment,
    record: Record,
    seen: Callable[[int], None] = lambda _count: None,
) -> tuple[Record | None, list[DeadLetterMessage]]:
    """Let a parked key run; return its record afterwards, and the messages that were sent back.

    Copies with its token are sent back: they can claim the parked record. Without such a copy, the
    record is deleted first, and then the messages with its key are sent back; in the other order
    they would be parked. `explain_kept` gives the exception.

    Raises:
        RefusedError: the record has changed since it was shown, or its copy may be hidden or in the
            queue; nothing was done.
        PartlyDoneError: the record is deleted, but a message could not be sent back.
        StopSignal: a signal has stopped the search for its copies; nothing was done.
    """
    changes.require_parked(record)
    if deployment.dead_letter_queue_url is None:
        if problem := explain_kept(record, _find_nothing()):
            raise RefusedError(problem)
        changes.forget(deployment, record)
        return None, []
    with dead_letters.hold_messages(deployment) as queue:
        copies = Copies.from_snapshot(record, queue.look(_is_copy_of(record), seen))
        if copies.unlocking or copies.others:
            _ = deployment.needed_queue_url  # raises before anything is done
            require_sendable(deployment)
        if copies.unlocking:
            changes.require_unchanged(deployment, record)
            _send_back(queue, copies.unlocking, "the record is still parked")
            return record, copies.unlocking
        if problem := explain_kept(record, copies):
            raise RefusedError(problem, dead_letters=copies.plain())
        changes.forget(deployment, record)
        _send_back(queue, copies.others, "the record is deleted")
        return None, copies.others


def _send_back(queue: ReceivedMessages, messages: Sequence[DeadLetterMessage], before: str) -> None:
    """Send messages back.

    Raises:
        PartlyDoneError: a message could not be sent or deleted.
    """
    result = queue.send_back(messages)
    if result.is_complete:
        return
    text = f"{before}, but not every message could be sent back"
    if result.error:
        text += f" ({result.error})"
    if result.moved:
        text += f"; sent back: {', '.join(message.id for message, _ in result.moved)}"
    parts = [text, *result.explain(), "run redrive for the rest"]
    raise PartlyDoneError("; ".join(parts), **result.plain())


def require_sendable(deployment: Deployment) -> None:
    """Continue only if a message keeps its key when it is sent back.

    Raises:
        RefusedError: keys contain deduplication ids.
    """
    if deployment.uses_deduplication_ids:
        text = "keys contain deduplication ids, and a message that is sent back gets a new one"
        remedy = "send it yourself with its old id, five minutes after it was last sent"
        raise RefusedError(f"{text}: {remedy}")
