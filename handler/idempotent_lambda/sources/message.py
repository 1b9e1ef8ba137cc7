"""The message that a processor gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import copy_json
from idempotent_lambda.sources.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One claimed message, as a processor gets it.

    Attributes:
        id: the source's own id of the message; a producer's retry has another id.
        key: idempotency key, without the namespace.
        body: body that the producer sent: decoded if it is a JSON object or array, otherwise text.
        attributes: SQS attributes such as ``SentTimestamp``; empty for other sources.
        message_attributes: producer's attributes as values by name, whatever carried them.
        source: source that delivered the message.
        receive_count: number of deliveries by the source, this one included.
        owner: owner token of this claim: new for every claim, to fence writes downstream.
    """

    id: str
    key: str
    body: Any = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    message_attributes: Mapping[str, str] = field(repr=False)
    source: Source
    receive_count: int
    owner: str
    deadline: Deadline = field(repr=False)
    _raw: Mapping[str, object] = field(repr=False)

    @classmethod
    def from_delivery(
        cls, delivery: Delivery, *, key: str, owner: str, deadline: Deadline
    ) -> "Message":
        """Build the message of a claimed delivery.

        A processor may change its message, so nothing in the message is used again: a copy for the
        dead-letter queue is made from the raw record.
        """
        return cls(
            id=delivery.id,
            key=key,
            body=copy_json(delivery.raw) if delivery.body is delivery.raw else delivery.body,
            attributes=delivery.adapter.read_attributes(delivery.raw),
            message_attributes=dict(delivery.message_attributes),
            source=delivery.source,
            receive_count=delivery.receive_count,
            owner=owner,
            deadline=deadline,
            _raw=delivery.raw,
        )

    @property
    def raw(self) -> Mapping[str, Any]:
        """The record as Lambda delivered it; the event if there are no records.

        Each access makes a new copy.
        """
        copy: Mapping[str, Any] = copy_json(self._raw)
        return copy

    def remaining_millis(self) -> Millis:
        """Return the remaining time of the invocation, in milliseconds, at the time of the call."""
        return self.deadline.remaining()
