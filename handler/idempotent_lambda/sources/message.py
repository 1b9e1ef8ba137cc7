"""What a processor gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import copy_json
from idempotent_lambda.sources.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a processor gets: one claimed message.

    Attributes:
        id: the source's own id of the message; a producer's retry has another one.
        key: the idempotency key, without the namespace.
        body: what the producer sent, see `Delivery`.
        attributes: those that SQS gives, such as ``SentTimestamp``; otherwise none.
        message_attributes: the producer's attributes, as values by name, whatever carried them.
        source: who delivered it.
        receive_count: how often the source has handed it out, this time included.
        owner: the owner token of this claim: new for every claim, to fence writes downstream.
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
        """Return the message of a claimed delivery.

        A processor may change what it gets. So nothing in it is needed again: a copy for the
        dead-letter queue is made of what arrived.
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
        """The record as Lambda delivered it; the event where there are no records.

        Each access makes a new copy.
        """
        copy: Mapping[str, Any] = copy_json(self._raw)
        return copy

    def remaining_millis(self) -> Millis:
        """What is left of the invocation, in milliseconds, at the time of the call."""
        return self.deadline.remaining()
