"""Batches among the arguments of user code, where a library may have given them its own form."""

from contextlib import suppress
from typing import Any

from idempotent_lambda.sources.registry import ADAPTERS

_POLLED_SOURCES = frozenset(
    {"aws:kafka", "SelfManagedKafka", "aws:mq", "aws:amq", "aws:rmq", "aws:docdb"}
    | {adapter.source for adapter in ADAPTERS if adapter.is_polled}
)
"""The ``eventSource`` of each source that an event source mapping or a pipe polls.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

_BATCH_FIELDS = ("records", "messages", "rmqMessagesByQueue", "events")
"""The fields of the messages of Kafka, ActiveMQ, RabbitMQ and DocumentDB: there, the event has the
``eventSource``.

https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
https://docs.aws.amazon.com/lambda/latest/dg/with-documentdb.html
"""


def find_batch(value: object) -> str | None:
    """Return the source whose batch a value is; None if the value is no batch.

    A batch is the event of an event source mapping, or a list of its records, also of one record:
    a pipe invokes a function with the list alone. Only the first record is read.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-source.html
    """
    with suppress(Exception):  # the value may be anything, and its own code may raise
        records: Any = value
        if not isinstance(value, list | tuple):
            event = _read_fields(value)
            records = dict.get(event, "Records")
            if not records and any(dict.get(event, field) for field in _BATCH_FIELDS):
                records = [event]
        source = dict.get(_read_fields(records[0]), "eventSource")
        if source in _POLLED_SOURCES:
            return str(source)
    return None


def _read_fields(value: object) -> dict[str, object]:
    """Return the fields of an event or a record, without the code of its class.

    The field ``_data`` of an object of Powertools is the event itself:
    https://docs.aws.amazon.com/powertools/python/latest/utilities/data_classes/
    """
    if isinstance(value, dict):
        return value
    fields: dict[str, object] = object.__getattribute__(value, "__dict__")
    data = fields.get("_data")
    return data if type(data) is dict else fields
