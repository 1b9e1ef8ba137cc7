"""When an event was sent, as it says itself."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda_toolkit.testing.events import Event
from idempotent_lambda_toolkit.testing.hammering.responses import has_records

_EARLIEST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp()
_LATEST = dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()
"""A time outside of these two is made up, like 1970 in the samples of AWS."""


def find_sent_time(event: Event) -> EpochMillis | None:
    """Return the time of the newest record of an event; None if it has none."""
    records = event["Records"] if has_records(event) else [event]
    found = [
        seconds
        for record in records
        if isinstance(record, dict)
        for seconds in map(_read_seconds, _list_times(record))
        if _EARLIEST <= seconds <= _LATEST
    ]
    return EpochMillis(round(max(found) * 1000)) if found else None


def _list_times(record: dict[str, Any]) -> Iterator[object]:
    """List the times in a record. Each source has its own place and unit.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html
    """
    millis = _get(record, "attributes", "SentTimestamp")
    if isinstance(millis, str) and millis.isdecimal():
        yield int(millis) / 1000
    yield _get(record, "kinesis", "approximateArrivalTimestamp")
    yield _get(record, "dynamodb", "ApproximateCreationDateTime")
    yield _get(record, "Sns", "Timestamp")
    yield record.get("eventTime")
    if "detail-type" in record:
        yield record.get("time")


def _get(record: dict[str, Any], group: str, name: str) -> object:
    inner = record.get(group)
    return inner.get(name) if isinstance(inner, dict) else None


def _read_seconds(value: object) -> float:
    """Read seconds since 1970, as a number or an ISO time; return 0 for anything else."""
    if isinstance(value, int | float):
        return value
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return 0
    return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp() if moment else 0
