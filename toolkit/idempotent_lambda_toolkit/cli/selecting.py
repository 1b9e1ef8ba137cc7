"""Selects messages of the dead-letter queue by what an operator names: a key or a message id."""

from collections.abc import Callable

from idempotent_lambda_toolkit.cli import records
from idempotent_lambda_toolkit.cli.dead_letters import DeadLetterMessage
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.exit_codes import UsageError
from idempotent_lambda_toolkit.cli.records import RecordSelector

MessageFilter = Callable[[DeadLetterMessage], bool]


def select(
    deployment: Deployment,
    *,
    key: str | None = None,
    message_id: str | None = None,
    group: str | None = None,
    allow_id: bool = False,
) -> MessageFilter:
    """Return a filter for the messages that have all that is given.

    Args:
        deployment: the consumer.
        key: a key; with ``allow_id`` also the id of a record (see `RecordSelector`).
        message_id: the id of a message, or of the message that was copied.
        group: a message group.
        allow_id: whether the key may be a record's id.

    Raises:
        UsageError: the keys of messages are not known.
    """
    has_key = None if key is None else _match_key(deployment, key, allow_id=allow_id)

    def fits(message: DeadLetterMessage) -> bool:
        return (
            (has_key is None or has_key(message))
            and (message_id is None or message.is_named(message_id))
            and (group is None or message.group == group)
        )

    return fits


def except_for(deployment: Deployment, names: list[str]) -> dict[str, MessageFilter]:
    """Return a filter for each name, which is a key or a message id.

    Raises:
        UsageError: the keys of messages are not known.
    """
    if names and deployment.key_rule is None:
        text = "the keys of messages are not known without --function"
        raise UsageError(f"{text}, so --except would leave out nothing: set it")
    return {name: _match_any(deployment, name) for name in names}


def _match_any(deployment: Deployment, name: str) -> MessageFilter:
    has_key = _match_key(deployment, name)
    return lambda message: message.is_named(name) or has_key(message)


def _match_key(deployment: Deployment, key: str, *, allow_id: bool = False) -> MessageFilter:
    record = records.find(deployment, RecordSelector(key, allow_id=allow_id))
    if deployment.key_rule is None and record is None:
        text = "the keys of messages are not known without --function"
        raise UsageError(f"{text}: set it, or use --message-id")
    named = {record.id} if record else set(records.ids(deployment.namespace, key))

    def fits(message: DeadLetterMessage) -> bool:
        is_copy = record is not None and message.is_copy_of(record)
        return is_copy or bool(named & message.record_ids)

    return fits
