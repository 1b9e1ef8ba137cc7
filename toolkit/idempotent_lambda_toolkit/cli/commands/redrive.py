"""The command `redrive`."""

from collections import Counter
from typing import Annotated

import typer

from idempotent_lambda_toolkit.cli import (
    dead_letters,
    redriving,
    selecting,
    stopping,
    times,
)
from idempotent_lambda_toolkit.cli.aws_errors import translate_error
from idempotent_lambda_toolkit.cli.command import (
    DryRun,
    Yes,
    describe_message,
    get_parts,
)
from idempotent_lambda_toolkit.cli.exit_codes import AwsRefusedError, NotFoundError, PartlyDoneError
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.redriving import Redriven, Selection

MOST_REASONS = 10
"""The most reasons for refusal that are printed; ``--json`` has all."""


def redrive(
    context: typer.Context,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only messages with this key.")
    ] = None,
    message_id: Annotated[str | None, typer.Option(metavar="ID", help="Only this message.")] = None,
    group: Annotated[
        str | None, typer.Option(metavar="GROUP", help="Only messages of this group.")
    ] = None,
    excepted: Annotated[
        list[str] | None,
        typer.Option("--except", metavar="KEY|MESSAGE-ID", help="Leave these; you may repeat it."),
    ] = None,
    parked: Annotated[
        bool, typer.Option("--parked", help="Also send copies of parked messages: they run.")
    ] = False,
    refused: Annotated[
        bool,
        typer.Option("--refused", help="Also send messages that the function refuses."),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of messages.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Send the messages of the dead-letter queue back to the queue.

    Copies of parked messages stay, unless you give --parked, --key or --message-id. Messages that
    the function refuses, such as those without a key, stay unless you give --message-id or
    --refused.
    """
    deployment, output = get_parts(context)
    source, target = deployment.needed_dead_letter_queue_url, deployment.needed_queue_url
    redriving.require_two_queues(deployment)
    selection = Selection(
        fits=selecting.select(
            deployment, key=key, message_id=message_id, group=group, allow_id=dry_run or not yes
        ),
        excepted=selecting.except_for(deployment, excepted or []),
        parked=parked or key is not None or message_id is not None,
        refused=refused or message_id is not None,
        message_id=message_id,
        limit=limit,
    )
    waiting = dead_letters.depth(deployment, source)["waiting"]
    if not dry_run:
        output.confirm(f"Send messages (about {waiting}) from {source} to {target}?", yes=yes)
    with output.show_progress("sending back", waiting) as seen:
        done = redriving.redrive(deployment, selection, dry_run=dry_run, seen=seen)
    _print_result(output, done, target, dry_run=dry_run)
    _require_done(done)
    if (key or message_id or group) and not done.result.moved:
        raise NotFoundError(f"no message to send matches; {done.describe()}", **done.plain())
    output.print_json(**done.plain(), dry_run=dry_run)


def _print_result(output: Output, done: Redriven, target: str, *, dry_run: bool) -> None:
    now = times.now()
    for message, new in done.result.moved:
        output.print_lines(
            f"{describe_message(message, None, now)} → {new or 'would be sent back'}"
        )
    verb = "to send" if dry_run else "sent"
    output.print_lines(f"{len(done.result.moved)} {verb} back to {target}")
    if done.parked:
        text = "resolve them one by one, or add --parked"
        output.print_lines(f"copies of parked messages were not sent ({len(done.parked)}): {text}")
    if done.refused:
        text = "fix the cause and add --refused, or discard them"
        output.print_lines(f"messages that are refused were not sent ({len(done.refused)}): {text}")
        reasons = Counter(str(message.refusal) for message in done.refused)
        for reason, count in reasons.most_common(MOST_REASONS):
            output.print_lines(f"  {count} of them: {reason}")
    for name, count in done.excepted.items():
        output.print_lines(f"messages left out by --except {name}: {count}")
    if done.foreign:
        output.print_lines(f"messages of other queues were not sent ({len(done.foreign)})")
    if done.unseen:
        output.print_lines(done.describe())


def _require_done(done: Redriven) -> None:
    """Continue only if nothing has ended the redrive early.

    Raises:
        CommandError: a signal or an error has.
    """
    result = done.result
    problems = result.explain()
    if result.error:
        problems.insert(0, str(translate_error(result.error) or result.error))
    sent = f"messages sent back: {len(result.moved)}"
    if done.stopped:
        problems = [sent, *problems, "run the command again for the rest"]
        raise stopping.build_error("; ".join(problems), **done.plain())
    if problems and not (result.moved or result.undeleted or result.uncertain):
        raise AwsRefusedError("; ".join([*problems, "nothing was sent"]), **done.plain())
    if problems:
        raise PartlyDoneError("; ".join([*problems, sent]), **done.plain())
