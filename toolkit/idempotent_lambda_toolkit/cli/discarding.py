"""Deletes messages from the dead-letter queue, if no record needs them."""

import base64
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda_toolkit.cli import dead_letters, records, sending, stopping
from idempotent_lambda_toolkit.cli.dead_letters import DeadLetterMessage
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import RefusedError, UsageError


def require_unneeded(deployment: Deployment, message: DeadLetterMessage) -> None:
    """Continue only if no record waits for this message.

    A parked record runs only by its copy. So does an interrupted record that a copy has unlocked.

    Raises:
        RefusedError: a record waits for it.
        UsageError: it is a copy, and its record cannot be looked up.
    """
    if message.token is None:
        return
    for record in _find_records(deployment, message):
        if message.is_copy_of(record) and record.status != Status.COMPLETED:
            shown = records.show_key(record.id)
            text = f"message {message.id} is the copy of {shown}, whose record is {record.status}"
            remedy = "resolve KEY --completed completes the record and deletes its copy"
            if record.status != Status.PARKED:
                remedy = "redrive the copy, or wait until the record is parked and resolve it"
            raise RefusedError(f"{text}: without the copy, the key never runs; {remedy}")


def _find_records(deployment: Deployment, message: DeadLetterMessage) -> Iterator[Record]:
    """Yield the records that may wait for a copy: by its keys, or else by a scan of the table."""
    if deployment.options.function is None and not deployment.options.table:
        text = f"message {message.id} is the copy of a parked message"
        raise UsageError(f"{text}, and its record is not known: set --function")
    if not message.record_ids:
        yield from records.scan(deployment, None)
    for record_id in message.record_ids:
        record = records.read_record(deployment, record_id)
        if record is not None:
            yield record


def delete(
    deployment: Deployment,
    ids: Collection[str],
    seen: Callable[[int], None] = lambda _count: None,
) -> tuple[list[DeadLetterMessage], list[tuple[DeadLetterMessage, str]]]:
    """Delete the messages with these ids; return those deleted, and the others with the reasons.

    A signal stops it between two calls. A message that is no longer found is in neither list.

    Raises:
        RefusedError: a record waits for one of them; nothing was deleted.
        StopSignal: a signal arrived before anything was deleted.
    """
    deleted: list[DeadLetterMessage] = []
    failed: list[tuple[DeadLetterMessage, str]] = []
    with dead_letters.hold_messages(deployment) as queue:
        found = queue.look(_is_last_of(ids), seen).found
        chosen = [message for message in found if message.id in ids]
        for message in chosen:
            require_unneeded(deployment, message)
        for some in sending.split(chosen):
            if deleted and stopping.is_requested():
                break
            problems = queue.delete(some)
            failed += problems
            undeleted = {message.id for message, _ in problems}
            deleted += [message for message in some if message.id not in undeleted]
    return deleted, failed


def _is_last_of(ids: Collection[str]) -> Callable[[DeadLetterMessage], bool]:
    """Return a function that is true of the last one of the messages with these ids."""
    missing = set(ids)

    def is_last(message: DeadLetterMessage) -> bool:
        missing.discard(message.id)
        return not missing

    return is_last


def keep(messages: Sequence[DeadLetterMessage]) -> list[dict[str, Any]]:
    """Return all that a producer has sent, for ``--json``; binary values in Base64."""
    return [
        {
            **message.plain(),
            "body": message.raw["Body"],
            "message_attributes": _keep_attributes(message.raw.get("MessageAttributes", {})),
            "attributes": dict(message.raw["Attributes"]),
        }
        for message in messages
    ]


def _keep_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            part: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for part, value in of.items()
            if part in {"DataType", "StringValue", "BinaryValue"}
        }
        for name, of in given.items()
    }
