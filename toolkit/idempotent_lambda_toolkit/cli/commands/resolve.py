"""The command `resolve`."""

from typing import Annotated

import typer

from idempotent_lambda.clock import Seconds
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import decisions, records, times
from idempotent_lambda_toolkit.cli.command import (
    Decorated,
    DryRun,
    Key,
    RecordId,
    Yes,
    describe_message,
    get_parts,
    parse_duration,
    report_change,
)
from idempotent_lambda_toolkit.cli.decisions import Copies
from idempotent_lambda_toolkit.cli.exit_codes import UsageError
from idempotent_lambda_toolkit.cli.records import RecordSelector


def resolve(
    context: typer.Context,
    *,
    key: Key = None,
    completed: Annotated[
        bool,
        typer.Option("--completed", help="The side effect already happened, or must never happen."),
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Let the key run.")] = False,
    retention: Annotated[
        str | None,
        typer.Option(
            metavar="22d",
            help="How long duplicates are suppressed; the default is the function's setting.",
        ),
    ] = None,
    decorated: Decorated = None,
    record_id: RecordId = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Decide what happens to a parked key: --completed or --retry."""
    deployment, output = get_parts(context)
    if completed == retry:
        raise UsageError("choose one of --completed and --retry")
    seconds = Seconds(parse_duration(retention) // 1000) or deployment.retention or Seconds(0)
    if completed and not seconds:
        raise UsageError("the retention is not known: set --function, or --retention 22d")
    record = records.require(deployment, RecordSelector(key, decorated, record_id))
    records.require_parked(record)
    now = times.now()
    output.print_lines(*records.describe(record, now))
    copies = decisions.find_copies(deployment, record)
    for message in (*copies.unlocking, *copies.others):
        output.print_lines(f"in the dead-letter queue: {describe_message(message, record, now)}")
    if not copies.whole:
        output.print_lines("not all messages in the dead-letter queue could be seen")
    output.print_lines(f"to do: {_describe_plan(record, copies, completed=completed)}")
    if dry_run:
        output.print_json(
            before=records.plain(record, now), dead_letters=copies.plain(), dry_run=True
        )
        return
    output.confirm(f"Resolve {records.show_key(record.id)}?", yes=yes)
    after: Record | None
    if completed:
        done = decisions.complete(deployment, record, seconds)
        after, handled = done.record, done.deleted
    else:
        after, handled = decisions.retry(deployment, record)
    report_change(output, record, after)
    what = "deleted from the dead-letter queue" if completed else "sent back to the queue"
    output.print_lines(*(f"message {each.id}: {what}" for each in handled))
    if retry and not handled:
        output.print_lines("no message with this key was found: send it again, or repeat the call")
    output.print_json(
        before=records.plain(record, now),
        after=records.plain(after, times.now()),
        **{"deleted" if completed else "moved": [each.plain() for each in handled]},
        dry_run=False,
    )


def _describe_plan(record: Record, copies: Copies, *, completed: bool) -> str:
    if completed:
        text = "mark the record COMPLETED, then delete its messages from the dead-letter queue"
        later = (
            "; the copy in the queue is then a duplicate" if records.is_given_back(record) else ""
        )
        return text + later
    if copies.unlocking:
        return "send the copy back to the queue; its token lets it claim the parked record"
    if problem := decisions.explain_kept(record, copies):
        return f"nothing: {problem}"
    if copies.others:
        return "delete the record, then send its messages back to the queue"
    return "delete the record; no message with its key was found: send it again, or repeat the call"
