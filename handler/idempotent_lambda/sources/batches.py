"""Batches among the arguments of user code, where a library may have given them its own form."""

import inspect
from collections.abc import Mapping
from types import MemberDescriptorType, NoneType
from typing import Any

from idempotent_lambda.sources.registry import find_record_adapter

_OTHER_BATCHES = {
    # https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
    "aws:kafka": ("Kafka", "records"),
    # https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
    "SelfManagedKafka": ("Kafka", "records"),
    # https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
    "aws:mq": ("ActiveMQ", "messages"),
    "aws:amq": ("ActiveMQ", "messages"),  # the name in EventBridge Pipes
    "aws:rmq": ("RabbitMQ", "rmqMessagesByQueue"),
    # https://docs.aws.amazon.com/lambda/latest/dg/with-documentdb.html
    "aws:docdb": ("DocumentDB", "events"),
}
"""The sources whose events have no ``Records``: their titles, and the fields of their messages, by
``eventSource``."""

_EVENT_FIELDS = ("Records", "eventSource", *{field for _, field in _OTHER_BATCHES.values()})

_WRAPPED_FIELDS = ("_data", "data", "_event_dict")
"""The field that holds the event itself in the objects of Powertools, of UserDict and of Chalice.

https://docs.aws.amazon.com/powertools/python/latest/utilities/data_classes/
https://aws.github.io/chalice/api.html#event-sources
"""

_PLAIN_TYPES = frozenset({str, int, float, bool, bytes, NoneType})


def find_batch(value: object) -> str | None:
    """Return the title of the source whose batch a value is; None if the value is no batch.

    A batch is the event of an event source mapping, or a list of its records, also of one record.
    Only the first record is read. The fields of an object are read without its class.
    """
    if type(value) in _PLAIN_TYPES:
        return None
    try:
        if issubclass(type(value), list | tuple):
            return _find_source(value)
        event = _read_fields(value)
        if title := _find_source(dict.get(event, "Records")):
            return title
        title, field = _OTHER_BATCHES.get(dict.get(event, "eventSource", ""), ("", ""))
        return title if field and dict.get(event, field) is not None else None
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return None


def _find_source(records: Any) -> str | None:
    """Return the title of the source of some records, if a mapping or a pipe polls it.

    A pipe invokes a function with the list alone, and gives each record its source:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-source.html
    """
    if not (issubclass(type(records), list | tuple) and records):
        return None
    name = dict.get(_read_fields(records[0]), "eventSource")
    if name in _OTHER_BATCHES:
        return _OTHER_BATCHES[name][0]
    adapter = find_record_adapter({"eventSource": name})
    return adapter.title if adapter and adapter.is_polled else None


def _read_fields(value: Any) -> dict[str, Any]:
    """Return the fields of an event or a record: a dict, or an object that a library has made."""
    kind = type(value)
    if issubclass(kind, dict):
        fields: dict[str, Any] = value
        return fields
    try:
        fields = object.__getattribute__(value, "__dict__")
    except AttributeError:  # its class has slots
        slots = {name: inspect.getattr_static(kind, name, None) for name in _EVENT_FIELDS}
        kinds = MemberDescriptorType
        return {name: slot.__get__(value) for name, slot in slots.items() if type(slot) is kinds}
    inner = (fields.get(name) for name in _WRAPPED_FIELDS)
    is_wrapper = "_event_dict" in fields or issubclass(kind, Mapping)
    return next((part for part in inner if is_wrapper and type(part) is dict), fields)
