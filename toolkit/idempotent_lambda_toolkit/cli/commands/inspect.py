"""The command `inspect`."""

from typing import Annotated, Final

import typer

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda_toolkit.cli import dead_letters, records, times
from idempotent_lambda_toolkit.cli.aws_errors import get_sdk_errors, translate_error
from idempotent_lambda_toolkit.cli.command import (
    Decorated,
    RecordId,
    describe_message,
    get_parts,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import (
    RefusedError,
    UsageError,
)
from idempotent_lambda_toolkit.cli.function_log import (
    LineSelector,
    LogLine,
    find_logged,
    search_log,
)
from idempotent_lambda_toolkit.cli.outlook import QueueTerms, describe_lines, describe_outlook
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.records import RecordSelector

LINES_OF_LOG = 1000

SEARCHED_MILLIS: Final = Millis(86_400_000)
"""How far back the log is searched. A message is hidden for at most 12 hours:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""


def inspect(
    context: typer.Context,
    *,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY|MESSAGE-ID", help="A key or a message id.")
    ] = None,
    decorated: Decorated = None,
    record_id: RecordId = None,
) -> None:
    """Describe the record of a key, its messages in the dead-letter queue, and its log.

    The log is searched only for message ids, and for keys that may run again.
    """
    deployment, output = get_parts(context)
    selector = RecordSelector(key, decorated, record_id, allow_id=True)
    record = records.find(deployment, selector)
    found = _look_into_queue(deployment, output, key)
    by_id = [each for each in found.found if key is not None and key in (each.id, each.first_id)]
    lines: list[LogLine] | None = []
    name: str | None = str(selector)
    if record is None:
        record = _find_by_copy(deployment, by_id)
    if record is None and key is not None and decorated is None:
        lines = _search_log(deployment, output, LineSelector(message_id=key))
        if lines:
            record, name = find_logged(deployment, lines[-1]), lines[-1].key
    named = {record.id} if record else set(records.list_ids(deployment.namespace, selector))
    messages = [
        each
        for each in found.found
        if each in by_id
        or named & each.record_ids
        or (record is not None and each.is_copy_of(record))
    ]
    if lines == [] and not messages and _is_open(record):
        shown = [key] if key is not None and record is None else []
        wanted = LineSelector.for_records(named, shown, decorated)
        lines = _search_log(deployment, output, wanted)
    if record is None and not messages and not lines:
        _explain_missing(deployment, selector)
    now = times.now()
    if record is None:
        output.print_lines(_describe_absence(name, messages))
    else:
        outlook = describe_outlook(deployment, record)
        output.print_lines(*records.explain_id(selector, record))
        output.print_lines(*records.describe(record, now, outlook))
    for message in messages:
        output.print_lines(f"in the dead-letter queue: {describe_message(message, record, now)}")
    if lines and not messages:
        terms = _read_terms(deployment, output)
        output.print_lines(*describe_lines(lines, terms, record, now))
    if not found.whole and deployment.dead_letter_queue_url is not None:
        output.print_lines(found.describe())
    output.print_json(
        record=records.plain(record, now),
        dead_letters=[each.plain() for each in messages],
        dead_letters_whole=found.whole,
        lines=[line.plain() for line in lines or []],
    )


def _describe_absence(name: str | None, messages: list[dead_letters.DeadLetterMessage]) -> str:
    if name is None:
        return "the message has no key, so it has no record"
    refused = bool(messages) and all(each.refusal for each in messages)
    return f"no record of '{name}'" + ("" if refused else ": the next delivery runs")


def _is_open(record: Record | None) -> bool:
    """Whether a message of the key may be in the queue, to be delivered again."""
    return (
        record is None
        or record.status == Status.IN_PROGRESS
        or (record.status == Status.PARKED and records.is_given_back(record))
    )


def _look_into_queue(
    deployment: Deployment, output: Output, message_id: str | None
) -> dead_letters.QueueSnapshot:
    """Look into the dead-letter queue, until the message is found; print why it cannot be read."""
    if deployment.dead_letter_queue_url is not None:
        try:
            with dead_letters.hold_messages(deployment) as queue:
                return queue.look(
                    lambda message: message_id is not None and message.is_named(message_id)
                )
        except get_sdk_errors() as error:
            output.print_lines(f"the dead-letter queue could not be read: {translate_error(error)}")
    return dead_letters.QueueSnapshot(found=[], unseen="it could not be read")


def _find_by_copy(
    deployment: Deployment, messages: list[dead_letters.DeadLetterMessage]
) -> Record | None:
    """Find the record of a message in the dead-letter queue."""
    for record_id in sorted({each for message in messages for each in message.record_ids}):
        record = records.read_record(deployment, record_id)
        if record is not None:
            return record
    return None


def _search_log(
    deployment: Deployment, output: Output, selector: LineSelector
) -> list[LogLine] | None:
    """Search the log. If it cannot be read, print the reason and return None."""
    if deployment.log_group is None:
        return []
    since = EpochMillis(times.now() - SEARCHED_MILLIS)
    try:
        return search_log(deployment, selector, since=since, limit=LINES_OF_LOG).lines
    except get_sdk_errors() as error:
        output.print_lines(f"the log could not be searched: {translate_error(error)}")
        return None


def _read_terms(deployment: Deployment, output: Output) -> QueueTerms | None:
    try:
        return QueueTerms.read(deployment)
    except get_sdk_errors(UsageError) as error:
        reason = translate_error(error) or error
        output.print_lines(f"the queue's settings could not be read: {reason}")
        return None


def _explain_missing(deployment: Deployment, selector: RecordSelector) -> None:
    records.require(deployment, selector)
    raise RefusedError("the record was created a moment ago: run the command again")
