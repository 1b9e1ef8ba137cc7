"""The command `redrive`."""

from collections.abc import Callable
from typing import Annotated

import typer

from idempotent_lambda_toolkit.cli import dead_letters, decisions, records, times
from idempotent_lambda_toolkit.cli.command import (
    DryRun,
    Yes,
    describe_message,
    get_parts,
)
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import (
    NotFoundError,
    UsageError,
)
from idempotent_lambda_toolkit.cli.records import RecordSelector


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
    deployment, output = get_parts(context)
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
            f"{describe_message(message, None, now)} → {new or 'would be sent back'}"
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
