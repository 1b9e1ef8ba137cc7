"""The list of the sources. To add one, write its module and add its adapter to `ADAPTERS`."""

from collections.abc import Collection, Mapping
from itertools import chain

from idempotent_lambda.errors import UnsupportedEventError
from idempotent_lambda.sources import (
    direct,
    dynamodb_streams,
    eventbridge,
    kinesis,
    pipes,
    s3,
    sns,
    sqs,
)
from idempotent_lambda.sources.parsing import describe_name
from idempotent_lambda.sources.source import JsonObject, SourceAdapter, Wrapper

ADAPTERS: tuple[SourceAdapter, ...] = (
    sqs.SQS,
    kinesis.KINESIS,
    dynamodb_streams.DYNAMODB_STREAMS,
    sns.SNS,
    s3.S3,
    eventbridge.EVENTBRIDGE,
    direct.DIRECT,
)
"""The first adapter that accepts an event without ``Records`` reads it, so ``direct`` is last."""

WRAPPERS: tuple[Wrapper, ...] = (
    *(adapter for adapter in ADAPTERS if adapter.service),
    pipes.PIPES,
)
"""The services whose events may be in bodies."""

SERVICES = tuple(sorted(wrapper.service for wrapper in WRAPPERS))
"""The names of these services in the setting ``unwrap``."""

MARKING_FIELDS = frozenset(chain(["Records"], *(wrapper.marking_fields for wrapper in WRAPPERS)))
"""A body without any of these fields is not an event."""

_RECORD_ADAPTERS: Mapping[object, SourceAdapter] = {
    adapter.source: adapter for adapter in ADAPTERS if adapter.has_records
}


def find_record_adapter(record: object) -> SourceAdapter | None:
    """Return the adapter of the source that a record names; None if it names none."""
    name = _find_source_name(record) if isinstance(record, dict) else None
    return _RECORD_ADAPTERS.get(name) if isinstance(name, str) else None


def find_event_adapter(event: JsonObject) -> SourceAdapter | None:
    """Return the adapter of an event without a list ``Records``; None if there is none."""
    return next((adapter for adapter in ADAPTERS if adapter.is_event(event)), None)


def list_services(unwrap: Collection[str]) -> frozenset[str]:
    """Return the services to unwrap: the services in the settings, and the services they carry."""
    services = frozenset(unwrap)
    carried = (wrapper.carried_services for wrapper in WRAPPERS if wrapper.service in services)
    return services.union(*carried)


def refuse_record(record: object) -> UnsupportedEventError:
    """Return the error for an event with a record from an unknown source."""
    if not isinstance(record, dict):
        return refuse_event(f"the event has a record that is {type(record).__name__}")
    name = describe_name(_find_source_name(record))
    return refuse_event(f"the event has a record from {name}")


def refuse_event(problem: str) -> UnsupportedEventError:
    """Return the error for an event that cannot be read."""
    return UnsupportedEventError(f"{problem}; {_describe_supported()}")


def _find_source_name(record: JsonObject) -> object:
    return record.get("eventSource") or record.get("EventSource")  # only SNS uses the capital E


def _describe_supported() -> str:
    *polled, last_polled = [adapter.title for adapter in ADAPTERS if adapter.is_polled]
    *invoking, last_invoking = [adapter.title for adapter in ADAPTERS if not adapter.is_polled]
    return (
        f"supported are batches of {', '.join(polled)} and {last_polled} by an event source "
        f"mapping, and invocations by {', '.join(invoking)} or {last_invoking}"
    )
