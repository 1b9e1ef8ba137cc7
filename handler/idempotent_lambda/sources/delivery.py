"""One message in the form in which an event holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from idempotent_lambda.sources.traces import TraceContext, parse_traceparent, parse_xray_header

if TYPE_CHECKING:
    from idempotent_lambda.sources.copy_mark import CopyMark
    from idempotent_lambda.sources.source import Source, SourceAdapter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delivery:
    """One message as the event holds it, before it has a key or a claim.

    Attributes:
        id: id in the response: SQS ``messageId``, a stream's sequence number, the id of an SNS
            notification or EventBridge event, otherwise `WHOLE_EVENT`. Messages from one SQS record
            share their id.
        adapter: adapter of the source that delivered the message, whatever wrapped it.
        body: body that the producer sent: decoded if it is a JSON object or array, otherwise the
            same text, or bytes if Kinesis data is not UTF-8; the record of S3 and of DynamoDB
            Streams; the whole event of EventBridge and of a direct invocation. None without a
            body.
        body_problem: what ``body`` is instead of a JSON object or array; None if it is one.
        unreadable: reason why the message is rejected, whatever its key: its record does not match
            its source's documentation, or `decode_payload` refuses its body.
        receive_count: deliveries by the source, this one included; 1 if the source does not count.
        raw: record as delivered; the event if there are no records.
        wrapped: fields of the removed records and notifications. If two of them have a field with
            the same name, the outer one counts.
        message_attributes: producer's attributes as values by name, whatever carried them; binary
            values are in Base64.
        group: deliveries of one group are processed in order; None for any order.
        default_key: value of the key without a key expression; None if there is none.
        position: number of the message within its record, from 1; 0 if the record has only one.
        mark: mark of a copy of a parked message; None for all others.
        unconfirmed: only the mark says which part of the message is the body. So the mark counts
            only if the record of its key belongs to this copy.
    """

    id: str
    adapter: "SourceAdapter"
    body: object = field(repr=False)
    body_problem: str | None = None
    unreadable: str | None = None
    receive_count: int = 1
    raw: Mapping[str, object] = field(repr=False)
    wrapped: Mapping[str, object] = field(default_factory=dict, repr=False)
    message_attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    group: str | None = None
    default_key: object = field(default=None, repr=False)
    position: int = 0
    mark: "CopyMark | None" = field(default=None, repr=False)
    unconfirmed: bool = False

    @property
    def source(self) -> "Source":
        """The source that delivered the message, whatever wrapped it."""
        return self.adapter.source

    @property
    def token(self) -> str | None:
        """The owner token in the copy of a parked message; None for all others."""
        return self.mark.token if self.mark else None

    @property
    def trace(self) -> TraceContext | None:
        """The trace of the producer, as SQS carries it or an attribute states it; None if unknown.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
        """
        header = self.adapter.read_attributes(self.raw).get("AWSTraceHeader", "")
        stated = self.message_attributes.get("traceparent", "")
        return parse_xray_header(header) or parse_traceparent(stated)

    @property
    def redelivers_by_itself(self) -> bool:
        """Whether the source redelivers the message later; if not, claims wait for a live lease."""
        return self.adapter.redelivers_by_itself

    @property
    def can_be_postponed(self) -> bool:
        """Whether the source can be asked to deliver the message again at a certain time."""
        return self.adapter.can_be_postponed

    def build_document(self) -> dict[str, object]:
        """Build the document that a key expression searches.

        The document has the fields of the record as Lambda delivered it, and ``body``, ``wrapped``
        and ``message_attributes``. For an event without records, it has only these three.
        """
        record = self.raw if self.adapter.has_records else {}
        added = {"wrapped": self.wrapped, "message_attributes": self.message_attributes}
        return {**record, **added, "body": self.body}

    def build_copy(self) -> dict[str, Any]:
        """Build a request to SendMessage, without queue and mark.

        The message has the same body as this one when it is consumed. A message from SQS keeps its
        attributes, its group and its trace header. What SQS would refuse of these is left out: only
        a damaged record has it.

        Raises:
            StoreRefusedError: there is no body, or the event cannot be written as JSON.
        """
        return self.adapter.build_copy(self.raw)
