"""The message that a processor gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.keys import Key
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import copy_json
from idempotent_lambda.sources.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One claimed message, as a processor gets it.

    Attributes:
        id: the source's own id of the message. It is not a token: a producer's retry and a redriven
            copy have another id.
        key: idempotency key, without the namespace. It is not a token: two consumers of one topic
            have the same key for different operations. Pass on `idempotency_token`.
        body: body that the producer sent: decoded if it is a JSON object or array, otherwise text.
        attributes: SQS attributes such as ``SentTimestamp``; empty for other sources.
        message_attributes: producer's attributes as values by name, whatever carried them.
        source: source that delivered the message.
        receive_count: number of deliveries by the source, this one included. It does not say how
            often the processor ran, and begins again after a redrive.
        owner: owner token of this claim: new for every claim, to fence writes downstream. It is not
            an idempotency token, because the next run has another one.
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
    _key: Key = field(repr=False)

    @classmethod
    def from_delivery(
        cls, delivery: Delivery, *, key: Key, owner: str, deadline: Deadline
    ) -> "Message":
        """Build the message of a claimed delivery.

        A processor may change its message, so nothing in the message is used again: a copy for the
        dead-letter queue is made from the raw record.
        """
        adapter = delivery.adapter
        return cls(
            id=delivery.id,
            key=key.text,
            body=copy_json(delivery.raw) if delivery.body is delivery.raw else delivery.body,
            attributes=adapter.read_attributes(delivery.raw),
            message_attributes=dict(delivery.message_attributes),
            source=adapter.source,
            receive_count=delivery.receive_count,
            owner=owner,
            deadline=deadline,
            _raw=delivery.raw,
            _key=key,
        )

    @property
    def idempotency_token(self) -> str:
        """The token of the operation for a receiver that takes one: 64 of the characters 0-9 a-f.

        It is the SHA-256 of the record id: of the consumer's namespace and the key. Every run of
        one key has the same token, also after a retry, a redelivery, a redrive and a restart. Two
        consumers of one message have different tokens if their namespaces differ. If a message has
        several operations, append a name: ``f"{message.idempotency_token}-refund"``.

        It is not a secret: everyone who knows the namespace and the key can compute it.

        Only in observe mode, a message without a key runs. Its token is made of its id; if the
        source gives no id, its token is new in every run.
        """
        return self._key.token

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
