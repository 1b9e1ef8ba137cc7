"""One message as an event holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from idempotent_lambda.sources.copy_mark import CopyMark
    from idempotent_lambda.sources.source import SentAttributes, Source, SourceAdapter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delivery:
    """One message as the event holds it, before it has a key or a claim.

    Attributes:
        id: what the response names: SQS ``messageId``, a stream's sequence number, the id of an
            SNS notification or EventBridge event, otherwise `WHOLE_EVENT`. Messages that came in
            one SQS record share it.
        adapter: of the source that delivered it, whatever it was wrapped in.
        body: what the producer sent: decoded where it is JSON, otherwise the text, or the bytes
            where Kinesis data is not UTF-8; the record of S3 and of DynamoDB Streams; the whole
            event of EventBridge and of a direct invocation. None without a body.
        body_problem: why ``body`` is not decoded JSON; None if it is.
        unreadable: why the record is not what its source documents, so that it is rejected.
        receive_count: how often the source has handed it out, this time included; 1 where the
            source does not count.
        raw: the record as delivered; the event where there are no records.
        wrapped: the fields of the records and notifications that were taken off. Where two of them
            have a field of one name, the outer one counts.
        message_attributes: the producer's, as values by name, whatever carried them; binary values
            are in Base64.
        group: deliveries of one group are to be processed in their order; None: in any.
        default_key: the value of the key if no expression says otherwise; None if there is none.
        position: which message of its record it is, from 1; 0 if it is alone.
        mark: what the message says as the copy of a parked one; None for all others.
        unconfirmed: only the mark says which part of the message is the body. So it counts only if
            the record of its key belongs to this copy.
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
        """Who delivered it, whatever it was wrapped in."""
        return self.adapter.source

    @property
    def token(self) -> str | None:
        """The owner that the copy of a parked message names; None for all others."""
        return self.mark.token if self.mark else None

    @property
    def redelivers_by_itself(self) -> bool:
        """Whether the source delivers it again later; otherwise a live lease is waited for."""
        return self.adapter.redelivers_by_itself

    @property
    def can_be_postponed(self) -> bool:
        """Whether the source can be asked to deliver it again at a certain time."""
        return self.adapter.can_be_postponed

    def build_document(self) -> dict[str, object]:
        """Return what a key expression searches.

        It has the fields of the record as Lambda delivered it, and ``body``, ``wrapped`` and
        ``message_attributes``. An event without records has nothing but these three.
        """
        record = self.raw if self.adapter.has_records else {}
        added = {"wrapped": self.wrapped, "message_attributes": self.message_attributes}
        return {**record, **added, "body": self.body}

    def copy_body(self) -> str:
        """Return the body of an SQS message that, when it is consumed, has the same body.

        Raises:
            StoreRefusedError: there is no body, or the event cannot be written as JSON.
        """
        return self.adapter.copy_body(self.raw)

    def copy_attributes(self) -> "SentAttributes":
        """Return the message attributes of such an SQS message, without the mark.

        Raises:
            ValueError: those of the message are not as its source documents them.
        """
        return self.adapter.copy_attributes(self.raw)

    def find_message_group(self) -> str:
        """Return its message group on a FIFO queue; otherwise an empty text."""
        return self.adapter.find_message_group(self.group)
