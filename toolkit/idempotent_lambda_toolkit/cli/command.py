"""What the commands share: their options, and the sentences about records and messages."""

from typing import Annotated, Any

import typer

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import dead_letters, records, times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import UsageError
from idempotent_lambda_toolkit.cli.options import Options
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.shown_keys import escape_text

Key = Annotated[
    str | None,
    typer.Argument(
        metavar="KEY",
        help="The key as the log shows it, in single quotes: text, JSON of any other key, or "
        "sha256:…. -- ends the options.",
    ),
]
Decorated = Annotated[
    str | None, typer.Option(metavar="NAME", help="The decorated function that the key belongs to.")
]
RecordId = Annotated[
    str | None, typer.Option(metavar="ID", help="The record's id, instead of KEY.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


class Command:
    """The deployment and the output that every command works with."""

    def __init__(self, options: Options) -> None:
        self.deployment, self.output = Deployment(options), Output(as_json=options.as_json)


def get_parts(context: typer.Context) -> tuple[Deployment, Output]:
    """Return the deployment and the output of the command."""
    command: Command = context.obj
    return command.deployment, command.output


def parse_duration(text: str | None) -> int:
    """Parse the duration of an option, such as 15m, into milliseconds; 0 without one.

    Raises:
        UsageError: the text is not a duration.
    """
    try:
        return times.duration(text) if text else 0
    except ValueError as error:
        raise UsageError(str(error)) from None


def describe_message(
    message: dead_letters.DeadLetterMessage, record: Record | None, now: EpochMillis
) -> str:
    """Describe a message of the dead-letter queue, and its relation to a record."""
    kind = "message"
    if message.token is not None:
        kind = "copy of a parked message"
        if record is not None and not message.is_copy_of(record):
            kind += " (of an earlier parking, or another key: it does not unlock this record)"
    keys = ", ".join(map(records.show_key, sorted(message.record_ids)))
    of = f", key {keys}" if keys else ""
    refused = f"; each delivery is refused: {message.refusal}" if message.refusal else ""
    return f"{kind} {message.id}{of}, sent {times.moment(message.sent_at, now)}{refused}"


def report_change(
    output: Output, before: Record, after: Record | None, *, dry_run: bool = False
) -> None:
    """Print the status of a record before and after the change."""
    left: Any = "deleted" if after is None else after.status
    would = "would be: " if dry_run else ""
    output.print_lines(f"{would}{escape_text(before.id)}: {before.status} → {left}")
