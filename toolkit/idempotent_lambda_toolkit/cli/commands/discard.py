"""The command `discard`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from idempotent_lambda_toolkit.cli import (
    dead_letters,
    discarding,
    selecting,
    stopping,
    times,
)
from idempotent_lambda_toolkit.cli.command import (
    DryRun,
    Yes,
    describe_message,
    get_parts,
)
from idempotent_lambda_toolkit.cli.dead_letters import DeadLetterMessage
from idempotent_lambda_toolkit.cli.exit_codes import (
    AwsRefusedError,
    NotFoundError,
    PartlyDoneError,
    UsageError,
)
from idempotent_lambda_toolkit.cli.output import Output
from idempotent_lambda_toolkit.cli.shown_keys import escape_text

SHOWN_CHARACTERS = 1000
"""Characters of a body that --show-body prints; ``--json`` has the whole body."""


def discard(
    context: typer.Context,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The messages with this key.")
    ] = None,
    message_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The message with this id.")
    ] = None,
    show_body: Annotated[
        bool, typer.Option("--show-body", help="Show the beginning of each body.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Delete a message from the dead-letter queue. It is gone, and never runs.

    With --json, the answer has the body and the attributes, so that you can keep them.
    """
    deployment, output = get_parts(context)
    if key is None and message_id is None:
        raise UsageError("choose the messages with --key or --message-id")
    fits = selecting.select(deployment, key=key, message_id=message_id, allow_id=dry_run or not yes)
    waiting = dead_letters.depth(deployment, deployment.needed_dead_letter_queue_url)["waiting"]

    def is_only(message: DeadLetterMessage) -> bool:
        return message.id == message_id and fits(message)

    with (
        output.show_progress("looking", waiting) as seen,
        dead_letters.hold_messages(deployment) as queue,
    ):
        snapshot = queue.look(is_only if message_id else None, seen)
    chosen = [message for message in snapshot.found if fits(message)]
    if not chosen:
        raise NotFoundError(f"no message matches; {snapshot.describe()}", unseen=snapshot.unseen)
    output.print_lines(snapshot.describe())
    for message in chosen:
        _show(output, message, show_body=show_body)
    for message in chosen:
        discarding.require_unneeded(deployment, message)
    kept = discarding.keep(chosen)
    if dry_run:
        output.print_lines(f"to delete: {len(chosen)}; nothing was deleted")
        output.print_json(discarded=kept, unseen=snapshot.unseen, dry_run=True)
        return
    output.confirm(f"Delete {_count(chosen)} from the dead-letter queue for good?", yes=yes)
    ids = [message.id for message in chosen]
    with output.show_progress("looking", waiting) as seen:
        deleted, failed = discarding.delete(deployment, ids, seen)
    output.print_lines(*(f"message {message.id}: deleted" for message in deleted))
    done = {message.id for message in deleted}
    answer = {
        "discarded": [of for of in kept if of["message_id"] in done],
        "not_discarded": [id_ for id_ in ids if id_ not in done],
        "unseen": snapshot.unseen,
    }
    if len(done) < len(ids):
        reasons = {message.id: why for message, why in failed}
        gone = "it is no longer there, or another reader hides it"
        left = "; ".join(f"{id_}: {reasons.get(id_, gone)}" for id_ in ids if id_ not in done)
        text = f"deleted {len(done)} of {_count(chosen)}; not deleted: {left}"
        if stopping.is_requested():
            raise stopping.build_error(text, **answer)
        kind = PartlyDoneError if done else AwsRefusedError if failed else NotFoundError
        raise kind(text, **answer)
    output.print_json(**answer, dry_run=False)


def _count(messages: Sequence[DeadLetterMessage]) -> str:
    return "1 message" if len(messages) == 1 else f"{len(messages)} messages"


def _show(output: Output, message: DeadLetterMessage, *, show_body: bool) -> None:
    body = str(message.raw["Body"])
    received = message.raw["Attributes"].get("ApproximateReceiveCount", "?")
    output.print_lines(
        describe_message(message, None, times.now()),
        f"  received {received} times; the body has {len(body.encode()):,} bytes",
    )
    if show_body:
        more = " …" if len(body) > SHOWN_CHARACTERS else ""
        output.print_lines(f"  body: {escape_text(body[:SHOWN_CHARACTERS])}{more}")
