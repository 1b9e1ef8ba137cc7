"""From an event to its deliveries, without the events of other services that wrap them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import describe_name, is_count
from idempotent_lambda.sources.registry import (
    MARKING_FIELDS,
    WRAPPERS,
    find_event_adapter,
    find_record_adapter,
    list_services,
    refuse_event,
    refuse_record,
)
from idempotent_lambda.sources.source import (
    Content,
    JsonObject,
    MalformedRecordError,
    SourceAdapter,
)


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


_FORM_FIELDS = frozenset({"window", "DurableExecutionArn"})
"""An event without any of these fields has none of the forms of `recognition.refuse_form`."""


def read_event(event: object, unwrap: Collection[str] = ()) -> tuple[Delivery, ...]:
    """Return the deliveries of an event, in order.

    A record is one delivery. If it wraps an event, it is as many deliveries as that event has
    records, and none for the test event that S3 sends for a new notification.

    Args:
        event: event as Lambda delivers it.
        unwrap: services whose events are taken out of bodies; see `Settings.unwrap`.

    Raises:
        UnsupportedEventError: the source is not supported, or the event mixes sources or holds a
            record without its id. Such a record cannot be reported, and a record that is not
            reported is deleted: nothing is lost only if the whole batch fails.
    """
    if not isinstance(event, dict):
        found = f"{type(event).__name__}, not an object"
        if isinstance(event, list):
            found = "a list, as EventBridge Pipes sends it: let the pipe send to the queue"
        raise refuse_event(f"the event is {found}")
    _check_form(event)
    services = list_services(unwrap)
    deliveries: list[Delivery] = []
    if "Records" not in event:
        adapter = find_event_adapter(event)
        if adapter is None:
            raise refuse_event(f"the event is from {describe_name(event.get('eventSource'))}")
        for record in adapter.list_records(event):
            deliveries += _read_record(adapter, record, services)
        return tuple(deliveries)
    for record in event["Records"]:
        adapter = find_record_adapter(record)
        if adapter is None:
            raise refuse_record(record)
        deliveries += _read_record(adapter, record, services)
    if len({delivery.source for delivery in deliveries}) > 1:
        raise refuse_event("the event has records of several sources")
    return tuple(deliveries)


def _check_form(event: JsonObject) -> None:
    """Raise if the fields of an event belong to no source."""
    if not _FORM_FIELDS.isdisjoint(event):
        from idempotent_lambda.sources.recognition import refuse_form  # noqa: PLC0415

        if error := refuse_form(event):
            raise error
    if "Records" not in event:
        return
    if not isinstance(event["Records"], list):
        raise refuse_event("the event has Records that are not a list")
    if not event["Records"] and len(event) > 1:
        raise refuse_event("the event has no Records, but other fields")


def _read_record(
    adapter: SourceAdapter, record: JsonObject, services: frozenset[str]
) -> list[Delivery]:
    identifier = adapter.find_id(record)
    if not identifier:
        place = ".".join(adapter.id_path)
        raise refuse_event(f"the event has a record from {adapter.source} without a {place}")
    try:
        delivery = adapter.read_record(record, identifier)
    except MalformedRecordError as error:
        return [_reject_record(adapter, record, identifier, str(refuse_event(str(error))))]
    found = unwrap_body(delivery, services) if adapter.opens_body else [delivery]
    if delivery.mark:
        return _read_copy(delivery, delivery.mark, found, services)
    return found if len(found) == 1 else _number_messages(found)


def _reject_record(
    adapter: SourceAdapter, record: JsonObject, identifier: str, problem: str
) -> Delivery:
    group = adapter.find_group(record)
    return Delivery(
        id=identifier, adapter=adapter, body=None, raw=record, group=group, unreadable=problem
    )


def _number_messages(found: list[Delivery]) -> list[Delivery]:
    return [replace(delivery, position=place) for place, delivery in enumerate(found, 1)]


def _read_copy(
    copy: Delivery, mark: CopyMark, found: list[Delivery], services: frozenset[str]
) -> list[Delivery]:
    """Return the delivery of a message that claims to be the copy of a parked message.

    Args:
        copy: message as its source delivered it.
        mark: mark of the message.
        found: messages in the body, without the wrappers of ``services``.
        services: services to unwrap.
    """
    is_plain = len(found) == 1 and found[0] is copy
    record_inside = _open_copied_record(copy, services) if mark.source and is_plain else None
    inside = found if record_inside is None else record_inside
    if len(inside) == 1 and not mark.position:
        return [replace(inside[0], unconfirmed=record_inside is not None)]
    if len(inside) > 1 and record_inside is None and not (mark.position or mark.source):
        # Nothing says which of the messages was parked.
        token = CopyMark(mark.token)
        return _number_messages([replace(delivery, mark=token) for delivery in found])
    place = int(mark.position) if is_count(mark.position) else 0
    if len(inside) > 1 and 0 < place <= len(inside):
        return [replace(inside[place - 1], unconfirmed=True)]
    problem = "it says that it is a copy of a message that it does not hold: send its body again"
    text = f"{problem} without the attribute {TOKEN_ATTRIBUTE}"
    return [replace(copy, mark=None, unreadable=text)]


def _open_copied_record(copy: Delivery, services: frozenset[str]) -> list[Delivery] | None:
    """Return the messages in a copied record; None if the body does not hold such a record.

    The copy of a message from a source other than SQS has that source's record as its body.
    """
    match copy.body:
        case {"Records": [dict() as record]}:
            adapter = find_record_adapter(record)
        case _:
            return None
    if adapter is None:
        return None
    try:
        content = adapter.open_record(record)
    except MalformedRecordError:
        return None
    return unwrap_contents(copy, (content,), services)
