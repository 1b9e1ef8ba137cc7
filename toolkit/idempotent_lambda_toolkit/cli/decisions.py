"""What a person decides: forget a key, resolve a parked one, send dead letters back.

Each is planned by a look, shown, confirmed, and carried out only on what was shown.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda.clock import Seconds
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import dead_letters, records
from idempotent_lambda_toolkit.cli.dead_letters import (
    DeadLetterMessage,
    QueueSnapshot,
    ReceivedMessages,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment, translate_error
from idempotent_lambda_toolkit.cli.exit_codes import PartlyDoneError, RefusedError


@dataclass(frozen=True, slots=True)
class Copies:
    """The messages in the dead-letter queue that concern a parked record.

    Attributes:
        unlocking: they bear its owner token.
        others: they have its key and not its token: SQS moved them, or they are of an earlier
            parking.
        whole: whether the dead-letter queue was seen as a whole.
    """

    unlocking: list[DeadLetterMessage]
    others: list[DeadLetterMessage]
    whole: bool

    @classmethod
    def from_snapshot(cls, record: Record, snapshot: QueueSnapshot) -> "Copies":
        """Those among the messages that a look found."""
        unlocking = [each for each in snapshot.found if each.is_copy_of(record)]
        others = [
            each
            for each in snapshot.found
            if record.id in each.record_ids and not each.is_copy_of(record)
        ]
        return cls(unlocking, others, snapshot.whole)

    def plain(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "copies": [each.plain() for each in self.unlocking],
            "others": [each.plain() for each in self.others],
            "whole": self.whole,
        }


def find_copies(deployment: Deployment, record: Record) -> Copies:
    """What concerns a record in the dead-letter queue; nothing where that is not known."""
    if deployment.dead_letter_queue_url is None:
        return Copies([], [], whole=False)
    with dead_letters.hold_messages(deployment) as queue:
        return Copies.from_snapshot(record, queue.look())


def explain_kept(record: Record, copies: Copies) -> str | None:
    """Why a parked record has to stay, although no copy of it was found; None if it need not.

    Without its record a copy gets the key that it has by itself, and runs beside what has this one.
    """
    is_given_back = records.is_given_back(record)
    if copies.unlocking or not (is_given_back or record.dead_lettered_at is not None):
        return None
    if not is_given_back and not copies.whole:
        text = "a copy was sent to the dead-letter queue, which could not be seen as a whole"
        return f"{text}: try again in two minutes; if the copy is gone, use forget and redrive"
    text = "its copy is in the queue (or was just redriven)"
    remedy = "wait until it is done or dead-lettered; if the copy is gone, use forget and redrive"
    return f"{text}: {remedy}"


def complete(
    deployment: Deployment, record: Record, retention: Seconds
) -> tuple[Record, list[DeadLetterMessage]]:
    """Complete a parked record, then delete its copies; the record, and what was deleted.

    In this order: a copy that is left over is a duplicate, a record without its copy has lost its
    message. A message that holds other keys too is left.

    Raises:
        RefusedError: the record is not as it was seen; nothing was done.
        PartlyDoneError: it is completed, and a copy could not be deleted.
    """
    after = records.complete(deployment, record, retention)
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
    except (BotoCoreError, ClientError) as error:
        text = f"the record is completed, and its copies could not all be deleted ({error})"
        remedy = "delete what is left there, or redrive it if its key is in it: a duplicate then"
        raise PartlyDoneError(f"{text}: {remedy}") from None
    return after, deleted


def retry(deployment: Deployment, record: Record) -> tuple[Record | None, list[DeadLetterMessage]]:
    """Let a parked key run; its record as it is then, and what was sent back to the queue.

    Copies with its token are sent back: they may claim it as it is. Where there is none, the record
    is deleted first, and then what has its key is sent back: in the other order it would be parked.
    But see `explain_kept`.

    Raises:
        RefusedError: the record is not as it was seen, or its copy may be hidden or in the queue;
            nothing was done.
        PartlyDoneError: the record is deleted, and a message could not be sent back.
    """
    records.require_parked(record)
    if deployment.dead_letter_queue_url is None:
        if problem := explain_kept(record, Copies([], [], whole=False)):
            raise RefusedError(problem)
        records.forget(deployment, record)
        return None, []
    with dead_letters.hold_messages(deployment) as queue:
        copies = Copies.from_snapshot(record, queue.look())
        if copies.unlocking or copies.others:
            _ = deployment.needed_queue_url  # before anything is done
            _require_sendable(deployment)
        if copies.unlocking:
            records.require_unchanged(deployment, record)
            done = Redriven()
            with _add_moved_to_errors(done):
                for message in copies.unlocking:
                    done.moved.append((message, queue.send_back(message)))
            return record, copies.unlocking
        if problem := explain_kept(record, copies):
            raise RefusedError(problem, dead_letters=copies.plain())
        records.forget(deployment, record)
        try:
            for message in copies.others:
                queue.send_back(message)
        except (BotoCoreError, ClientError) as error:
            text = f"the record is deleted, and a message could not be sent back ({error})"
            raise PartlyDoneError(f"{text}: run redrive") from None
        return None, copies.others


def _require_sendable(deployment: Deployment) -> None:
    if deployment.uses_deduplication_ids:
        text = "keys are made of deduplication ids, and a message that is sent back gets a new one"
        remedy = "send it by hand with its id, five minutes after it was sent before"
        raise RefusedError(f"{text}: {remedy}")


@dataclass(slots=True)
class Redriven:
    """What became of the messages of the dead-letter queue.

    Attributes:
        moved: each with the id of the new message; "" where it was only looked at.
        parked: copies of parked messages that were left, as they were not asked for.
        others: what did not fit the filter.
        foreign: what SQS moved there from other queues, whatever the filter.
        whole: whether the dead-letter queue was seen as a whole.
    """

    moved: list[tuple[DeadLetterMessage, str]] = field(default_factory=list)
    parked: list[DeadLetterMessage] = field(default_factory=list)
    others: list[DeadLetterMessage] = field(default_factory=list)
    foreign: list[DeadLetterMessage] = field(default_factory=list)
    whole: bool = True

    @property
    def record_ids(self) -> frozenset[str]:
        """Of the keys in what was moved."""
        return frozenset(each for message, _ in self.moved for each in message.record_ids)

    def plain(self) -> dict[str, Any]:
        """For ``--json``."""
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
    """Send messages of the dead-letter queue back: those that were there when it began.

    Args:
        deployment: whose queues.
        fits: the filter.
        parked: whether copies of parked messages go too.
        limit: how many at most; None for all.
        dry_run: whether to look only.
        seen: told how many were looked at.

    Raises:
        RefusedError: keys are made of deduplication ids.
        PartlyDoneError: a message was sent and could not be deleted, or others were sent before.
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
    """Have an error say what was moved before it."""
    try:
        yield
    except (BotoCoreError, ClientError, PartlyDoneError) as error:
        sent = [f"{message.id} → {new}" for message, new in done.moved if new]
        if not sent:
            raise
        text = f"sent back before: {', '.join(sent)}; run it again for the rest"
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
