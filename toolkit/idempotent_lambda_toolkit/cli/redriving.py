"""Sends the messages of the dead-letter queue back to the queue, in batches."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda_toolkit.cli import dead_letters, decisions, stopping
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors
from idempotent_lambda_toolkit.cli.dead_letters import (
    DeadLetterMessage,
    MoveResult,
    ReceivedMessages,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import UsageError
from idempotent_lambda_toolkit.cli.selecting import MessageFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The messages that a redrive sends back.

    Attributes:
        fits: the filter.
        excepted: filters for messages that stay, each by the option's value.
        parked: whether copies of parked messages are sent back too.
        refused: whether messages are sent back that the function refuses at each delivery.
        message_id: the id of the only message; None if there may be several.
        limit: the most messages to send; None for all.
    """

    fits: MessageFilter = lambda _message: True
    excepted: Mapping[str, MessageFilter] = field(default_factory=dict)
    parked: bool = False
    refused: bool = False
    message_id: str | None = None
    limit: int | None = None


@dataclass(slots=True)
class Redriven:
    """The messages of the dead-letter queue after a redrive.

    Attributes:
        result: messages that were sent back, or could not be. On a dry run, their new ids are "".
        parked: copies of parked messages that stay, because nobody asked for them.
        refused: messages that stay because the function refuses them at each delivery.
        excepted: the number of messages that stay because of each exception.
        others: messages that do not match the filter, or have come back.
        foreign: messages that SQS moved there from other queues, whether they match or not.
        seen: the number of messages looked at.
        expected: about how many messages there were.
        unseen: the reason why other messages could not be seen; None if there is no such reason.
        found_enough: whether it ended because the one message was found, or at the limit.
        stopped: whether a signal stopped it.
        record_ids: the record ids of the keys in the moved messages.
    """

    result: MoveResult = field(default_factory=MoveResult)
    parked: list[DeadLetterMessage] = field(default_factory=list)
    refused: list[DeadLetterMessage] = field(default_factory=list)
    excepted: Counter[str] = field(default_factory=Counter)
    others: list[DeadLetterMessage] = field(default_factory=list)
    foreign: list[DeadLetterMessage] = field(default_factory=list)
    seen: int = 0
    expected: int = 0
    unseen: str | None = None
    found_enough: bool = False
    stopped: bool = False
    record_ids: set[str] = field(default_factory=set)

    @property
    def whole(self) -> bool:
        """Whether all messages in the dead-letter queue were seen."""
        return self.unseen is None and not self.found_enough and not self.stopped

    def describe(self) -> str:
        """Return how much of the dead-letter queue was seen."""
        return dead_letters.describe_look(
            seen=self.seen,
            expected=self.expected,
            unseen=self.unseen,
            found_enough=self.found_enough,
        )

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            **self.result.plain(),
            "left": {
                "parked_copies": len(self.parked),
                "refused": len(self.refused),
                "excepted": dict(self.excepted),
                "not_matching": len(self.others),
                "of_other_queues": len(self.foreign),
            },
            "refused": [message.plain() for message in self.refused],
            "seen": self.seen,
            "unseen": self.unseen,
            "whole": self.whole,
            "stopped": self.stopped,
        }


def require_two_queues(deployment: Deployment) -> None:
    """Continue only if the messages come from another queue than the one that they go to.

    Raises:
        UsageError: they are the same queue.
    """
    source, target = deployment.needed_dead_letter_queue_url, deployment.needed_queue_url
    client = deployment.client("sqs")
    found = [
        client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        for url in (source, target)
    ]
    arns = {answer["Attributes"]["QueueArn"] for answer in found}
    if len(arns) == 1:
        text = f"the queue and its dead-letter queue are the same: {arns.pop()}"
        raise UsageError(f"{text}; check --queue-url and --dead-letter-queue-url")


def redrive(
    deployment: Deployment,
    selection: Selection,
    *,
    dry_run: bool,
    seen: Callable[[int], None],
) -> Redriven:
    """Send back the messages that were in the dead-letter queue when the command began.

    An error of AWS or a signal ends it early; the result has what was done until then.

    Args:
        deployment: the consumer.
        selection: the messages to send.
        dry_run: whether to send nothing.
        seen: a callback for the number of messages looked at.

    Raises:
        RefusedError: keys contain deduplication ids.
    """
    decisions.require_sendable(deployment)
    done = Redriven()
    with dead_letters.hold_messages(deployment) as queue, _keep_error(done.result):
        for new in queue.receive_all():
            done.seen += len(new)
            chosen = _choose(queue, new, selection, done)
            if dry_run:
                done.result.moved += [(message, "") for message in chosen]
            else:
                done.result.add(queue.send_back(chosen))
            seen(done.seen)
            done.found_enough = _has_enough(done, selection)
            if done.found_enough or done.result.error or done.result.undeleted:
                break
        done.expected = queue.expected
        done.unseen = None if done.found_enough else queue.unseen
        done.stopped = stopping.is_requested() and not done.found_enough
    return done


@contextmanager
def _keep_error(result: MoveResult) -> Iterator[None]:
    """Keep an error of AWS in the result, if something was done before."""
    try:
        yield
    except get_sdk_errors() as error:
        if not result.moved:
            raise
        result.error = error


def _has_enough(done: Redriven, selection: Selection) -> bool:
    moved, message_id = done.result.moved, selection.message_id
    if selection.limit is not None and len(moved) >= selection.limit:
        return True
    return message_id is not None and any(message.id == message_id for message, _ in moved)


def _choose(
    queue: ReceivedMessages,
    messages: list[DeadLetterMessage],
    selection: Selection,
    done: Redriven,
) -> list[DeadLetterMessage]:
    """Return the messages to send back; note the others."""
    chosen: list[DeadLetterMessage] = []
    for message in messages:
        names = [name for name, fits in selection.excepted.items() if fits(message)]
        limit = selection.limit
        if message.foreign:
            done.foreign.append(message)
        elif not selection.fits(message) or queue.has_come_back(message, done.record_ids):
            done.others.append(message)
        elif names:
            done.excepted.update(names)
        elif message.token is not None and not selection.parked:
            done.parked.append(message)
        elif message.token is None and message.refusal and not selection.refused:
            done.refused.append(message)
        elif limit is None or len(done.result.moved) + len(chosen) < limit:
            chosen.append(message)
            done.record_ids |= message.record_ids
    return chosen
