"""From an event to its deliveries, and from what failed to the response Lambda expects.

Whoever invokes Lambda is the source: it delivers again and reads the response. What it delivers
may wrap an event of somebody else (an SQS body holds an SNS notification, which holds an S3 event).
The wrappers of the services that the settings name are taken off, so that a body is what the
producer sent. What a wrapper says is kept apart from what the source says: anybody who may send to
a queue can write a body that looks like a wrapper.

The shape of each event, its URL and an example stand in tests/handler/golden_events.
"""

import base64
import json
import marshal
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn, TypedDict, TypeGuard, cast

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import NotDoneError, StoreRefusedError, UnsupportedEventError

TOKEN_ATTRIBUTE = "IdempotencyOwner"  # noqa: S105  # its name, not a secret
"""The SQS message attribute by which the copy of a parked message names the owner of its record.

The key of the message follows, see `write_mark`: a copy has another message id, another sender and
perhaps another wrapper, so by itself it may have another key.
"""

MOST_DIGITS = 10
"""Of a receive count; Python refuses to read numbers of thousands."""

MAXIMUM_NAME_CHARACTERS = 100
"""Of what an event has in the place of a source's name, in an error."""

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

_WRAPPERS = frozenset({"Type", "detail-type", "Event", "Records", "eventSource"})
"""A body without any of these is no event."""

_ALONE = frozenset({Source.EVENTBRIDGE, Source.DIRECT})
"""They deliver an event without records."""

_SERVICES = {Source.SNS: "sns", Source.S3: "s3"}
"""The names that the settings have for the sources of records in a body."""

_TEST_EVENT = frozenset({"Service", "Event", "Time", "Bucket", "RequestId", "HostId"})
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""

_ID = re.compile(r"[A-Za-z0-9:-]{1,100}")
_NOTHING: Mapping[str, Any] = {}


class BatchItemFailure(TypedDict):
    """One message to deliver again."""

    itemIdentifier: str


class PartialBatchResponse(TypedDict):
    """The answer of a consumer: whatever is not named in it is acknowledged."""

    batchItemFailures: list[BatchItemFailure]


class Mark(NamedTuple):
    """What the attribute `TOKEN_ATTRIBUTE` of a copy says.

    Attributes:
        token: the owner of the parked record.
        source: who delivered the message; empty for SQS.
        first_id: the id of the message, for operators: its log line has it.
        position: which of the messages it was that its record held, from 1; empty if it was alone.
        stated: its key; empty if only the hash of that is known.
    """

    token: str
    source: str = ""
    first_id: str = ""
    position: str = ""
    stated: str = ""

    @classmethod
    def read(cls, text: str) -> "Mark":
        """What an attribute says: ``TOKEN KEY``, or ``TOKEN /SOURCE/ID/POSITION KEY``."""
        token, _, rest = text.partition(" ")
        if not rest.startswith("/"):
            return cls(token, first_id=rest, stated=rest)
        origin, _, stated = rest.partition(" ")
        parts = [part if _ID.fullmatch(part) else "" for part in origin.split("/")[1:]]
        source, first_id, position = [*parts, "", "", ""][:3]
        return cls(token, source, first_id or stated, position, stated)

    def write(self) -> str:
        """The attribute that says so. What is the key, or is not known, is left out."""
        first_id = "" if self.first_id == self.stated else self.first_id
        origin = f"/{self.source}/{first_id}/{self.position}".rstrip("/")
        if not origin and not self.stated.startswith("/"):
            return f"{self.token} {self.stated}".rstrip()
        return f"{self.token} {origin or '/'} {self.stated}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
        unreadable: why the record is not what its source documents, so that it is rejected.
        receive_count: how often the source has handed it out, this time included; 1 where the
            source does not tell.
        raw: the record as delivered; the event where there are no records.
        wrapped: the fields of the records and notifications that were taken off. Where two of them
            have a field of one name, the outer one counts.
        message_attributes: the producer's, as values by name, whatever carried them; binary values
            are in Base64.
        group: deliveries of one group are to be processed in their order; None: in any.
        preset: the value of the key if no expression says otherwise; None if there is none.
        position: which message of its record it is, from 1; 0 if it is alone.
        mark: what the message says as the copy of a parked one; None for all others.
        unconfirmed: only the mark says what of the message is the body. So it counts only if the
            record of its key belongs to this copy.
    """

    id: str
    source: Source
    body: Any = field(repr=False)
    body_problem: str | None = None
    unreadable: str | None = None
    receive_count: int = 1
    raw: Mapping[str, Any] = field(repr=False)
    wrapped: Mapping[str, Any] = field(default_factory=dict, repr=False)
    message_attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    group: str | None = None
    preset: Any = field(default=None, repr=False)
    position: int = 0
    mark: Mark | None = field(default=None, repr=False)
    unconfirmed: bool = False

    @property
    def token(self) -> str | None:
        """The owner that the copy of a parked message names; None for all others."""
        return self.mark.token if self.mark else None

    def document(self) -> dict[str, Any]:
        """What a key expression searches.

        The fields of the record as Lambda delivered it, and beside them ``body``, ``wrapped`` and
        ``message_attributes``. An event without records has nothing but these three.
        """
        record = _NOTHING if self.source in _ALONE else self.raw
        told = {"wrapped": self.wrapped, "message_attributes": self.message_attributes}
        return {**record, **told, "body": self.body}

    def copy_body(self) -> str:
        """The body of an SQS message that, when it is consumed, has the same body.

        All but ASCII is escaped: SQS refuses some characters that JSON allows,
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html

        Raises:
            StoreRefusedError: there is no body, or the event cannot be written as JSON.
        """
        body = self.raw.get("body")
        if self.source is not Source.SQS:
            try:
                body = json.dumps(self.raw if self.source in _ALONE else {"Records": [self.raw]})
            except (TypeError, ValueError, RecursionError) as error:
                problem = f"the event cannot be written as JSON ({type(error).__name__})"
                raise _refuse_copy(problem) from None
        if not isinstance(body, str):
            raise _refuse_copy("the record has no body")
        return body


def write_mark(owner: str, record_id: str, delivery: Delivery) -> str:
    """The value of the attribute `TOKEN_ATTRIBUTE` of the copy of a delivery, see `Mark`.

    A key that is a printable ASCII text is written as it is, any other one as ``#`` and JSON.
    """
    source = "" if delivery.source is Source.SQS else delivery.source
    first_id = delivery.id if _ID.fullmatch(delivery.id) else ""
    position = str(delivery.position or "")
    first = delivery.mark or Mark("", source, first_id, position)
    first = first._replace(position=first.position or position)
    key = record_id.partition("#")[2]
    if key.startswith("#sha256:"):
        key = ""
    elif key.startswith("#") or not (key.isascii() and key.isprintable() and key == key.strip()):
        key = "#" + json.dumps(json.loads(key[1:]) if key.startswith("#") else key)
    return first._replace(token=owner, stated=key).write()


def read_stated(stated: str) -> Any:
    """Return the value of the key that a copy states; None if `write_mark` does not write it so."""
    if not stated.startswith("#"):
        return stated
    value, problem = _decoded(stated[1:])
    return None if problem else value


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
    _raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, delivery: Delivery, *, key: str, owner: str, deadline: Deadline) -> "Message":
        """The message of a claimed delivery.

        A processor may change what it gets. So nothing in it is needed again: a copy for the
        dead-letter queue is made of what arrived.
        """
        given = delivery.raw.get("attributes") if delivery.source is Source.SQS else None
        attributes = given.items() if isinstance(given, dict) else ()
        return cls(
            id=delivery.id,
            key=key,
            body=_copy_json(delivery.raw) if delivery.body is delivery.raw else delivery.body,
            attributes={name: each for name, each in attributes if isinstance(each, str)},
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
        return cast("Mapping[str, Any]", _copy_json(self._raw))

    def remaining_millis(self) -> Millis:
        """What is left of the invocation, in milliseconds, at the time of the call."""
        return self.deadline.remaining()


def deliveries_of(event: object, unwrap: Collection[str] = ()) -> tuple[Delivery, ...]:
    """The deliveries of an event, in its order.

    A record gives one delivery; or as many as the event that it wraps has records; or none if that
    is the test event by which S3 tries a new notification, which is nothing to process.

    Args:
        event: as Lambda delivers it.
        unwrap: the services whose events are taken out of bodies, see `Settings.unwrap`.

    Raises:
        UnsupportedEventError: the event is from a source that is not supported, or mixes sources,
            or holds a record without its id. Such a record could not be reported, and what is not
            reported is deleted: failing the whole batch is the only answer that loses nothing.
    """
    services = frozenset(unwrap)
    if "sns" in services:
        services |= {"events", "s3"}  # a topic may carry their events
    match event:
        case {"Records": list(records)}:
            deliveries = [each for record in records for each in _of_record(record, services)]
            if len({each.source for each in deliveries}) > 1:
                raise _unsupported("the event has records of several sources")
            return tuple(deliveries)
        case {"Records": _}:
            raise _unsupported("the event has Records that are no list")
        case {"eventSource": name}:
            raise _unsupported(f"the event is from {_name_value(name)}")
        case dict() if "detail-type" in event:
            name = event.get("id")
            known = isinstance(name, str) and bool(name)
            about: Any = {"id": name if known else WHOLE_EVENT, "preset": name if known else None}
            about |= {"source": Source.EVENTBRIDGE, "wrapped": event}
            return (Delivery(**about, body=event, raw=event),)
        case dict():
            direct = Delivery(id=WHOLE_EVENT, source=Source.DIRECT, body=event, raw=event)
            return tuple(_inside(direct, services))
        case _:
            raise _unsupported(f"the event is {type(event).__name__}, no object")


def find_wrapper(delivery: Delivery) -> str | None:
    """The service, by its name in the settings, whose event a plain SQS body looks like."""
    if delivery.source is not Source.SQS or delivery.wrapped or not isinstance(delivery.body, dict):
        return None
    for service in ("sns", "events", "s3", "pipes"):
        if not any(each is delivery for each in _inside(delivery, frozenset({service}))):
            return service
    return None


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


def _of_record(record: Any, services: frozenset[str]) -> list[Delivery]:
    if not isinstance(record, dict):
        raise _unsupported(f"the event has a record that is {type(record).__name__}")
    name = record.get("eventSource") or record.get("EventSource")  # SNS alone writes it so
    source, path = _SOURCES.get(name if isinstance(name, str) else "", (None, ()))
    if source is None:
        raise _unsupported(f"the event has a record from {_name_value(name)}")
    identifier = _at(record, *path) if path else WHOLE_EVENT
    if not isinstance(identifier, str) or not identifier:
        raise _unsupported(f"the event has a record from {name} without a {'.'.join(path)}")
    given, attributes = record.get("attributes"), record.get("messageAttributes")
    given = given if isinstance(given, dict) else {}
    arn, group_id = record.get("eventSourceARN"), given.get("MessageGroupId")
    arn = arn if isinstance(arn, str) else "unknown"
    group = arn if source in STREAMS else None
    if arn.endswith(".fifo"):  # a standard queue may have message groups too, but no order
        group = f"{arn} {group_id if isinstance(group_id, str) else ''}"
    receives = given.get("ApproximateReceiveCount")
    body, problem = _decoded(record.get("body")) if source is Source.SQS else (None, None)
    plain = Delivery(
        id=identifier,
        source=source,
        body=body,
        body_problem=problem,
        receive_count=int(receives) if _is_count(receives) else 1,
        raw=record,
        message_attributes=_flatten_attributes(attributes) if attributes else {},
        group=group,
        preset=identifier,
    )
    if source is not Source.SQS:
        try:
            return _number_messages(_unpacked(record, plain, services))
        except UnsupportedEventError as error:
            return [replace(plain, preset=None, unreadable=str(error))]
    found = [plain]
    if isinstance(body, dict) and not _WRAPPERS.isdisjoint(body):
        found = _inside(plain, services)
    text = _at(attributes, TOKEN_ATTRIBUTE, "stringValue") if attributes else None
    if isinstance(text, str) and (mark := Mark.read(text)).token:
        return _read_copy(plain, found, mark, services)
    return _number_messages(found)


def _read_copy(
    plain: Delivery, found: list[Delivery], mark: Mark, services: frozenset[str]
) -> list[Delivery]:
    """The deliveries of an SQS message that says it is the copy of a parked message."""
    inside = found
    if mark.source and len(found) == 1 and found[0] is plain and isinstance(plain.body, dict):
        # Lambda delivered the record inside, so it is taken out again.
        with suppress(UnsupportedEventError, KeyError, TypeError, ValueError):
            (record,) = plain.body["Records"]
            inside = _unpacked(record, plain, services)
    several = len(inside) > 1
    if several and inside is found and not (mark.position or mark.source):
        # Nothing says which of them was parked.
        return _number_messages([replace(each, mark=Mark(mark.token)) for each in found])
    place = int(mark.position) if _is_count(mark.position) else 0
    if not (0 < place <= len(inside) if several else inside and not mark.position):
        problem = "it says that it is the copy of a message that is not in it: send its body again"
        return [replace(plain, unreadable=f"{problem} without the attribute {TOKEN_ATTRIBUTE}")]
    one = inside[place - 1] if several else inside[0]
    return [replace(one, mark=mark, unconfirmed=several or inside is not found)]


def _number_messages(found: list[Delivery]) -> list[Delivery]:
    """The same, each with its position if there are several."""
    if len(found) == 1:
        return found
    return [replace(each, position=place) for place, each in enumerate(found, 1)]


def _inside(plain: Delivery, services: frozenset[str]) -> list[Delivery]:  # noqa: PLR0911  # a shape each
    """Return the messages in a body that is itself an event; otherwise the plain message."""
    with suppress(UnsupportedEventError):  # then it only looks like one
        match body := plain.body:
            case {"Type": "Notification"} if "sns" in services:
                return _notified(body, plain, services)
            case {"detail-type": str(), "source": str(), "id": str(identifier), "detail": _} if (
                "events" in services
            ):
                return [_within(plain, body, preset=identifier)]
            case {"Service": "Amazon S3", "Event": "s3:TestEvent"} if (
                "s3" in services and body.keys() <= _TEST_EVENT
            ):
                return []
            case {"Records": [_, *_] as records} if all(
                _SERVICES.get(_find_source(record)) in services for record in records
            ):
                return [each for record in records for each in _unpacked(record, plain, services)]
            case {"eventSource": Source.KINESIS, "data": _} if "pipes" in services:
                return _unpacked({**body, "kinesis": body}, plain, services)
            case {"eventSource": Source.DYNAMODB} if "pipes" in services:
                return _unpacked(body, plain, services)
            case _:
                pass
    return [plain]


def _notified(body: Any, outer: Delivery, services: frozenset[str]) -> list[Delivery]:
    """The messages in a notification of SNS."""
    match body:
        case {"Type": "Notification", "TopicArn": str(), "MessageId": str(), "Message": str(text)}:
            attributes = _flatten_attributes(body.get("MessageAttributes"))
            changes = {"preset": body["MessageId"], "message_attributes": attributes}
            return _carried(outer, body, text, services, **changes)
        case _:
            raise _unsupported("the event has a notification that is not as SNS documents it")


def _unpacked(record: Any, outer: Delivery, services: frozenset[str]) -> list[Delivery]:
    """The messages in one record of an event that came by itself, or as the body of ``outer``."""
    match record:
        case {"EventSource": Source.SNS, "Sns": dict() as notification}:
            return _notified(notification, _within(outer, record), services)
        case {"eventSource": Source.KINESIS, "kinesis": {"data": str(data)}}:
            preset = [record.get("eventSourceARN"), record.get("eventID")]
            with suppress(ValueError):
                payload = base64.b64decode(data)
                return _carried(outer, record, payload, services, preset=preset)
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


def _carried(
    outer: Delivery, record: Any, payload: object, services: frozenset[str], **changes: Any
) -> list[Delivery]:
    body, problem = _decoded(payload)
    return _inside(_within(outer, record, body=body, body_problem=problem, **changes), services)


def _within(outer: Delivery, record: Any, **changes: Any) -> Delivery:
    return replace(outer, wrapped={**record, **outer.wrapped}, **changes)


def _find_source(record: Any) -> Any:
    name = isinstance(record, dict) and (record.get("eventSource") or record.get("EventSource"))
    return name if isinstance(name, str) else None


def _flatten_attributes(attributes: Any) -> dict[str, str]:
    """The values of message attributes of SQS or SNS, without what this package adds to a copy."""
    values = {}
    for name, attribute in attributes.items() if isinstance(attributes, dict) else ():
        for part in ("stringValue", "Value", "binaryValue") if isinstance(attribute, dict) else ():
            value = attribute.get(part)
            if isinstance(value, str):
                values[name] = value
                break
    values.pop(TOKEN_ATTRIBUTE, None)
    return values


def _is_count(receives: object) -> TypeGuard[str]:
    return isinstance(receives, str) and receives.isdecimal() and len(receives) < MOST_DIGITS


def _copy_json(value: Any) -> Any:
    """The same JSON once more, so that changes to it do not reach the original."""
    try:
        return marshal.loads(marshal.dumps(value))  # noqa: S302  # nothing from outside
    except ValueError:  # no event of Lambda holds such objects, but one of a test may
        return deepcopy(value)


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


def _name_value(value: object) -> str:
    """A field of a record, for people."""
    known = isinstance(value, str | None)
    return repr(value)[:MAXIMUM_NAME_CHARACTERS] if known else f"a {type(value).__name__}"


def _refuse_copy(problem: str) -> StoreRefusedError:
    text = f"{problem}, so no copy of it can be sent to the dead-letter queue: correct its sender"
    return StoreRefusedError("SendMessage", text, maybe_written=False)


def _unsupported(found: str) -> UnsupportedEventError:
    return UnsupportedEventError(
        f"{found}; supported are batches of SQS, Kinesis and DynamoDB Streams by an event source "
        "mapping, and invocations by SNS, S3, EventBridge or with a JSON object"
    )
