"""The names of the sources, and the interface that each source implements in one module.

The module of a source has a subclass of `SourceAdapter` and its only instance, which `registry`
lists. The base classes define what is true of most sources; a subclass overrides the differences.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from idempotent_lambda.errors import BatchFailedError, StoreRefusedError
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import find_path
from idempotent_lambda.sources.payload import Payload
from idempotent_lambda.sources.response import PartialBatchResponse, name_failures

WHOLE_EVENT = "event"
"""The id of a delivery whose source gives none: the whole invocation is delivered again."""

JsonObject = Mapping[str, object]
"""A record, an event, or a part of one."""


class Source(StrEnum):
    """The service that invoked Lambda, delivers again and gets the response.

    It is ``SQS``, ``KINESIS``, ``DYNAMODB``, ``SNS``, ``S3``, ``EVENTBRIDGE`` or ``DIRECT``. If a
    source has records, its value is the ``eventSource`` of these records.
    """

    SQS = "aws:sqs"
    KINESIS = "aws:kinesis"
    DYNAMODB = "aws:dynamodb"
    SNS = "aws:sns"
    S3 = "aws:s3"
    EVENTBRIDGE = "aws:events"
    DIRECT = "direct"


class MalformedRecordError(Exception):
    """A record, or an event in a body, does not match the documentation of its source."""

    def __init__(self, problem: str = "a record that is not as its source documents it") -> None:
        super().__init__(f"the event has {problem}")


class Content(NamedTuple):
    """One message, taken out of a record or of an event in a body.

    Attributes:
        fields: fields around the message, see `Delivery.wrapped`.
        body: see `Delivery.body`.
        body_problem: see `Delivery.body_problem`.
        unreadable: see `Delivery.unreadable`.
        default_key: see `Delivery.default_key`.
        message_attributes: attributes of the producer; None if this kind of event has none.
        is_payload: whether a producer sent the body, so that it may be the event of another
            service.
    """

    fields: JsonObject
    body: object
    body_problem: str | None = None
    unreadable: str | None = None
    default_key: object = None
    message_attributes: Mapping[str, str] | None = None
    is_payload: bool = False

    @classmethod
    def from_payload(
        cls,
        fields: JsonObject,
        payload: Payload,
        *,
        default_key: object,
        message_attributes: Mapping[str, str] | None = None,
    ) -> "Content":
        """Return the message with a payload that a producer sent."""
        return cls(fields, *payload, default_key, message_attributes, is_payload=True)


class Wrapper:
    """A service whose event may be the body of another source's message.

    Attributes:
        service: name in the setting ``unwrap``; empty if its events are never in a body.
        carried_services: services whose events may be inside; they are unwrapped too.
        marking_fields: a body without any of these fields is not an event of the service.
    """

    service = ""
    carried_services: frozenset[str] = frozenset()
    marking_fields: frozenset[str] = frozenset()

    def open_body(self, body: JsonObject) -> Sequence[Content] | None:
        """Return the messages in a body; None if the body is not an event of this service.

        `SourceAdapter.open_record` opens records of a service in a body.

        Raises:
            MalformedRecordError: the body only looks like such an event.
        """
        del body
        return None


class SourceAdapter(Wrapper):
    """Everything that the package knows about one source.

    Attributes:
        source: name of the source.
        title: name of the source in the error about an event of another source.
        id_path: path to the id of a record; empty if records have no id.
        has_records: Lambda delivers records; otherwise the event is the only message.
        is_polled: an event source mapping reads the source, so the response names failures.
        redelivers_by_itself: a failed message comes again later without using up retries. For other
            sources, the worker waits for a live lease.
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

        Each record must have ``eventSource``: the copy of a parked message is a list of one record.
        """
        return (event,)

    def find_id(self, record: JsonObject) -> str | None:
        """Return the id that the response names; None if a record has no id."""
        identifier = find_path(record, *self.id_path) if self.id_path else WHOLE_EVENT
        return identifier if isinstance(identifier, str) else None

    def find_group(self, record: JsonObject) -> str | None:
        """Return the group within which order is kept; None if there is no order."""
        del record
        return None

    def read_record(self, record: JsonObject, identifier: str) -> Delivery:
        """Return the delivery of a record.

        Raises:
            MalformedRecordError: the record does not match the documentation of its source.
        """
        content = self.open_record(record)
        return Delivery(
            id=identifier,
            adapter=self,
            body=content.body,
            body_problem=content.body_problem,
            unreadable=content.unreadable,
            raw=record,
            wrapped=content.fields,
            message_attributes=content.message_attributes or {},
            group=self.find_group(record),
            default_key=content.default_key,
        )

    def open_record(self, record: JsonObject) -> Content:
        """Return the message in a record, whether delivered directly or in another source's body.

        Raises:
            MalformedRecordError: the record does not match the documentation of its source.
        """
        del record
        raise MalformedRecordError

    # From delivery to processor, response and copy

    @property
    def messaging_system(self) -> str | None:
        """The name of the source in traces; None if it sends no messages.

        OpenTelemetry knows ``aws_sqs`` and ``aws.sns``; all others have the form of the first.
        """
        return self.source.replace(":", "_")

    def find_destination(self, record: JsonObject) -> str | None:
        """Return the name of the queue, stream or table that the record comes from, if any."""
        arn = record.get("eventSourceARN")
        if not isinstance(arn, str):
            return None
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
        resource = arn.split(":", 5)[-1]
        return resource.split("/")[1] if "/" in resource else resource

    def read_attributes(self, record: JsonObject) -> dict[str, str]:
        """Return the attributes that the source itself gives a message."""
        del record
        return {}

    def build_response(self, ids: tuple[str, ...]) -> PartialBatchResponse | None:
        """Return the response if the deliveries with these ids failed.

        Raises:
            BatchFailedError: there are failures, and the source accepts no partial response.
        """
        if ids:
            raise BatchFailedError(ids)
        return None

    @property
    def name_in_mark(self) -> str:
        """The name of the source in the mark of a copy, see `CopyMark.source`."""
        return self.source

    def build_copy(self, record: JsonObject) -> dict[str, Any]:
        """See `Delivery.build_copy`.

        The text is escaped to ASCII, because SQS refuses some characters that JSON allows:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        """
        try:
            text = json.dumps({"Records": [record]} if self.has_records else record)
        except (TypeError, ValueError, RecursionError) as error:
            problem = f"the event cannot be written as JSON ({type(error).__name__})"
            raise refuse_copy(problem) from None
        return {"MessageBody": text, "MessageAttributes": {}}


class StreamAdapter(SourceAdapter):
    """A stream: Lambda reads each shard in order, and a batch comes from one shard.

    A failed batch is retried from a sequence number on.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """

    is_polled = True

    def find_group(self, record: JsonObject) -> str:
        """Return the stream."""
        arn = record.get("eventSourceARN")
        return arn if isinstance(arn, str) else "unknown"

    def build_response(self, ids: tuple[str, ...]) -> PartialBatchResponse:
        """Name the first failure; Lambda reads again from there."""
        return name_failures(ids[:1])


def refuse_copy(problem: str) -> StoreRefusedError:
    """Return the error for a message of which no copy can be sent."""
    text = f"{problem}, so no copy of it can be sent to the dead-letter queue: correct its sender"
    return StoreRefusedError("SendMessage", text, maybe_written=False)
