"""From a body that holds the event of another service to the messages in that event."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.registry import MARKING_FIELDS, WRAPPERS, find_record_adapter
from idempotent_lambda.sources.source import Content, MalformedRecordError


def unwrap_body(delivery: Delivery, services: frozenset[str]) -> list[Delivery]:
    """Return the messages in a body that is itself an event; otherwise the delivery itself."""
    contents = _find_contents(delivery.body, services)
    return [delivery] if contents is None else unwrap_contents(delivery, contents, services)


def unwrap_contents(
    outer: Delivery, contents: Iterable[Content], services: frozenset[str]
) -> list[Delivery]:
    """Return the messages in the body of a delivery, down to those that the producers sent."""
    found: list[Delivery] = []
    for content in contents:
        attributes = content.message_attributes
        inner = replace(
            outer,
            body=content.body,
            body_problem=content.body_problem,
            unreadable=outer.unreadable or content.unreadable,
            wrapped={**content.fields, **outer.wrapped},
            message_attributes=outer.message_attributes if attributes is None else attributes,
            default_key=content.default_key,
        )
        inside = _find_contents(content.body, services) if content.is_payload else None
        if inside is None:
            found.append(inner)
        else:
            found += unwrap_contents(inner, inside, services)
    return found


def find_wrapper(delivery: Delivery) -> str | None:
    """Return the name of the service whose event a body looks like; None if there is none."""
    if not delivery.adapter.has_unwrap_setting or delivery.wrapped:
        return None
    for wrapper in WRAPPERS:
        if _find_contents(delivery.body, frozenset({wrapper.service})) is not None:
            return wrapper.service
    return None


def _find_contents(body: object, services: frozenset[str]) -> Sequence[Content] | None:
    """Return the messages in a body; None if the body is not an event of these services."""
    if not isinstance(body, dict) or MARKING_FIELDS.isdisjoint(body):
        return None
    try:
        for wrapper in WRAPPERS:
            if wrapper.service in services:
                contents = wrapper.open_body(body)
                if contents is not None:
                    return contents
        return _open_records(body.get("Records"), services)
    except MalformedRecordError:
        return None  # the body only looks like an event


def _open_records(records: object, services: frozenset[str]) -> Sequence[Content] | None:
    """Return the messages in a list of records; None unless all are from these services."""
    if not isinstance(records, list) or not records:
        return None
    contents = []
    for record in records:
        adapter = find_record_adapter(record)
        if adapter is None or adapter.service not in services:
            return None
        contents.append(adapter.open_record(record))
    return contents
