"""The command line: arguments, questions and output of each command.

The other modules do the work.
"""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda_toolkit.cli import (
    dead_letters,
    decisions,
    doctor,
    inventory,
    records,
    times,
)
from idempotent_lambda_toolkit.cli.decisions import Copies
from idempotent_lambda_toolkit.cli.deployment import Deployment, Options, translate_error
from idempotent_lambda_toolkit.cli.exit_codes import (
    MEANING,
    CommandError,
    ExitCode,
    NotFoundError,
    RefusedError,
    UsageError,
)
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.records import RecordSelector
from idempotent_lambda_toolkit.cli.shown_keys import escape_text, unescape_text

WITH_VALUE = (
    "--function", "--table", "--namespace", "--queue-url", "--dead-letter-queue-url",
    "--profile", "--region", "--endpoint-url",
)  # fmt: skip
FLAGS = ("--json",)
"""The options of every command. As in the AWS CLI, they may come before or after its name."""

OWN_WITH_VALUE = ("--key", "--message-id", "--record-id", "--decorated")
"""The options of some commands whose value may look like an option."""

_CODES = "  ".join(f"{code.value}: {MEANING[code]}." for code in ExitCode)
LINES_OF_LOG = 1000

app = typer.Typer(
    name="idempotent-lambda",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class StatusFilter(StrEnum):
    """The values of ``list --status``."""

    PARKED = "parked"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"

    @property
    def status(self) -> Status:
        """The status in the record."""
        return Status[self.name]


Key = Annotated[
    str | None,
    typer.Argument(
        metavar="KEY",
        help="The key as the log shows it, in single quotes: text, JSON of any other key, or "
        "sha256:…. Options end at --.",
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

    def __init__(self, options: Options, output: Output) -> None:
        self.deployment, self.output = Deployment(options), output


@app.callback(epilog=f"Exit codes: {_CODES}")
def every_command(
    context: typer.Context,
    *,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The Lambda function; its configuration names table and queues.",
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table of records.")] = None,
    namespace: Annotated[str | None, typer.Option(help="The namespace of the keys.")] = None,
    queue_url: Annotated[str | None, typer.Option(help="The URL of the queue.")] = None,
    dead_letter_queue_url: Annotated[
        str | None, typer.Option(help="The URL of its dead-letter queue.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    region: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="As in the AWS CLI.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on standard output.")
    ] = False,
) -> None:
    """Inspect the records of an idempotent consumer, settle parked keys, and check its stack.

    These options may come before or after the name of a command.
    """
    options = Options(
        function=function,
        table=table,
        namespace=namespace,
        queue_url=queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        profile=profile,
        region=region,
        endpoint_url=endpoint_url,
    )
    context.obj = Command(options, Output(as_json=as_json))


@app.command()
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
    deployment, output = _get_parts(context)
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
        output.print_lines(f"in the dead-letter queue: {_describe_message(message, record, now)}")
    if not found.whole and deployment.dead_letter_queue_url is not None:
        output.print_lines("not all messages in the dead-letter queue could be seen")
    output.print_json(
        record=records.plain(record, now),
        dead_letters=[each.plain() for each in messages],
        dead_letters_whole=found.whole,
    )


@app.command("list")
def list_(
    context: typer.Context,
    *,
    status: Annotated[
        StatusFilter | None, typer.Option(help="Only records of this status.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="15m", help="Only records in their state for at least this long; s, m, h or d."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of records.")] = 1000,
) -> None:
    """List the records of the namespace. Reads the whole table."""
    deployment, output = _get_parts(context)
    least = _duration(older_than)
    found: list[Record] = []
    cut = False
    with output.show_progress("reading the table", records.size(deployment)) as seen:
        for record in records.scan(deployment, status.status if status else None, seen):
            if times.now() - records.get_since(record) < least:
                continue
            if len(found) == limit:
                cut = True
                break
            found.append(record)
    found.sort(key=records.get_since)
    now = times.now()
    output.print_table(
        ("state", "since", "record", "reason"),
        [
            (
                records.state(each, now),
                times.moment(records.get_since(each), now),
                escape_text(each.id),
                each.reason or "",
            )
            for each in found
        ],
    )
    more = ", and more: raise --limit" if cut else ""
    output.print_lines(f"{len(found)} record{'' if len(found) == 1 else 's'}{more}")
    output.print_json(records=[records.plain(each, now) for each in found], more=cut)


@app.command()
def stats(context: typer.Context) -> None:
    """Count the records by state, and the messages in both queues. Reads the whole table."""
    deployment, output = _get_parts(context)
    now, counts = times.now(), dict[str, int]()
    oldest: dict[str, Record] = {}
    with output.show_progress("reading the table", records.size(deployment)) as seen:
        for record in records.scan(deployment, None, seen):
            state = records.state(record, now)
            counts[state] = counts.get(state, 0) + 1
            if state in {"in progress", "stale", "parked"}:
                first = oldest.setdefault(state, record)
                if records.get_since(record) < records.get_since(first):
                    oldest[state] = record
    urls = {"queue": deployment.queue_url, "dead_letter_queue": deployment.dead_letter_queue_url}
    depths = {name: dead_letters.depth(deployment, url) for name, url in urls.items() if url}
    output.print_table(
        ("records", "count", "oldest"),
        [
            (state, str(count), _describe_oldest(oldest.get(state), now))
            for state, count in sorted(counts.items())
        ],
    )
    for name, found in depths.items():
        reported = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in found.items())
        output.print_lines(f"{name.replace('_', ' ')}: about {reported}")
    output.print_json(
        records=counts,
        oldest={state: records.plain(each, now) for state, each in oldest.items()},
        **depths,
    )


@app.command()
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
    deployment, output = _get_parts(context)
    record = records.require(deployment, RecordSelector(key, decorated, record_id))
    if record.status not in (Status.COMPLETED, Status.PARKED):
        records.forget(deployment, record)  # raises, with the reason
    now = times.now()
    output.print_lines(*records.describe(record, now))
    if records.is_given_back(record):
        text = "that copy may then run with another key, so the side effect may happen twice"
        output.print_lines(f"{text}: delete the record only if the copy is gone")
    if not dry_run:
        output.confirm(f"Delete it, so that {records.show_key(record.id)} runs again?", yes=yes)
        records.forget(deployment, record)
    _report_change(output, record, None, dry_run=dry_run)
    output.print_json(before=records.plain(record, now), after=None, dry_run=dry_run)


@app.command()
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
    deployment, output = _get_parts(context)
    if completed == retry:
        raise UsageError("choose one of --completed and --retry")
    seconds = Seconds(_duration(retention) // 1000) or deployment.retention or Seconds(0)
    if completed and not seconds:
        raise UsageError("the retention is not known: set --function, or --retention 22d")
    record = records.require(deployment, RecordSelector(key, decorated, record_id))
    records.require_parked(record)
    now = times.now()
    output.print_lines(*records.describe(record, now))
    copies = decisions.find_copies(deployment, record)
    for message in (*copies.unlocking, *copies.others):
        output.print_lines(f"in the dead-letter queue: {_describe_message(message, record, now)}")
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
        after, handled = decisions.complete(deployment, record, seconds)
    else:
        after, handled = decisions.retry(deployment, record)
    _report_change(output, record, after)
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


@app.command()
def redrive(
    context: typer.Context,
    *,
    key: Annotated[str | None, typer.Option(help="Only messages with this key.")] = None,
    message_id: Annotated[str | None, typer.Option(help="Only this message.")] = None,
    parked: Annotated[
        bool, typer.Option("--parked", help="Also send copies of parked messages: they run.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of messages.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Send the messages of the dead-letter queue back to the queue.

    Copies of parked messages stay, unless you give --parked, --key or --message-id.
    """
    deployment, output = _get_parts(context)
    source, target = deployment.needed_dead_letter_queue_url, deployment.needed_queue_url
    fits = _filter(deployment, key, message_id)
    waiting = dead_letters.depth(deployment, source)["waiting"]
    if not dry_run:
        output.confirm(f"Send messages (about {waiting}) from {source} to {target}?", yes=yes)
    with output.show_progress("sending back", waiting) as seen:
        done = decisions.redrive(
            deployment,
            fits,
            parked=parked or key is not None or message_id is not None,
            limit=limit,
            dry_run=dry_run,
            seen=seen,
        )
    now = times.now()
    for message, new in done.moved:
        output.print_lines(
            f"{_describe_message(message, None, now)} → {new or 'would be sent back'}"
        )
    output.print_lines(f"{len(done.moved)} {'to send' if dry_run else 'sent'} back to {target}")
    if done.parked:
        text = "resolve them one by one, or add --parked"
        output.print_lines(f"copies of parked messages were not sent ({len(done.parked)}): {text}")
    if done.foreign:
        output.print_lines(f"messages of other queues were not sent ({len(done.foreign)})")
    unseen = (
        "" if done.whole else "; some messages are hidden by another receiver or by their group"
    )
    if (key or message_id) and not done.moved:
        which = "matches" if done.whole else "that could be seen matches"
        raise NotFoundError(f"no message in {source} {which}{unseen}", **done.plain())
    if unseen:
        output.print_lines(unseen.removeprefix("; "))
    output.print_json(**done.plain(), dry_run=dry_run)


@app.command(name="doctor")
def doctor_(context: typer.Context) -> None:
    """Check the deployed stack: settings, table, queues, mapping, permissions, clock."""
    deployment, output = _get_parts(context)
    if deployment.options.function is None:
        raise UsageError("doctor checks a function: set --function NAME")
    known = inventory.gather(deployment)
    findings = doctor.findings(known)
    for finding in findings:
        output.print_lines(
            f"{finding.severity}: {finding.name}: {finding.value}",
            f"    rule: {finding.rule}",
            f"    remedy: {finding.remedy}",
        )
    for what, why in known.unknown.items():
        output.print_lines(f"could not check: {what}: {why}")
    healthy = all(each.severity is doctor.Severity.NOTE for each in findings)
    if healthy:
        found = "no problem found by the checks that could run" if known.unknown else "healthy"
        output.print_lines(f"{deployment.options.function}: {found}")
    output.print_json(
        healthy=None if healthy and known.unknown else healthy,
        findings=[each.plain() for each in findings],
        unknown=dict(known.unknown),
    )
    if not healthy:
        raise typer.Exit(ExitCode.FOUND)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; see `idempotent_lambda_toolkit.cli.main`."""
    given = hoist_options(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=given, prog_name="idempotent-lambda")
    except Exception as error:
        failure = error if isinstance(error, CommandError) else translate_error(error)
        if failure is None:
            raise
        Output(as_json="--json" in given).print_error(failure)
        raise SystemExit(failure.exit) from None


def hoist_options(arguments: list[str]) -> list[str]:
    """Move the options that every command takes to the front of the arguments."""
    front: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for each in left:
        if each == "--":
            rest += [each, *left]
        elif each in WITH_VALUE:
            front += [each, *islice(left, 1)]
        elif each in OWN_WITH_VALUE:
            rest += [each, *islice(left, 1)]
        elif each in FLAGS or each.split("=", 1)[0] in WITH_VALUE:
            front.append(each)
        else:
            rest.append(each)
    return front + rest


def _get_parts(context: typer.Context) -> tuple[Deployment, Output]:
    command: Command = context.obj
    return command.deployment, command.output


def _duration(text: str | None) -> int:
    try:
        return times.duration(text) if text else 0
    except ValueError as error:
        raise UsageError(str(error)) from None


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
    return dead_letters.QueueSnapshot([], whole=False)


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


def _filter(
    deployment: Deployment, key: str | None, message_id: str | None
) -> Callable[[dead_letters.DeadLetterMessage], bool]:
    if key is None:
        return lambda each: message_id is None or message_id in (each.id, each.first_id)
    record = records.find(deployment, RecordSelector(key))
    if deployment.key_rule is None and record is None:
        text = "the keys of messages are not known without --function"
        raise UsageError(f"{text}: set it, or use --message-id")
    named = {record.id} if record else set(records.ids(deployment.namespace, key))

    def fits(each: dead_letters.DeadLetterMessage) -> bool:
        of_key = bool(named & each.record_ids) or (record is not None and each.is_copy_of(record))
        return of_key and (message_id is None or message_id in (each.id, each.first_id))

    return fits


def _describe_message(
    message: dead_letters.DeadLetterMessage, record: Record | None, now: EpochMillis
) -> str:
    kind = "message"
    if message.token is not None:
        kind = "copy of a parked message"
        if record is not None and not message.is_copy_of(record):
            kind += " (of an earlier parking, or another key: it does not unlock this record)"
    keys = ", ".join(map(records.show_key, sorted(message.record_ids)))
    of = f", key {keys}" if keys else ""
    refused = f"; each delivery is refused: {message.refusal}" if message.refusal else ""
    return f"{kind} {message.id}{of}, sent {times.moment(message.sent_at, now)}{refused}"


def _describe_oldest(record: Record | None, now: EpochMillis) -> str:
    if record is None:
        return ""
    return f"{escape_text(record.id)}, {times.moment(records.get_since(record), now)}"


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


def _report_change(
    output: Output, before: Record, after: Record | None, *, dry_run: bool = False
) -> None:
    left: Any = "deleted" if after is None else after.status
    would = "would be: " if dry_run else ""
    output.print_lines(f"{would}{escape_text(before.id)}: {before.status} → {left}")
