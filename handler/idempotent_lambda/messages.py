"""From an event to its deliveries, and from what failed to the response Lambda expects.

Shapes: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html (event) and
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (partial response).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn, TypedDict

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import UnsupportedEventError


class Source(StrEnum):
    """Where a message came from, as its record's ``eventSource`` says."""

    SQS = "aws:sqs"


class BatchItemFailure(TypedDict):
    """One message to deliver again."""

    itemIdentifier: str


class PartialBatchResponse(TypedDict):
    """The answer of a consumer: whatever is not named in it is acknowledged."""

    batchItemFailures: list[BatchItemFailure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message as the event holds it, before it has a key or a claim.

    Attributes:
        id: the source's own id of the message.
        body: the decoded JSON body, or the text where it is not JSON; None without a body.
        body_problem: why ``body`` is not decoded JSON; None if it is.
        receive_count: how often the source has handed it out, this time included.
        raw: the record itself.
    """

    id: str
    source: Source
    body: Any = field(repr=False)
    body_problem: str | None
    receive_count: int
    raw: Mapping[str, Any] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """What a key expression searches: the record, with its JSON body decoded."""
        return {**self.raw, "body": self.body}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a processor gets: one claimed message.

    Attributes:
        id: the source's own id of the message; a producer's retry has another one.
        key: the idempotency key, without the namespace.
        body: the decoded JSON body, or the text where it is not JSON.
        attributes: the source's attributes, such as ``SentTimestamp``.
        message_attributes: the producer's attributes, in the record's own shape.
        receive_count: how often the source has handed it out, this time included.
        owner: the owner token of this claim: new for every claim, to fence writes downstream.
        raw: the record as Lambda delivered it.
    """

    id: str
    key: str
    body: Any = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    message_attributes: Mapping[str, Any] = field(repr=False)
    source: Source
    receive_count: int
    owner: str
    raw: Mapping[str, Any] = field(repr=False)
    deadline: Deadline = field(repr=False)

    @classmethod
    def of(cls, delivery: Delivery, *, key: str, owner: str, deadline: Deadline) -> "Message":
        """The message of a claimed delivery."""
        return cls(
            id=delivery.id,
            key=key,
            body=delivery.body,
            attributes=delivery.raw.get("attributes") or {},
            message_attributes=delivery.raw.get("messageAttributes") or {},
            source=delivery.source,
            receive_count=delivery.receive_count,
            owner=owner,
            raw=delivery.raw,
            deadline=deadline,
        )

    def remaining_millis(self) -> Millis:
        """What is left of the invocation, in milliseconds, at the time of the call."""
        return self.deadline.remaining()


def deliveries_of(event: object) -> tuple[Delivery, ...]:
    """The deliveries of an event, in its order.

    Raises:
        UnsupportedEventError: the event is no SQS batch, comes from a FIFO queue, or holds a
            record without an id. Such a record could not be reported, and what is not reported
            is deleted: failing the whole batch is the only answer that loses nothing.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        found = sorted(map(str, event))[:10] if isinstance(event, dict) else type(event).__name__
        raise UnsupportedEventError(
            f"the event has no list of Records (found: {found}); this version consumes SQS "
            "standard queues only: invoke it through an event source mapping"
        )
    return tuple(_delivery(record) for record in records)


def response_of(failed: Iterable[Delivery]) -> PartialBatchResponse:
    """The partial batch response that has exactly ``failed`` delivered again."""
    identifiers = dict.fromkeys(delivery.id for delivery in failed)
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def _delivery(record: object) -> Delivery:
    if not isinstance(record, dict):
        raise UnsupportedEventError(f"a record of the event is {type(record).__name__}, no object")
    source = record.get("eventSource")
    if source != Source.SQS:
        raise UnsupportedEventError(
            f"a record comes from {source!r}; this version consumes {Source.SQS.value!r} only"
        )
    if str(record.get("eventSourceARN", "")).endswith(".fifo"):
        raise UnsupportedEventError(
            f"{record['eventSourceARN']} is a FIFO queue, whose order this version does not keep; "
            "use a standard queue"
        )
    message_id = record.get("messageId")
    if not isinstance(message_id, str) or not message_id:
        raise UnsupportedEventError(f"a record has the messageId {message_id!r}, not a text")
    body, problem = _decoded(record.get("body"))
    return Delivery(
        id=message_id,
        source=Source.SQS,
        body=body,
        body_problem=problem,
        receive_count=_receive_count(record.get("attributes")),
        raw=record,
    )


def _decoded(body: object) -> tuple[Any, str | None]:
    if not isinstance(body, str):
        return None, "the record has no body"
    try:
        return _JSON.decode(body), None
    except json.JSONDecodeError as error:
        return body, f"{error.msg} at character {error.pos}"
    except (ValueError, RecursionError) as error:
        return body, f"{type(error).__name__}: no JSON that can be read safely"


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are not JSON and equal nothing, not even themselves.
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def _receive_count(attributes: object) -> int:
    count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, dict) else None
    return int(count) if isinstance(count, str) and count.isdecimal() else 1
