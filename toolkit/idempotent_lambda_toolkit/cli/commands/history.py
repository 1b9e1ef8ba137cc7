"""The command `history`."""

from typing import Annotated

import typer

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda_toolkit.cli import records, times
from idempotent_lambda_toolkit.cli.command import Decorated, RecordId, get_parts, parse_duration
from idempotent_lambda_toolkit.cli.exit_codes import NotFoundError, UsageError
from idempotent_lambda_toolkit.cli.function_log import (
    LineSelector,
    LogLine,
    LogSearch,
    find_logged,
    search_log,
)
from idempotent_lambda_toolkit.cli.outlook import describe_outlook
from idempotent_lambda_toolkit.cli.records import RecordSelector

MOST_LINES = 1000


def history(
    context: typer.Context,
    *,
    key: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="The key as the log shows it, in single quotes."),
    ] = None,
    message_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Only the lines of this message.")
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="24h", help="How far to look back; s, m, h or d.")
    ] = "24h",
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_LINES, help="Maximum number of lines: the last ones.")
    ] = 100,
    decorated: Decorated = None,
    record_id: RecordId = None,
) -> None:
    """Show the log lines of a key or a message in order of time, and then its record."""
    deployment, output = get_parts(context)
    if deployment.log_group is None:
        raise UsageError("the log group is not known: set --function")
    if key is None and record_id is None and message_id is None:
        raise UsageError("name a KEY, --record-id ID or --message-id ID")
    now, span = times.now(), parse_duration(since)
    record, lines = None, LineSelector(message_id=message_id)
    as_id: list[str] = []
    if key is not None or record_id is not None:
        selector = RecordSelector(key, decorated, record_id, allow_id=True)
        record = records.find(deployment, selector)
        as_id = records.explain_id(selector, record) if record else []
        named = [record.id] if record else records.list_ids(deployment.namespace, selector)
        # A key that the log has cut, or a hash whose record is gone, is shown just so.
        shown = [key] if key is not None and not as_id else []
        lines = LineSelector.for_records(named, shown, message_id or decorated)
    found = search_log(deployment, lines, since=EpochMillis(now - span), limit=limit)
    if lines.keys is None and found.lines:
        record = find_logged(deployment, found.lines[-1], decorated)
    if record is None and not found.lines:
        text = (
            f"no record of '{key or record_id or message_id}', and no log line in the last {since}"
        )
        remedy = "look further back with --since, or check the key, --decorated and --namespace"
        raise NotFoundError(f"{text}: {remedy}{_explain_rest(found)}")
    output.print_table(
        ("time", "outcome", "attempts", "receives", "message", "request", "errors"),
        [_build_row(line) for line in found.lines],
    )
    output.print_lines(
        f"{len(found.lines)} line{'' if len(found.lines) == 1 else 's'} in the last {since}"
        f"{_explain_rest(found)}"
    )
    if record is None:
        output.print_lines("there is no record now")
    else:
        outlook = describe_outlook(deployment, record)
        output.print_lines(*as_id, *records.describe(record, now, outlook))
    output.print_json(
        lines=[line.plain() for line in found.lines],
        more=found.left_out,
        whole=found.whole,
        record=records.plain(record, now),
    )


def _explain_rest(found: LogSearch) -> str:
    """Return the part of the log that is not shown, as the end of a sentence."""
    earlier = f"; {found.left_out} earlier: raise --limit" if found.left_out else ""
    rest = "; the log was too long to search to its end: shorten --since"
    return earlier + ("" if found.whole else rest)


def _build_row(line: LogLine) -> list[str]:
    names = ("outcome", "attempts", "receive_count", "message_id", "request_id")
    values = [line.fields.get(name) for name in names]
    shown = ["" if value is None else str(value) for value in values]
    return [times.show(line.logged_at), *shown, line.errors]
