"""The names of the sources, and the interface behind which each source is one module.

The module of a source has a subclass of `SourceAdapter` and its only instance, named like the
service; `registry` lists the instances. The base classes have what is true of most sources. A
subclass overrides what is different for its source.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from idempotent_lambda.errors import BatchFailedError, StoreRefusedError
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import find_path
from idempotent_lambda.sources.response import PartialBatchResponse, name_failures

WHOLE_EVENT = "event"
"""The id of a delivery whose source gives none: the invocation is delivered again as a whole."""

JsonObject = Mapping[str, object]
"""A record, an event, or a part of one."""

SentAttributes = dict[str, dict[str, object]]
"""Message attributes by name, in the form that SendMessage takes."""


class Source(StrEnum):
    """Who invoked Lambda, delivers again and gets the response.

    The names of records are those of their ``eventSource``.
    """

    SQS = "aws:sqs"
    KINESIS = "aws:kinesis"
    DYNAMODB = "aws:dynamodb"
    SNS = "aws:sns"
    S3 = "aws:s3"
    EVENTBRIDGE = "aws:events"
    DIRECT = "direct"


class MalformedRecordError(Exception):
    """A record, or an event in a body, is not as its source documents it."""

    def __init__(self, problem: str = "a record that is not as its source documents it") -> None:
        super().__init__(f"the event has {problem}")


class Content(NamedTuple):
    """One message, taken out of a record or of an event in a body.

    Attributes:
        fields: what was around it, see `Delivery.wrapped`.
        body: see `Delivery.body`.
        body_problem: see `Delivery.body_problem`.
        default_key: see `Delivery.default_key`.
        message_attributes: the producer's; None if this event has none of its own.
        is_payload: the body is what a producer sent, so it may be the event of another service.
    """

    fields: JsonObject
    body: object
    body_problem: str | None = None
    default_key: object = None
    message_attributes: Mapping[str, str] | None = None
    is_payload: bool = False


class Wrapper:
    """A service whose event may be the body of another source's message.

    Attributes:
        service: its name in the setting ``unwrap``; empty if its events are never in a body.
        carried_services: services whose events it may carry itself. They are unwrapped with it.
        marking_fields: a body without any of these fields is not its event.
    """

    service = ""
    carried_services: frozenset[str] = frozenset()
    marking_fields: frozenset[str] = frozenset()

    def open_body(self, body: JsonObject) -> Sequence[Content] | None:
        """Return the messages in a body; None if the body is not an event of this service.

        Records of a service in a body are opened by `SourceAdapter.open_record`.

        Raises:
            MalformedRecordError: the body only looks like such an event.
        """
        del body
        return None


class SourceAdapter(Wrapper):
    """All that the package knows of one source.

    Attributes:
        source: its name.
        title: its name in the error about an event of another source.
        id_path: the place of a record's id; empty if records have none.
        has_records: Lambda delivers records; otherwise the event is the only message.
        is_polled: an event source mapping reads the source, so that the response names failures.
        redelivers_by_itself: a failed message comes again later without using up retries. For
            other sources a live lease is waited for.
        can_be_postponed: a message can be hidden until its lease is over.
        opens_body: the body may be the event of another service.
        has_unwrap_setting: the settings name the services whose events are in bodies.
    """

    source: Source
    title: str
    id_path: tuple[str, ...] = ()
    has_records = True
    is_polled = False
    redelivers_by_itself = False
    can_be_postponed = False
    opens_body = False
    has_unwrap_setting = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # From event to delivery

    def is_event(self, event: JsonObject) -> bool:
        """Whether an event without a list ``Records`` is from this source."""
        del event
        return False

    def list_records(self, event: JsonObject) -> Sequence[JsonObject]:
        """Return the records of such an event.

        Each must have ``eventSource``: the copy of a parked message is a list of one record.
        """
        return (event,)

    def find_id(self, record: JsonObject) -> str | None:
        """Return the id that the response names; None if a record lacks it."""
        identifier = find_path(record, *self.id_path) if self.id_path else WHOLE_EVENT
        return identifier if isinstance(identifier, str) else None

    def find_group(self, record: JsonObject) -> str | None:
        """Return the group within which order is kept; None if there is no order."""
        del record
        return None

    def read_record(self, record: JsonObject, identifier: str) -> Delivery:
        """Return the delivery of a record.

        Raises:
            MalformedRecordError: the record is not as the source documents it.
        """
        content = self.open_record(record)
        return Delivery(
            id=identifier,
            adapter=self,
            body=content.body,
            body_problem=content.body_problem,
            raw=record,
            wrapped=content.fields,
            message_attributes=content.message_attributes or {},
            group=self.find_group(record),
            default_key=content.default_key,
        )

    def open_record(self, record: JsonObject) -> Content:
        """Return the message in a record that came by itself, or in the body of another source.

        Raises:
            MalformedRecordError: the record is not as the source documents it.
        """
        del record
        raise MalformedRecordError

    # From delivery to processor, response and copy

    def read_attributes(self, record: JsonObject) -> dict[str, str]:
        """Return the attributes that the source itself gives to a message."""
        del record
        return {}

    def build_response(self, ids: tuple[str, ...]) -> PartialBatchResponse | None:
        """Return the response if the deliveries with these ids failed.

        Raises:
            BatchFailedError: there are any, and the source takes no partial response.
        """
        if ids:
            raise BatchFailedError(ids)
        return None

    @property
    def name_in_mark(self) -> str:
        """The name of the source in the mark of a copy, see `CopyMark.source`."""
        return self.source

    def copy_body(self, record: JsonObject) -> str:
        """See `Delivery.copy_body`.

        All but ASCII is escaped: SQS refuses some characters that JSON allows,
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        """
        try:
            return json.dumps({"Records": [record]} if self.has_records else record)
        except (TypeError, ValueError, RecursionError) as error:
            problem = f"the event cannot be written as JSON ({type(error).__name__})"
            raise refuse_copy(problem) from None

    def copy_attributes(self, record: JsonObject) -> SentAttributes:
        """See `Delivery.copy_attributes`."""
        del record
        return {}

    def find_message_group(self, group: str | None) -> str:
        """See `Delivery.find_message_group`; ``group`` is what `find_group` has returned."""
        del group
        return ""


class StreamAdapter(SourceAdapter):
    """A stream: Lambda reads each shard in order; a batch is of one shard.

    A failed batch is retried from a sequence number on.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """

    is_polled = True

    def find_group(self, record: JsonObject) -> str:
        """Return the stream."""
        arn = record.get("eventSourceARN")
        return arn if isinstance(arn, str) else "unknown"

    def build_response(self, ids: tuple[str, ...]) -> PartialBatchResponse:
        """Name the first failure, from which Lambda reads again."""
        return name_failures(ids[:1])


def refuse_copy(problem: str) -> StoreRefusedError:
    """Return the error of a message of which no copy can be sent."""
    text = f"{problem}, so no copy of it can be sent to the dead-letter queue: correct its sender"
    return StoreRefusedError("SendMessage", text, maybe_written=False)
