"""The command `resolve`."""

from typing import Annotated

import typer

from idempotent_lambda.clock import Seconds
from idempotent_lambda_toolkit.cli.chosen_ids import read_ids
from idempotent_lambda_toolkit.cli.command import (
    Decorated,
    DryRun,
    RecordId,
    Yes,
    get_parts,
    parse_duration,
)
from idempotent_lambda_toolkit.cli.exit_codes import UsageError
from idempotent_lambda_toolkit.cli.records import RecordSelector
from idempotent_lambda_toolkit.cli.resolving import Decision, resolve_each, resolve_one
from idempotent_lambda_toolkit.cli.results import encode_given
from idempotent_lambda_toolkit.cli.shown_keys import escape_text


def resolve(
    context: typer.Context,
    *,
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY",
            help="Keys as the log shows them, in single quotes. -- ends the options.",
        ),
    ] = None,
    completed: Annotated[
        bool,
        typer.Option("--completed", help="The side effect already happened, or must never happen."),
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Let the key run.")] = False,
    result: Annotated[
        str | None,
        typer.Option(
            metavar="JSON", help="The result that later calls of a decorated function get."
        ),
    ] = None,
    no_result: Annotated[
        bool, typer.Option("--no-result", help="Later calls of a decorated function get no result.")
    ] = False,
    retention: Annotated[
        str | None,
        typer.Option(
            metavar="22d",
            help="How long duplicates are suppressed; the default is the function's setting.",
        ),
    ] = None,
    decorated: Decorated = None,
    record_id: RecordId = None,
    from_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Also the records in this output of list --json; - is the standard input.",
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Mark parked or stale records as completed, or retry parked ones."""
    deployment, output = get_parts(context)
    if completed == retry:
        raise UsageError("choose one of --completed and --retry")
    encoded = _read_result(result, no_result=no_result, completed=completed)
    seconds = Seconds(parse_duration(retention) // 1000) or deployment.retention or Seconds(0)
    if completed and not seconds:
        raise UsageError("the retention is not known: set --function, or --retention 22d")
    decision = Decision(completed=completed, retention=seconds, result=encoded, no_result=no_result)
    selectors = _select(keys or [], decorated, record_id, from_file, allow_id=dry_run or not yes)
    if len(selectors) == 1:
        resolve_one(deployment, output, selectors[0], decision, dry_run=dry_run, yes=yes)
    elif encoded is not None:
        raise UsageError("--result is the result of one call: name one KEY")
    else:
        resolve_each(deployment, output, selectors, decision, dry_run=dry_run, yes=yes)


def _read_result(result: str | None, *, no_result: bool, completed: bool) -> str | None:
    if result is None and not no_result:
        return None
    if not completed:
        raise UsageError("--result and --no-result go with --completed")
    if result is None:
        return None
    if no_result:
        raise UsageError("choose one of --result and --no-result")
    return encode_given(result)


def _select(
    keys: list[str],
    decorated: str | None,
    record_id: str | None,
    from_file: str | None,
    *,
    allow_id: bool,
) -> list[RecordSelector]:
    if record_id is not None:
        # Its reader refuses another name of the record.
        selectors = [RecordSelector(keys[0] if keys else None, decorated, record_id)]
    elif keys or from_file is None:
        selectors = [
            RecordSelector(key, decorated, allow_id=allow_id) for key in dict.fromkeys(keys or [""])
        ]
    elif decorated is not None:
        raise UsageError("--decorated goes with KEY: the ids in a file name the function, too")
    else:
        selectors = []
    if from_file is not None:
        selectors += [RecordSelector(record_id=escape_text(each)) for each in read_ids(from_file)]
    return selectors
