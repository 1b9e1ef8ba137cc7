"""The command `forget`."""

import typer

from idempotent_lambda.protocol.record import Status
from idempotent_lambda_toolkit.cli import changes, records, times
from idempotent_lambda_toolkit.cli.command import (
    Decorated,
    DryRun,
    Key,
    RecordId,
    Yes,
    get_parts,
    report_change,
)
from idempotent_lambda_toolkit.cli.records import RecordSelector


def forget(
    context: typer.Context,
    *,
    key: Key = None,
    decorated: Decorated = None,
    record_id: RecordId = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete the completed or parked record of a key, so that its next delivery runs."""
    deployment, output = get_parts(context)
    selector = RecordSelector(key, decorated, record_id, allow_id=dry_run or not yes)
    record = records.require(deployment, selector)
    if record.status not in (Status.COMPLETED, Status.PARKED):
        changes.forget(deployment, record)  # raises, with the reason
    now = times.now()
    output.print_lines(*records.explain_id(selector, record), *records.describe(record, now))
    if records.is_given_back(record):
        text = "that copy may then run with another key, so the side effect may happen twice"
        output.print_lines(f"{text}: delete the record only if the copy is gone")
    if not dry_run:
        output.confirm(f"Delete it, so that {records.show_key(record.id)} runs again?", yes=yes)
        changes.forget(deployment, record)
    report_change(output, record, None, dry_run=dry_run)
    output.print_json(before=records.plain(record, now), after=None, dry_run=dry_run)
