"""A processor that changes everything it receives does not change the delivered messages."""

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from boto3.dynamodb.types import Binary

from idempotent_lambda import Message, PermanentFailure
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import BatchFailedError
from idempotent_lambda.protocol.record import Record
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda_toolkit.testing import InMemoryQueues

from .conftest import pretend
from .events import (
    bus_event,
    event,
    fifo_order,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
)
from .harness import ConsumerHarness, Listener
from .odd import nested
from .odd_batches import DLQ, Sqs

pytestmark = pytest.mark.slow

EVERYTHING = frozenset({"events", "pipes", "s3", "sns"})
ATTRIBUTES = {
    "tenant": {"stringValue": "acme", "dataType": "String"},
    "photo": {"binaryValue": "AP8=", "dataType": "Binary"},
}
BODY = json.dumps({"id": "a", "items": [{"n": 1}, {"n": 2}], "none": {}})
PIPED = kinesis_record("a") | kinesis_record("a")["kinesis"]


def wrapped(body: object, **more: Any) -> dict[str, Any]:
    """A batch of one SQS message with attributes."""
    text = body if isinstance(body, str) else json.dumps(body)
    return event(record(text, messageAttributes=ATTRIBUTES | more))


def marked(body: object, source: str = "") -> dict[str, Any]:
    """The redriven copy of a parked message."""
    mark = {"stringValue": f"before /{source} o-1", "dataType": "String"}
    return wrapped(body, IdempotencyOwner=mark)


SOURCES: dict[str, dict[str, Any]] = {
    "queue": wrapped(BODY),
    "odd spelling": wrapped('{"id":  "a\\u00e9", "items": [ ]} '),
    "FIFO queue": event(fifo_order("a", messageAttributes=ATTRIBUTES)),
    "topic in queue": wrapped(notification(BODY)),
    "bus in queue": wrapped(bus_event("a")),
    "bucket in queue": wrapped(event(s3_record())),
    "bucket and topic in queue": wrapped(notification(json.dumps(event(s3_record())))),
    "shard by Pipes": wrapped(PIPED),
    "table by Pipes": wrapped(stream_record("a")),
    "shard": event(kinesis_record("a")),
    "table": event(stream_record("a")),
    "topic": event(sns_record(BODY)),
    "bucket": event(s3_record()),
    "bus": bus_event("a"),
    "direct": json.loads(BODY),
    "copy": marked(BODY),
    "copy of shard": marked(event(kinesis_record("a")), "aws:kinesis"),
    "copy of bucket": marked(event(s3_record()), "aws:s3"),
    "copy of direct": marked(json.loads(BODY), "direct"),
}


def containers_of(value: Any) -> list[Any]:
    """The objects and arrays of a value, each once, the inner ones first; of a deep one a part."""
    found: dict[int, Any] = {}
    left = [value]
    while left and len(found) < 20:
        each = left.pop(0)
        if isinstance(each, dict | list) and id(each) not in found:
            found[id(each)] = each
            left += each.values() if isinstance(each, dict) else each
    return [*reversed(found.values())]


def fill(container: Any, value: Any) -> None:
    """Put a value into each place of a container, and into one more."""
    for name in [*container] if isinstance(container, dict) else range(len(container)):
        container[name] = value
    if isinstance(container, dict):
        container["more"] = value
    else:
        container.append(value)


CHANGES: dict[str, Callable[[Any], None]] = {
    "emptied": lambda container: container.clear(),
    "times": lambda container: fill(container, datetime(2026, 1, 2, tzinfo=UTC)),
    "itself": lambda container: fill(container, container),
    "nested": lambda container: fill(container, nested(985, lambda value: [value])),
}


def change(message: Message, how: str) -> None:
    """Change whatever can be reached from a message."""
    reached = (message.body, message.attributes, message.message_attributes, message.raw)
    for container in [found for each in reached for found in containers_of(each)]:
        CHANGES[how](container)


def seen(message: Message) -> Any:
    """What a message holds."""
    held = (message.key, message.body, message.raw, message.attributes, message.message_attributes)
    return copy.deepcopy(held)


def bench_for(name: str, process: Callable[[Message], Any], **changes: Any) -> ConsumerHarness:
    """A consumer of a source."""
    harness = ConsumerHarness(
        key="body.id" if name == "direct" else None, unwrap=EVERYTHING, **changes
    )
    if name == "copy of shard":  # without the record that it was parked with, it is none
        about: Any = {"id": "orders#o-1", "owner": "before", "created_at": 0}
        harness.memory.records["orders#o-1"] = Record(**about, status="PARKED", dead_lettered_at=0)
    harness.consumer.__dict__["processor"] = process
    return harness


def deliver(harness: ConsumerHarness, whole: Any) -> Any:
    """Deliver an event; whatever is not done comes again."""
    with suppress(BatchFailedError):
        return harness.consumer.consume(whole, Millis(30_000))


def both(
    name: str, how: str, error: BaseException | None, **changes: Any
) -> Iterator[tuple[ConsumerHarness, Any]]:
    """Consumers with their events: the processor of the second one changes its message."""
    for changing in (False, True):

        def process(message: Message, *, changing: bool = changing) -> None:
            if changing:
                change(message, how)
            if error:
                raise error

        yield bench_for(name, process, **changes), copy.deepcopy(SOURCES[name])


@pytest.fixture(scope="module")
def sqs() -> Iterator[Sqs]:
    """Where copies are sent."""
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch)
        yield Sqs()


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("name", SOURCES)
class TestChanged:
    """One message of a source."""

    @pytest.mark.parametrize("url", [DLQ, f"{DLQ}.fifo"])
    def test_the_copy_is_what_arrived(self, sqs: Sqs, name: str, how: str, url: str) -> None:
        """The copy of a failure for good has the body and the attributes that were delivered."""
        sent = []
        for harness, whole in both(name, how, PermanentFailure("no")):
            sqs.wire.bodies.clear()
            queues = SqsQueues(url, Listener())
            queues.__dict__["_client"] = sqs.client
            harness.consumer.__dict__["queues"] = queues
            response = deliver(harness, whole)
            assert response in (None, {"batchItemFailures": []})
            sent.append([*sqs.wire.bodies])
        assert sent[0] == sent[1]
        ((body,), _) = sent
        (arrived,) = SOURCES[name].get("Records", [None])
        if arrived and arrived.get("eventSource") == "aws:sqs":
            assert body["MessageBody"] == arrived["body"]
            assert {*ATTRIBUTES, "IdempotencyOwner"} == {*body["MessageAttributes"]}
        else:
            assert json.loads(body["MessageBody"]) == SOURCES[name]

    def test_the_retry_has_all_of_it(self, name: str, how: str) -> None:
        """A message that failed is the same when it is delivered again to the same process."""
        found = []
        for harness, whole in both(name, how, ValueError()):
            deliver(harness, whole)
            again: list[Any] = []
            harness.consumer.__dict__["processor"] = lambda message, again=again: again.append(
                seen(message)
            )
            deliver(harness, whole)
            assert whole == SOURCES[name]
            found.append(again)
        assert len(found[0]) == 1
        assert found[0] == found[1]

    def test_it_is_done(self, name: str, how: str) -> None:
        """A message whose processor returns is completed under its own key."""
        records = []
        for harness, whole in both(name, how, None):
            assert deliver(harness, whole) in (None, {"batchItemFailures": []})
            assert whole == SOURCES[name]
            records.append(harness.memory.records)
        assert records[0] == records[1]
        assert {each.status for each in records[0].values()} == {"COMPLETED"}

    def test_interrupted_and_parked(self, name: str, how: str) -> None:
        """A message that is parked because its processor was interrupted has its own copy."""
        copies = []
        for harness, whole in both(name, how, SystemExit(), park_interrupted=True):
            deliver(harness, whole)
            harness.clock.advance(Millis(60_000))
            deliver(harness, whole)
            copies.append(harness.queues.dead_letters)
        assert len(copies[0]) == 1
        assert copies[0] == copies[1]

    def test_raw_is_what_was_delivered(self, name: str, how: str) -> None:
        """The record can be read as it came, whatever was done before."""
        whole = copy.deepcopy(SOURCES[name])
        (arrived,) = SOURCES[name].get("Records", [SOURCES[name]])
        raws: list[Mapping[str, Any]] = []

        def process(message: Message) -> None:
            for _ in range(2):
                change(message, how)
                raws.append(message.raw)
            change(message, how)
            raws.append(message.raw)

        deliver(bench_for(name, process), whole)
        assert raws == [arrived] * 3

    def test_a_thread_changes_it_later(self, name: str, how: str) -> None:
        """A thread that keeps a message and changes it meanwhile does not reach its copy."""
        kept: list[Message] = []
        copies = []

        class LateQueues(InMemoryQueues):
            """A thread of the processor comes first."""

            def dead_letter(self, *arguments: Any) -> None:
                def later() -> None:
                    for message in kept:
                        change(message, how)

                thread = threading.Thread(target=later)
                thread.start()
                thread.join()
                super().dead_letter(*arguments)

        for keeps in (False, True):

            def process(message: Message, *, keeps: bool = keeps) -> None:
                kept.extend([message] if keeps else [])
                raise PermanentFailure("no")

            harness = bench_for(name, process)
            queues = harness.consumer.__dict__["queues"] = LateQueues()
            deliver(harness, copy.deepcopy(SOURCES[name]))
            copies.append(queues.dead_letters)
        assert len(copies[0]) == 1
        assert copies[0] == copies[1]

    def test_a_later_run_changes_it(self, name: str, how: str) -> None:
        """A run that changes the message of an earlier run does not change its own."""
        kept: list[Message] = []
        found = []
        whole = copy.deepcopy(SOURCES[name])

        def process(message: Message) -> None:
            found.append(seen(message))
            for each in kept:
                change(each, how)
            found.append(seen(message))
            kept.append(message)
            raise ValueError

        harness = bench_for(name, process)
        for _ in range(3):
            deliver(harness, whole)
        assert len(found) == 6
        assert found == found[:1] * 6
        assert whole == SOURCES[name]


PAIR = event(s3_record("a"), s3_record("b"))
PAIRS = {
    "bucket": wrapped(PAIR),
    "bucket and topic": wrapped(notification(json.dumps(PAIR))),
    "messages": event(
        *(order(each, messageAttributes=copy.deepcopy(ATTRIBUTES)) for each in ("a", "b"))
    ),
    "shard": event(kinesis_record("a", "1"), kinesis_record("b", "2")),
    "buckets": PAIR,
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("name", PAIRS)
def test_others_see_nothing_of_it(name: str, how: str) -> None:
    """The other messages of a record, and of a batch, are as they were delivered."""
    found = []
    for changing in (False, True):
        others: list[Any] = []

        def process(message: Message, *, changing: bool = changing, others: Any = others) -> None:
            others.append(seen(message))
            if changing:
                change(message, how)

        deliver(bench_for(name, process), copy.deepcopy(PAIRS[name]))
        found.append(others)
    assert len(found[0]) == 2
    assert found[0] == found[1]


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("make", [order, s3_record, fifo_order])
def test_followers_see_nothing_of_it(make: Callable[..., Any], how: str) -> None:
    """A message that shared the end of another one with its key comes again as it was."""
    found: list[Any] = []
    for changing in (False, True):
        first, second = make("a"), make("a")
        whole = event(first, second)

        def process(message: Message, *, changing: bool = changing) -> None:
            if changing:
                change(message, how)
            raise ValueError

        harness = bench_for("", process)
        deliver(harness, whole)
        harness.consumer.__dict__["processor"] = lambda message: found.append(seen(message))
        deliver(harness, event(second))
    assert len(found) == 2
    assert found[0] == found[1]


def test_odd_attributes() -> None:
    """Attributes that SQS does not give are not reached through those that it does."""
    attributes = {"ApproximateReceiveCount": "1", "odd": {"a": [1]}}
    whole = event(order("a", attributes=attributes))
    before = copy.deepcopy(whole)
    given = []

    def process(message: Message) -> None:
        given.append(dict(message.attributes))
        change(message, "emptied")

    deliver(bench_for("queue", process), whole)
    assert whole == before
    assert given == [{"ApproximateReceiveCount": "1"}]


def actions_of(*, changing: bool) -> list[Any]:
    """What is committed of a transaction whose processor changes all that it has put there."""
    committed: list[Any] = []
    harness = ConsumerHarness(transactional=True)

    def commit(actions: Sequence[Mapping[str, Any]]) -> None:
        committed.extend(copy.deepcopy([*actions]))

    harness.memory.commit = commit

    def process(message: Message, *, transaction: Any) -> None:
        del message
        data, hidden = bytearray(b"data"), bytearray(b"hidden")
        deep = {"list": [1, {"a": 2}], "data": bytearray(b"deep")}
        texts = {"a", "b"}
        item = {"id": "1", "deep": deep, "texts": texts, "data": data, "hidden": Binary(hidden)}
        key = {"id": "2"}
        names = {"#n": "n"}
        values = {":n": [1, data]}
        transaction.put("orders", item)
        transaction.update(
            "orders",
            key,
            UpdateExpression="SET #n = :n",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
        if changing:
            for each in (data, hidden, deep["data"]):
                each[:] = b"changed"
            for container in (deep["list"], deep, texts, item, key, names, values[":n"], values):
                container.clear()

    harness.consumer.__dict__["processor"] = process
    assert harness.deliver("a") == []
    return committed


def test_a_transaction_is_committed_as_it_was_given() -> None:
    """A value that changes after the processor put it into the transaction is written unchanged."""
    committed = actions_of(changing=True)
    assert len(committed) == 2
    assert committed == actions_of(changing=False)
