"""From an event to its deliveries, and from what failed to the response Lambda expects.

Whoever invokes Lambda is the source: it delivers again and reads the response. What it delivers
may wrap an event of somebody else (an SQS body holds an SNS notification, which holds an S3 event):
wrappers are taken off, so that a body is always what the producer sent.

The shape of each event, its URL and an example stand in tests/handler/golden_events.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NoReturn, TypedDict

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import NotDoneError, UnsupportedEventError

TOKEN_ATTRIBUTE = "IdempotencyOwner"  # noqa: S105  # its name, not a secret
"""The SQS message attribute by which the copy of a parked message names the owner of its record.

Behind a space follows the preset key of the message, where that is a text: SQS gives a copy an id
of its own, and with it another key.
"""

WHOLE_EVENT = "event"
"""The id of a delivery whose source gives none: the invocation is delivered again as a whole."""


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


STREAMS = frozenset({Source.KINESIS, Source.DYNAMODB})
"""Lambda reads each shard in order; a batch is of one shard, and retried from a sequence number.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

_SOURCES: Mapping[str, tuple[Source, tuple[str, ...]]] = {
    "aws:sqs": (Source.SQS, ("messageId",)),
    "aws:kinesis": (Source.KINESIS, ("kinesis", "sequenceNumber")),
    "aws:dynamodb": (Source.DYNAMODB, ("dynamodb", "SequenceNumber")),
    "aws:sns": (Source.SNS, ("Sns", "MessageId")),
    "aws:s3": (Source.S3, ()),
}
"""The sources of records, by the name in them, and where they have their ids."""

_WRAPPERS = frozenset({"Type", "detail-type", "Event", "Records"})
"""A body without any of these is no event."""


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
        id: what the response names: SQS ``messageId``, a stream's sequence number, the id of an
            SNS notification or EventBridge event, otherwise `WHOLE_EVENT`. Messages that came in
            one SQS record share it.
        source: who delivered it, not what it was wrapped in.
        body: what the producer sent: decoded where it is JSON, otherwise the text, or the bytes
            where Kinesis data is no UTF-8; the record of S3 and of DynamoDB Streams; the whole
            event of EventBridge and of a direct invocation. None without a body.
        body_problem: why ``body`` is not decoded JSON; None if it is.
        receive_count: how often the source has handed it out, this time included; 1 where the
            source does not tell.
        raw: the record as delivered; the event where there are no records.
        envelope: what a key expression finds beside the body: the fields of ``raw``, overlaid by
            those of the records and notifications that it wrapped. So a parked copy, which comes
            in another wrapper, has the same key.
        message_attributes: the producer's: ``messageAttributes`` of SQS, ``MessageAttributes`` of
            what SNS wrapped.
        group: deliveries of one group are to be processed in their order; None: in any.
        preset: the value of the key if no expression says otherwise; None if there is none.
        token: the owner that the copy of a parked message names; None for all others.
    """

    id: str
    source: Source
    body: Any = field(repr=False)
    body_problem: str | None = None
    receive_count: int = 1
    raw: Mapping[str, Any] = field(repr=False)
    envelope: Mapping[str, Any] = field(default_factory=dict, repr=False)
    message_attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    group: str | None = None
    preset: Any = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def document(self) -> dict[str, Any]:
        """What a key expression searches: the envelope, with the body as the producer sent it."""
        return {**self.envelope, "body": self.body}

    def mark(self, owner: str) -> str:
        """The value of the attribute `TOKEN_ATTRIBUTE` of this message's copy."""
        return f"{owner} {self.preset}" if isinstance(self.preset, str) else owner

    def copy_body(self) -> str:
        """The body of an SQS message that, when it is consumed, has the same body and key.

        All but ASCII is escaped: SQS refuses some characters that JSON allows,
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        """
        if self.source is Source.SQS:
            return str(self.raw.get("body"))
        alone = self.source in (Source.EVENTBRIDGE, Source.DIRECT)
        return json.dumps(self.raw if alone else {"Records": [self.raw]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a processor gets: one claimed message.

    Attributes:
        id: the source's own id of the message; a producer's retry has another one.
        key: the idempotency key, without the namespace.
        body: what the producer sent, see `Delivery`.
        attributes: those that SQS gives, such as ``SentTimestamp``; otherwise none.
        message_attributes: the producer's attributes, in the source's own shape.
        source: who delivered it.
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
            attributes=delivery.envelope.get("attributes") or {},
            message_attributes=delivery.message_attributes,
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

    A record gives one delivery; or as many as the event that it wraps has records; or none if that
    is the test event by which S3 tries a new notification, which is nothing to process.

    Raises:
        UnsupportedEventError: the event is from a source that is not supported, or mixes sources,
            or holds a record without its id. Such a record could not be reported, and what is not
            reported is deleted: failing the whole batch is the only answer that loses nothing.
    """
    match event:
        case {"Records": list(records)}:
            deliveries = [each for record in records for each in _of_record(record)]
            if len({each.source for each in deliveries}) > 1:
                raise _unsupported("the event has records of several sources")
            return tuple(deliveries)
        case {"Records": _}:
            raise _unsupported("the event has Records that are no list")
        case {"eventSource": name}:
            raise _unsupported(f"the event is from {name!r}")
        case dict():
            source, name = Source.DIRECT, WHOLE_EVENT
            if "detail-type" in event:
                source, name = Source.EVENTBRIDGE, str(event.get("id", WHOLE_EVENT))
            return tuple(_inside(Delivery(id=name, source=source, body=event, raw=event)))
        case _:
            raise _unsupported(f"the event is {type(event).__name__}, no object")


def response_of(
    deliveries: Sequence[Delivery], failed: Iterable[Delivery]
) -> PartialBatchResponse | None:
    """The response that has exactly ``failed``, of an event's deliveries, delivered again.

    SQS is told all of them. Of a stream the first is told: Lambda retries from the lowest sequence
    number on. The others know no response but an error, after which Lambda repeats an
    asynchronous invocation; they get None if nothing failed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html

    Raises:
        NotDoneError: some failed, and the source knows no partial response.
    """
    again = {each.id for each in failed}
    ids = tuple(dict.fromkeys(each.id for each in deliveries if each.id in again))
    source = deliveries[0].source if deliveries else Source.SQS
    if source in STREAMS:
        ids = ids[:1]
    elif source is not Source.SQS:
        if ids:
            raise NotDoneError(ids)
        return None
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}


def _of_record(record: Any) -> list[Delivery]:
    if not isinstance(record, dict):
        raise _unsupported(f"the event has a record that is {type(record).__name__}")
    name = record.get("eventSource") or record.get("EventSource")  # SNS alone writes it so
    source, path = _SOURCES.get(name if isinstance(name, str) else "", (None, ()))
    if source is None:
        raise _unsupported(f"the event has a record from {name!r}")
    identifier = _at(record, *path) if path else WHOLE_EVENT
    given = record.get("attributes")
    given = given if isinstance(given, dict) else {}
    if not isinstance(identifier, str) or not identifier:
        raise _unsupported(f"the event has a record from {name} without a {'.'.join(path)}")
    arn, attributes = str(record.get("eventSourceARN")), record.get("messageAttributes") or {}
    group = arn if source in STREAMS else None
    if arn.endswith(".fifo"):  # a standard queue may have message groups too, but no order
        group = f"{arn} {given.get('MessageGroupId')}"
    receives = given.get("ApproximateReceiveCount")
    token, preset = None, identifier
    if attributes and isinstance(mark := _at(attributes, TOKEN_ATTRIBUTE, "stringValue"), str):
        token, _, original = mark.partition(" ")
        preset = original or identifier
    body, problem = _decoded(record.get("body")) if source is Source.SQS else (None, None)
    plain = Delivery(
        id=identifier,
        source=source,
        body=body,
        body_problem=problem,
        receive_count=int(receives) if isinstance(receives, str) and receives.isdecimal() else 1,
        raw=record,
        envelope=record,
        message_attributes=attributes,
        group=group,
        preset=preset,
        token=token,
    )
    if source is not Source.SQS:
        return _unpacked(record, plain)
    return [plain] if not isinstance(body, dict) or _WRAPPERS.isdisjoint(body) else _inside(plain)


def _inside(plain: Delivery) -> list[Delivery]:
    """The messages in a body that is itself an event; the plain message if it is none."""
    match body := plain.body:
        case {"Type": "Notification", "TopicArn": str(), "MessageId": str(), "Message": str(text)}:
            attributes = body.get("MessageAttributes") or {}
            changes = {"preset": body["MessageId"], "message_attributes": attributes}
            return _carried(plain, body, text, **changes)
        case {"detail-type": str(), "source": str(), "id": str(identifier), "detail": _}:
            return [_within(plain, body, preset=identifier)]
        case {"Service": "Amazon S3", "Event": "s3:TestEvent"}:
            return []
        case {"Records": [_, *_] as records}:
            with suppress(UnsupportedEventError):
                return [each for record in records for each in _unpacked(record, plain)]
        case _:
            pass
    return [plain]


def _unpacked(record: Any, outer: Delivery) -> list[Delivery]:
    """The messages in one record of an event that came by itself, or as the body of ``outer``."""
    match record:
        case {"EventSource": Source.SNS, "Sns": {"Type": "Notification"} as notification}:
            return _inside(_within(outer, record, body=notification))
        case {"eventSource": Source.KINESIS, "kinesis": {"data": str(data)}}:
            preset = [record.get("eventSourceARN"), record.get("eventID")]
            with suppress(ValueError):
                return _carried(outer, record, base64.b64decode(data), preset=preset)
        case {"eventSource": Source.S3, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}:
            thing = record["s3"]["object"]
            # Only events that create or delete an object have a sequencer.
            once = thing.get("sequencer") or _at(record, "responseElements", "x-amz-request-id")
            version = thing.get("versionId") or "null"  # S3's own name of the only version
            preset = [bucket, key, version, once, record.get("eventName")]
            return [_within(outer, record, body=record, preset=preset)]
        case {"eventSource": Source.DYNAMODB, "dynamodb": dict()}:
            return [_within(outer, record, body=record, preset=record.get("eventID"))]
        case _:
            pass
    raise _unsupported("the event has a record that is not as its source documents it")


def _carried(outer: Delivery, record: Any, payload: object, **changes: Any) -> list[Delivery]:
    body, problem = _decoded(payload)
    return _inside(_within(outer, record, body=body, body_problem=problem, **changes))


def _within(outer: Delivery, record: Any, **changes: Any) -> Delivery:
    return replace(outer, envelope={**outer.envelope, **record}, **changes)


def _decoded(payload: object) -> tuple[Any, str | None]:
    if isinstance(payload, bytes):
        try:
            payload = payload.decode()
        except UnicodeDecodeError:
            return payload, "the data is no UTF-8 text"
    if not isinstance(payload, str):
        return None, "the record has no body"
    try:
        return _JSON.decode(payload), None
    except json.JSONDecodeError as error:
        return payload, f"{error.msg} at character {error.pos}"
    except (ValueError, RecursionError) as error:
        return payload, f"{type(error).__name__}: no JSON that can be read safely"


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are not JSON and equal nothing, not even themselves.
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def _at(value: Any, *path: str) -> Any:
    """What stands at a path of objects; None if nothing does."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _unsupported(found: str) -> UnsupportedEventError:
    return UnsupportedEventError(
        f"{found}; supported are batches of SQS, Kinesis and DynamoDB Streams by an event source "
        "mapping, and invocations by SNS, S3, EventBridge or with a JSON object"
    )
