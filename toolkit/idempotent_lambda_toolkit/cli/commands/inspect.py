"""The command `inspect`."""

import json
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import dead_letters, records, times
from idempotent_lambda_toolkit.cli.command import (
    Decorated,
    RecordId,
    describe_message,
    get_parts,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment, translate_error
from idempotent_lambda_toolkit.cli.exit_codes import (
    RefusedError,
)
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.records import RecordSelector
from idempotent_lambda_toolkit.cli.shown_keys import unescape_text

LINES_OF_LOG = 1000


def inspect(
    context: typer.Context,
    *,
    key: Annotated[
        str | None, typer.Argument(metavar="KEY|MESSAGE-ID", help="A key or a message id.")
    ] = None,
    decorated: Decorated = None,
    record_id: RecordId = None,
) -> None:
    """Describe the record of a key, and its messages in the dead-letter queue."""
    deployment, output = get_parts(context)
    selector = RecordSelector(key, decorated, record_id)
    record = records.find(deployment, selector)
    found = _look_into_queue(deployment, output)
    by_id = [each for each in found.found if key is not None and key in (each.id, each.first_id)]
    if record is None:
        record = _find_by_message(deployment, output, key, by_id)
    named = {record.id} if record else set(_ids(deployment, selector))
    messages = [
        each
        for each in found.found
        if each in by_id
        or named & each.record_ids
        or (record is not None and each.is_copy_of(record))
    ]
    if record is None and not messages:
        _explain_missing(deployment, selector)
    now = times.now()
    if record is None:
        refused = bool(messages) and all(each.refusal for each in messages)
        runs = "" if refused else ": the next delivery runs"
        output.print_lines(f"no record of '{selector}'{runs}")
    else:
        output.print_lines(*records.describe(record, now))
    for message in messages:
        output.print_lines(f"in the dead-letter queue: {describe_message(message, record, now)}")
    if not found.whole and deployment.dead_letter_queue_url is not None:
        output.print_lines("not all messages in the dead-letter queue could be seen")
    output.print_json(
        record=records.plain(record, now),
        dead_letters=[each.plain() for each in messages],
        dead_letters_whole=found.whole,
    )


def _ids(deployment: Deployment, selector: RecordSelector) -> list[str]:
    if selector.record_id or not selector.key:
        return [unescape_text(selector.record_id)] if selector.record_id else []
    return records.ids(deployment.namespace, selector.key, selector.decorated)


def _look_into_queue(deployment: Deployment, output: Output) -> dead_letters.QueueSnapshot:
    """Look into the dead-letter queue; print the reason if it cannot be read."""
    if deployment.dead_letter_queue_url is not None:
        try:
            with dead_letters.hold_messages(deployment) as queue:
                return queue.look()
        except (BotoCoreError, ClientError) as error:
            output.print_lines(f"the dead-letter queue could not be read: {translate_error(error)}")
    return dead_letters.QueueSnapshot(found=[], unseen="it could not be read")


def _find_by_message(
    deployment: Deployment,
    output: Output,
    message_id: str | None,
    by_id: list[dead_letters.DeadLetterMessage],
) -> Record | None:
    """Find the record of a message by its copy in the dead-letter queue, or by its log line."""
    for record_id in sorted({each for message in by_id for each in message.record_ids}):
        record = records.read_record(deployment, record_id)
        if record is not None:
            return record
    if message_id is None or deployment.log_group is None:
        return None
    try:
        key = _find_logged_key(deployment, deployment.log_group, message_id)
    except (BotoCoreError, ClientError) as error:
        output.print_lines(f"the log could not be searched: {translate_error(error)}")
        return None
    return records.find(deployment, RecordSelector(key)) if key else None


def _find_logged_key(deployment: Deployment, log_group: str, message_id: str) -> str | None:
    """Find the key of a message by its log line; None if there is no such line."""
    pages = deployment.client("logs").get_paginator("filter_log_events")
    asked = pages.paginate(
        logGroupName=log_group,
        filterPattern=f'"{message_id}"',
        PaginationConfig={"MaxItems": LINES_OF_LOG},
    )
    for line in (each["message"] for page in asked for each in page["events"]):
        try:
            reported = json.loads(line)
        except ValueError:
            continue
        if (
            isinstance(reported, dict)
            and reported.get("message_id") == message_id
            and reported.get("key")
        ):
            return str(reported["key"])
    return None


def _explain_missing(deployment: Deployment, selector: RecordSelector) -> None:
    records.require(deployment, selector)
    raise RefusedError("the record was created a moment ago: run the command again")
