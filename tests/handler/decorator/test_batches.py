"""A call has one key, so a batch of messages is not an argument of a decorated function."""

from collections import UserDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import pytest

from idempotent_lambda import errors
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory
from tests.handler.events import (
    bus_event,
    event,
    fifo_order,
    kinesis_record,
    order,
    s3_record,
    sns_record,
    stream_record,
)

from .shop import Context, Shop
from .test_results import Monster

GUIDE = "docs/guides/handler-over-records.md"


def test_the_second_message_of_a_batch_is_not_lost(shop: Shop) -> None:
    """Invoked with one message and then with two, the handler never acknowledges the second."""
    ran: list[str] = []

    def handler(event: Any, context: Any) -> None:
        del context
        ran.extend(record["messageId"] for record in event["Records"])

    first = shop.decorated(handler, name="charge", key="event.Records[0].messageId")
    for batch in (event(order("m1")), event(order("m1"), order("m2"))):
        with pytest.raises(errors.ConfigurationError) as caught:
            first(batch, Context())
        text = str(caught.value)
        assert all(part in text for part in ("'charge'", "'event'", "aws:sqs", "process(message)"))
        assert GUIDE in text
    assert ran == shop.store.calls == shop.log() == []


class DictWrapper(Mapping[str, Any]):
    """An event as Powertools wraps it: a Mapping over its field ``_data``."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def __iter__(self) -> Any:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


@dataclass
class TypedRecord:
    """A record that a parser has made."""

    body: str
    eventSource: str = "aws:sqs"  # noqa: N815  # the field's name


@dataclass
class TypedEvent:
    """An event that a parser has made."""

    Records: list[Any] = field(default_factory=lambda: [TypedRecord("{}"), TypedRecord("{}")])


class Subclass(dict[str, Any]):
    """A dict whose own methods raise."""

    def get(self, *_: Any) -> Any:
        raise AssertionError

    __getitem__ = __contains__ = __iter__ = keys = items = get  # type: ignore[assignment]


def cycle() -> list[Any]:
    """A list that contains itself."""
    endless: list[Any] = []
    endless.append(endless)
    return endless


class Row:
    """A row as an ORM makes it, whose other columns are read from the database when asked."""

    def __init__(self) -> None:
        self._sa_instance_state = object()
        self.id, self.message_id, self.topic = 1, "m1", "orders"

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class Hostile:
    """An object that raises when its fields are read."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __getattribute__(self, name: str) -> Any:
        raise object.__getattribute__(self, "error")


class HiddenFields:
    """An object whose dictionary cannot be read."""

    __slots__ = ()

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise KeyError


class Mixed(Mapping[str, Any]):
    """A mapping that asks a service for each field."""

    def __getitem__(self, name: str) -> Any:
        raise AssertionError(name)

    def __iter__(self) -> Any:
        raise AssertionError

    __len__ = __contains__ = get = keys = __iter__  # type: ignore[assignment]


@dataclass
class BareRecord:
    """A record of SQS, of which a model keeps what it needs."""

    messageId: str = "m1"  # noqa: N815  # the field's name
    receiptHandle: str = "r"  # noqa: N815
    body: str = "{}"


@dataclass(slots=True)
class SnakeRecord:
    """A record whose fields have the names of Python, in slots."""

    message_id: str = "m1"
    receipt_handle: str = "r"


@dataclass(frozen=True)
class SnakeEvent:
    """An event whose fields have the names of Python."""

    records: Any


class SlottedEvent:
    """An event of a class with slots, one of which is not set."""

    __slots__ = ("Records", "unset")

    def __init__(self, records: Any) -> None:
        self.Records = records


class NamedRecord(NamedTuple):
    """A record that is a named tuple."""

    message_id: str = "m1"
    receipt_handle: str = "r"


@dataclass
class StreamPart:
    """The part of a record that a stream holds."""

    sequence_number: str = "1"
    partition_key: str = "a"
    keys: Any = None


@dataclass
class StreamRecord:
    """A record of a stream without its source."""

    kinesis: Any = None
    dynamodb: Any = None


ONE, TWO = event(order("m1")), event(order("m1"), order("m2"))
KAFKA_RECORD = {"topic": "orders", "partition": 0, "offset": 15, "value": "e30="}
BATCHES: dict[str, Any] = {
    "one message": ONE,
    "two messages": TWO,
    "FIFO": event(fifo_order("a")),
    "Kinesis": event(kinesis_record("a")),
    "DynamoDB": event(stream_record("a")),
    "the list alone": TWO["Records"],
    "a list of one": ONE["Records"],
    "a tuple": tuple(TWO["Records"]),
    "fields besides": {**TWO, "trace": "x"},
    "a subclass of dict": Subclass(TWO),
    "records of a subclass": {"Records": [Subclass(order("m1"))]},
    "Powertools": DictWrapper(TWO),
    "records of Powertools": [DictWrapper(order("m1"))],
    "a field of Kafka besides": {**TWO, "records": [1], "events": [1]},
    "a parsed event": TypedEvent(),
    "parsed records": [TypedRecord("{}")],
    "parsed records of Kinesis": TypedEvent([TypedRecord("{}", "aws:kinesis")]),
    "MSK": {"eventSource": "aws:kafka", "records": {"orders-0": [KAFKA_RECORD]}},
    "Kafka": {"eventSource": "SelfManagedKafka", "records": {"orders-0": [KAFKA_RECORD]}},
    "ActiveMQ": {"eventSource": "aws:mq", "messages": [{"messageID": "ID:1"}]},
    "RabbitMQ": {"eventSource": "aws:rmq", "rmqMessagesByQueue": {"orders::/": [{}]}},
    "DocumentDB": {"eventSource": "aws:docdb", "events": [{"event": {}}]},
    "Kafka from a pipe": [{"eventSource": "aws:kafka", **KAFKA_RECORD}],
    "ActiveMQ from a pipe": [{"eventSource": "aws:amq", "messageID": "ID:1", "data": "e30="}],
    "a record model without a source": {"Records": [BareRecord()]},
    "an event model without a source": TypedEvent([BareRecord(), BareRecord()]),
    "names of Python": SnakeEvent([SnakeRecord()]),
    "a dict with names of Python": {"records": [{"message_id": "m1", "receipt_handle": "r"}]},
    "a source with a name of Python": SnakeEvent([{"event_source": "aws:kinesis"}]),
    "an event in slots": SlottedEvent(TWO["Records"]),
    "a tuple of named tuples": (NamedRecord(),),
    "UserDict": UserDict(TWO),
    "records in UserDict": [UserDict(order("m1"))],
    "a subclass of list": type("Rows", (list,), {})(TWO["Records"]),
    "a deque": deque(TWO["Records"]),
    "a deque in an event": {"Records": deque([BareRecord()])},
    "models of Kinesis": [StreamRecord(kinesis=StreamPart())],
    "a model of a record of Kinesis from a pipe": [StreamPart()],
    "models of DynamoDB": TypedEvent([StreamRecord(dynamodb=StreamPart())]),
    "records of Kafka": [KAFKA_RECORD, KAFKA_RECORD],
    "a deque of Kafka": deque([KAFKA_RECORD]),
    "messages that the function receives": {"Messages": [{"MessageId": "1", "ReceiptHandle": "r"}]},
    "wrapped Kafka": DictWrapper({"eventSource": "aws:kafka", "records": {"o-0": [{}]}}),
}  # fmt: skip


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("observe", [False, True])
def test_batches(clock: ManualClock, batch: str, observe: bool) -> None:
    """A batch is refused in whatever form it comes, also in observe mode and with a lease."""
    shop = Shop(InMemory(), "async", clock)
    charge = shop.function("done", key=lambda *_: "k", observe_only=observe)
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError, match="'order_id' is a batch of"):
            charge(BATCHES[batch])
    with pytest.raises(errors.ConfigurationError, match="'amount'"):
        charge("a", BATCHES[batch])
    assert shop.ran == shop.store.calls == shop.log() == []


def spread(*records: Any, **more: Any) -> int:
    """Take anything."""
    return len(records) + len(more)


SPREAD: dict[str, tuple[Callable[..., Any], str]] = {
    "among others": (lambda call: call("a", TWO), "records"),
    "by a name": (lambda call: call("a", event=TWO), "event"),
    "the list by a name": (lambda call: call(records_of=TWO["Records"]), "records_of"),
    "the fields of the event": (lambda call: call(**TWO), "more"),
    "the fields of Kafka's event": (lambda call: call(**BATCHES["Kafka"]), "more"),
}


@pytest.mark.parametrize(("make", "name"), SPREAD.values(), ids=SPREAD)
def test_arguments_without_a_name(memory: Shop, make: Callable[[Any], Any], name: str) -> None:
    """The error names the argument, also if the function collects its arguments."""
    call = memory.decorated(spread, name="spread", key=lambda *_, **__: "k", lease_seconds=30)
    with pytest.raises(errors.ConfigurationError, match=f"argument '{name}' is a batch of"):
        make(call)
    assert memory.store.calls == []


ALLOWED: dict[str, Any] = {
    "one record": order("m1"),
    "one record of a stream": kinesis_record("a"),
    "one wrapped record": DictWrapper(order("m1")),
    "one parsed record": TypedRecord("{}"),
    "a body": {"order_id": 1},
    "several bodies": [{"id": 1}, {"id": 2}],
    "SNS": event(sns_record("{}")),
    "S3": event(s3_record()),
    "EventBridge": bus_event("a"),
    "Records of somebody else": {"Records": [{"id": 1}]},
    "Records that are text": {"Records": "none"},
    "Records of nothing": {"Records": [None]},
    "no Records": {"Records": []},
    "an empty list": [],
    "one record model": BareRecord(),
    "one record in slots": SnakeRecord(),
    "one named record": NamedRecord(),
    "one record model of a stream": StreamRecord(kinesis=StreamPart()),
    "one record of DynamoDB": stream_record("a"),
    "SES": event({"eventSource": "aws:ses", "ses": {"mail": {"messageId": "1"}}}),
    "CloudFront": event({"cf": {"config": {"requestId": "1"}, "request": {"headers": {}}}}),
    "CloudTrail": event({"eventSource": "sqs.amazonaws.com", "eventName": "SendMessage"}),
    "topics": [{"topic": "orders"}, {"topic": "bills", "partition": 1}],
    "pages": [{"offset": 0, "partition": 1}],
    "messages of a chat": {"messages": [{"messageId": "1", "text": "hi"}], "events": [{"id": 1}]},
    "rows of a table": [{"keys": 1, "sequenceNumber": 1}, {"dynamodb": "orders"}],
    "streams by name": [{"kinesis": "orders", "dynamodb": {"table": "orders"}}],
    "lists by name": {"a-b": [{"id": 1}]},
    "an object with rows": SnakeEvent([{"id": 1}]),
    "a deque of ids": deque([1]),
    "a mock of records": {"Records": [MagicMock()]},
    "a mock with records": MagicMock(Records=MagicMock()),
    "a list of mocks": [MagicMock()],
    "a model of an ORM": Row(),
    "rows of an ORM": [Row()],
    "one record of Kafka": KAFKA_RECORD,
    "a record of Kafka from a pipe": {"eventSource": "aws:kafka", **KAFKA_RECORD},
    "Firehose": {"deliveryStreamArn": "arn:x", "records": [{"recordId": "1", "data": ""}]},
    "odd sources": [{"eventSource": []}, {"eventSource": {}}, {"EventSource": 1}],
    "an object": object(),
    "a class": TypedEvent,
    "a monster": Monster(RuntimeError()),
    "Records of a monster": {"Records": [Monster(RuntimeError())]},
    "a list of monsters": [Monster(RuntimeError())],
    "hostile": Hostile(KeyError),
    "a list of hostile": [Hostile(AttributeError)],
    "hidden fields": HiddenFields(),
    "a mapping that asks": Mixed(),
    "a list that contains itself": cycle(),
    "a mock": MagicMock(),
    "a mock of a list": MagicMock(spec=list),
    "a mock of a dict": MagicMock(spec=dict),
    "null": None,
    "bytes": b"Records",
}  # fmt: skip


@pytest.mark.parametrize("make", [iter, lambda records: (record for record in records)])
def test_iterators_keep_their_records(memory: Shop, make: Any) -> None:
    """An iterator of records is not recognized, because to look would take its first record."""
    records = make(TWO["Records"])
    assert memory.function(lambda given, _: len([*given]), key=lambda *_: "k")(records) == 2


@pytest.mark.parametrize("name", ALLOWED)
def test_no_batch(memory: Shop, name: str) -> None:
    """One record, and an event of an asynchronous invocation, are one operation."""
    charge = memory.function("done", key=lambda *_: "k")
    argument = ALLOWED[name]
    assert [charge(argument), charge(argument)] == ["done"] * 2
    assert len(memory.ran) == 1


def test_a_service_that_holds_a_batch(memory: Shop) -> None:
    """The method that handles one record may belong to an object that knows the whole batch."""

    class Service:
        records = TWO["Records"]
        event = TWO

        def __init__(self) -> None:
            self.records, self.event = TWO["Records"], TWO

        def charge(self, record: Any) -> str:
            return str(record["messageId"])

    charge = memory.decorated(
        Service.charge, name="charge", key="record.messageId", lease_seconds=30
    )
    assert charge(Service(), order("m1")) == "m-m1"


def test_the_inner_function_of_the_loop(shop: Shop) -> None:
    """The right way: the function that handles one record runs each message once."""
    ran: list[str] = []

    def charge(record: Any) -> str:
        ran.append(record["messageId"])
        return "done"

    charged = shop.decorated(charge, name="charge", key="record.messageId", lease_seconds=30)

    def handler(whole: Any) -> list[str]:
        return [charged(record) for record in whole["Records"]]

    assert handler(ONE) == ["done"]
    assert handler(TWO) == ["done"] * 2
    assert ran == ["m-m1", "m-m2"]
