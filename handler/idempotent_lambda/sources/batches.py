"""Batches among the arguments of user code, where a library may have given them its own form."""

from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Any

from idempotent_lambda.sources.registry import ADAPTERS
from idempotent_lambda.sources.response import read_fields

_POLLED_SOURCES = frozenset(
    {"aws:kafka", "SelfManagedKafka", "aws:mq", "aws:amq", "aws:rmq", "aws:docdb"}
    | {adapter.source for adapter in ADAPTERS if adapter.is_polled}
)
"""The ``eventSource`` of each source that an event source mapping or a pipe polls.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

_BATCH_FIELDS = ("records", "messages", "rmqmessagesbyqueue", "events")
"""The fields of an event, in the spelling of `_fold_fields`, that hold its records.

https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
https://docs.aws.amazon.com/lambda/latest/dg/with-documentdb.html
"""

_RECORD_FIELDS = {
    "aws:sqs": {"messageid", "receipthandle"},
    "aws:kinesis": {"partitionkey", "sequencenumber"},
    "aws:dynamodb": {"dynamodb", "keys"},
    "aws:kafka": {"topic", "partition", "offset"},
}
"""The fields that only records of a source have, for models that leave ``eventSource`` out."""


def find_batch(value: object) -> str | None:
    """Return the source whose batch a value is; None for any other value.

    A batch is the event of an event source mapping, or a collection of its records, also of one
    record: a pipe invokes a function with the list alone. Only the first record is read. An
    iterator is not read, because that would take its records.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-source.html
    """
    with suppress(Exception):  # the value may be anything, and its own code may raise
        parts = [part for name, part in _fold_fields(value) if name in _BATCH_FIELDS and part]
        found = [value] if parts else []
        found += [part[0] for part in parts or [value] if isinstance(part, list | tuple | deque)]
        for part in found:
            fields = dict(_fold_fields(part))
            for name in ("kinesis", "dynamodb"):
                fields |= _fold_fields(fields.get(name))
            if (source := fields.get("eventsource")) in _POLLED_SOURCES:
                return str(source)
            for source, needed in _RECORD_FIELDS.items():
                if fields.keys() >= needed:
                    return source
    return None


def _fold_fields(value: object) -> list[Any]:
    """Return the fields of an event or a record: names without case and underscores, values."""
    items = islice(dict.items(read_fields(value)), 50)  # no event and no record has as many
    return [(str.lower(name).replace("_", ""), part) for name, part in items]
