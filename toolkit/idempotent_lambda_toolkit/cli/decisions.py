"""The operator's decisions: forget a key, resolve a parked one, send dead letters back.

Each command looks, shows its plan, asks for confirmation, and changes only what it has shown.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.clock import Seconds
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import changes, dead_letters, records
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors, translate_error
from idempotent_lambda_toolkit.cli.dead_letters import (
    DeadLetterMessage,
    QueueSnapshot,
    ReceivedMessages,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import PartlyDoneError, RefusedError


@dataclass(frozen=True, slots=True)
class Copies:
    """The messages in the dead-letter queue that concern a parked record.

    Attributes:
        unlocking: messages that carry its owner token.
        others: messages with its key but without its token: SQS moved them, or they are copies of
            an earlier parking.
        whole: whether all messages in the dead-letter queue were seen.
    """

    unlocking: list[DeadLetterMessage]
    others: list[DeadLetterMessage]
    whole: bool

    @classmethod
    def from_snapshot(cls, record: Record, snapshot: QueueSnapshot) -> "Copies":
        """Select the messages that concern the record."""
        unlocking = [each for each in snapshot.found if each.is_copy_of(record)]
        others = [
            each
            for each in snapshot.found
            if record.id in each.record_ids and not each.is_copy_of(record)
        ]
        return cls(unlocking, others, snapshot.whole)

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "copies": [each.plain() for each in self.unlocking],
            "others": [each.plain() for each in self.others],
            "whole": self.whole,
        }


def find_copies(deployment: Deployment, record: Record) -> Copies:
    """Find the messages that concern a record; none if the dead-letter queue is not known."""
    if deployment.dead_letter_queue_url is None:
        return Copies([], [], whole=False)
    with dead_letters.hold_messages(deployment) as queue:
        return Copies.from_snapshot(record, queue.look())


def explain_kept(record: Record, copies: Copies) -> str | None:
    """Return why a parked record must stay although no copy was found; None if it may go.

    Without its record, a copy runs under the key of its content, in addition to this key.
    """
    is_given_back = records.is_given_back(record)
    if copies.unlocking or not (is_given_back or record.dead_lettered_at is not None):
        return None
    if not is_given_back and not copies.whole:
        text = "a copy was sent to the dead-letter queue, where not all messages could be seen"
        return f"{text}: try again in two minutes; if the copy is gone, use forget and redrive"
    text = "its copy is in the queue (or was just redriven)"
    remedy = "wait until it is done or dead-lettered; if the copy is gone, use forget and redrive"
    return f"{text}: {remedy}"


def complete(
    deployment: Deployment, record: Record, retention: Seconds, result: str | None = None
) -> tuple[Record, list[DeadLetterMessage]]:
    """Complete a record, then delete its copies; return the record and the deleted messages.

    The order matters: a copy that is left over is a duplicate, but a record without its copy has
    lost its message. A message that contains other keys too is not deleted.

    Raises:
        RefusedError: the record has changed since it was shown; nothing was done.
        PartlyDoneError: the record is completed, but a copy could not be deleted.
    """
    after = changes.complete(deployment, record, retention, result)
    if deployment.dead_letter_queue_url is None:
        return after, []
    deleted = []
    try:
        with dead_letters.hold_messages(deployment) as queue:
            copies = Copies.from_snapshot(record, queue.look())
            single = [each for each in copies.others if each.record_ids == {record.id}]
            for message in (*copies.unlocking, *single):
                queue.delete(message)
                deleted.append(message)
    except get_sdk_errors() as error:
        text = f"the record is completed, but not all its copies could be deleted ({error})"
        remedy = "delete each copy that is left; one that contains its key may also be redriven"
        raise PartlyDoneError(f"{text}: {remedy}") from None
    return after, deleted


def retry(deployment: Deployment, record: Record) -> tuple[Record | None, list[DeadLetterMessage]]:
    """Let a parked key run; return its record afterwards, and the messages that were sent back.

    Copies with its token are sent back: they can claim the parked record. Without such a copy, the
    record is deleted first, and then the messages with its key are sent back; in the other order
    they would be parked. `explain_kept` gives the exception.

    Raises:
        RefusedError: the record has changed since it was shown, or its copy may be hidden or in the
            queue; nothing was done.
        PartlyDoneError: the record is deleted, but a message could not be sent back.
    """
    changes.require_parked(record)
    if deployment.dead_letter_queue_url is None:
        if problem := explain_kept(record, Copies([], [], whole=False)):
            raise RefusedError(problem)
        changes.forget(deployment, record)
        return None, []
    with dead_letters.hold_messages(deployment) as queue:
        copies = Copies.from_snapshot(record, queue.look())
        if copies.unlocking or copies.others:
            _ = deployment.needed_queue_url  # raises before anything is done
            _require_sendable(deployment)
        if copies.unlocking:
            changes.require_unchanged(deployment, record)
            done = Redriven()
            with _add_moved_to_errors(done):
                for message in copies.unlocking:
                    done.moved.append((message, queue.send_back(message)))
            return record, copies.unlocking
        if problem := explain_kept(record, copies):
            raise RefusedError(problem, dead_letters=copies.plain())
        changes.forget(deployment, record)
        try:
            for message in copies.others:
                queue.send_back(message)
        except get_sdk_errors() as error:
            text = f"the record is deleted, but a message could not be sent back ({error})"
            raise PartlyDoneError(f"{text}: run redrive") from None
        return None, copies.others


def _require_sendable(deployment: Deployment) -> None:
    if deployment.uses_deduplication_ids:
        text = "keys contain deduplication ids, and a message that is sent back gets a new one"
        remedy = "send it yourself with its old id, five minutes after it was last sent"
        raise RefusedError(f"{text}: {remedy}")


@dataclass(slots=True)
class Redriven:
    """The messages of the dead-letter queue after a redrive.

    Attributes:
        moved: messages that were sent back, each with the id of the new message; "" on a dry run.
        parked: copies of parked messages that stay, because nobody asked for them.
        others: messages that do not match the filter, or have come back.
        foreign: messages that SQS moved there from other queues, whether they match or not.
        whole: whether all messages in the dead-letter queue were seen.
    """

    moved: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    parked: list[DeadLetterMessage] = field(default_factory=list)
    others: list[DeadLetterMessage] = field(default_factory=list)
    foreign: list[DeadLetterMessage] = field(default_factory=list)
    whole: bool = True

    @property
    def record_ids(self) -> frozenset[str]:
        """The record ids of the keys in the moved messages."""
        return frozenset(each for message, _ in self.moved for each in message.record_ids)

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "moved": [{**each.plain(), "new_message_id": new} for each, new in self.moved],
            "left": {
                "parked_copies": len(self.parked),
                "not_matching": len(self.others),
                "of_other_queues": len(self.foreign),
            },
            "whole": self.whole,
        }


def redrive(
    deployment: Deployment,
    fits: Callable[[DeadLetterMessage], bool],
    *,
    parked: bool,
    limit: int | None,
    dry_run: bool,
    seen: Callable[[int], None],
) -> Redriven:
    """Send back the messages that were in the dead-letter queue when the command began.

    Args:
        deployment: the consumer.
        fits: the filter.
        parked: whether copies of parked messages are sent back too.
        limit: the most messages to send; None for all.
        dry_run: whether to send nothing.
        seen: a callback for the number of messages looked at.

    Raises:
        RefusedError: keys contain deduplication ids.
        PartlyDoneError: a message was sent but could not be deleted, or an error came after others
            were sent.
    """
    _require_sendable(deployment)
    done, known = Redriven(), set[str]()
    with _add_moved_to_errors(done), dead_letters.hold_messages(deployment) as queue:
        while limit is None or len(done.moved) < limit:
            new = [each for each in queue.receive() if each.id not in known]
            if not new:
                done.whole = queue.whole
                break
            known |= {each.id for each in new}
            seen(len(known))
            for message in new:
                if limit is not None and len(done.moved) >= limit:
                    break
                _take(queue, message, fits, done, parked=parked, dry_run=dry_run)
    return done


@contextmanager
def _add_moved_to_errors(done: Redriven) -> Iterator[None]:
    """Add the messages that were moved before an error to its text."""
    try:
        yield
    except get_sdk_errors(PartlyDoneError) as error:
        sent = [f"{message.id} → {new}" for message, new in done.moved if new]
        if not sent:
            raise
        text = f"sent back before: {', '.join(sent)}; run the command again for the rest"
        details = {**getattr(error, "details", {}), **done.plain()}
        raise PartlyDoneError(f"{translate_error(error) or error}; {text}", **details) from None


def _take(
    queue: ReceivedMessages,
    message: DeadLetterMessage,
    fits: Callable[[DeadLetterMessage], bool],
    done: Redriven,
    *,
    parked: bool,
    dry_run: bool,
) -> None:
    if message.foreign:
        done.foreign.append(message)
    elif not fits(message) or queue.has_come_back(message, done.record_ids):
        done.others.append(message)
    elif message.token is not None and not parked:
        done.parked.append(message)
    else:
        done.moved.append((message, "" if dry_run else queue.send_back(message)))
