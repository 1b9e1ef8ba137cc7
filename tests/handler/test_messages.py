"""From event to deliveries, and from failures to the response Lambda expects."""

import json
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import BatchFailedError
from idempotent_lambda.keys import Key, record_id
from idempotent_lambda.pipeline.grouping import find_stated_key
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark, write_mark
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.message import Message
from idempotent_lambda.sources.response import build_response
from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing import ManualClock

from .events import (
    GOLDEN_EVENTS,
    bus_event,
    event,
    golden,
    key_rule,
    kinesis_record,
    marked,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
    unwrapped,
)
from .harness import ConsumerHarness, raising

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
FAIR_QUEUES = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html"
SNS = "https://docs.aws.amazon.com/sns/latest/dg"
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"
EVENTBRIDGE = "https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html"

FIFO = "arn:aws:sqs:eu-west-1:111122223333:shop-orders.fifo"
STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/shop"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders/stream/2026-01-01T00:00:00.000"
A, B, C = (
    "059f36b4-87a3-44ab-83d2-661975830a7d",
    "2e1424d4-f796-459a-8184-9c92662be6da",
    "7f1c2b9e-0c55-4c0e-a8b0-2b7c1d7e9f10",
)
"""SQS message ids."""
NOTIFIED = "95df01b4-ee98-5cb9-9903-4c221d41eb5e"
ON_THE_BUS = "6a7e8feb-b491-4cf7-a9f1-bf3703467718"
ONE, TWO = (
    "49590338271490256608559692538361571095921575989136588898",
    "49590338271490256608559692540925702759324208523137515618",
)
"""Kinesis sequence numbers."""
KEY = Key("a", "orders#a")

SEQUENCER = "0055AED6DCD90281E5"
UPLOAD = ["shop-uploads", "in/o-1.json", "null", SEQUENCER, "ObjectCreated:Put"]
"""The key of one upload, whichever way its event takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """The expected result for an event whose shape AWS documents.

    Attributes:
        url: the page that documents the shape.
        ids: the ids of the deliveries, as the response names them.
        probe: a place in each body, as names and positions.
        found: the value at that place in each body; the whole body where there is no probe.
        default_keys: the key of each delivery, without an expression.
        groups: the order group of each delivery.
        reported_text: the names in the response if the last delivery fails; for sources without
            a response, the names in the error.
    """

    url: str
    source: Source
    ids: tuple[str, ...]
    probe: tuple[str, ...] = ()
    found: tuple[Any, ...]
    default_keys: tuple[Any, ...]
    groups: tuple[str | None, ...]
    reported_text: tuple[str, ...]


ORDER = {"order_id": "o-1", "amount": 12}

GOLDEN = {
    "sqs_standard": Golden(
        url=f"{LAMBDA}/with-sqs.html",
        source=Source.SQS,
        ids=(A, B),
        found=(ORDER, "call me back"),
        default_keys=(A, B),
        groups=(None, None),
        reported_text=(B,),
    ),
    "sqs_fair": Golden(
        url=FAIR_QUEUES,
        source=Source.SQS,
        ids=(A, B),
        probe=("order_id",),
        found=("o-1", "o-2"),
        default_keys=(A, B),
        groups=(None, None),
        reported_text=(B,),
    ),
    "sqs_fifo": Golden(
        url=f"{LAMBDA}/with-sqs.html",
        source=Source.SQS,
        ids=(A, B, C),
        probe=("order_id",),
        found=("o-1", "o-2", "o-3"),
        default_keys=(A, B, C),
        groups=(f"{FIFO} customer-1", f"{FIFO} customer-2", f"{FIFO} customer-1"),
        reported_text=(C,),
    ),
    "sns_queued": Golden(
        url=f"{SNS}/http-notification-json.html",
        source=Source.SQS,
        ids=(A,),
        found=(ORDER,),
        default_keys=(NOTIFIED,),
        groups=(None,),
        reported_text=(A,),
    ),
    "sns_queued_raw": Golden(
        url=f"{SNS}/sns-large-payload-raw-message-delivery.html",
        source=Source.SQS,
        ids=(A,),
        found=(ORDER,),
        default_keys=(A,),
        groups=(None,),
        reported_text=(A,),
    ),
    "eventbridge_queued": Golden(
        url=EVENTBRIDGE,
        source=Source.SQS,
        ids=(A,),
        probe=("detail", "order_id"),
        found=("o-1",),
        default_keys=(ON_THE_BUS,),
        groups=(None,),
        reported_text=(A,),
    ),
    "s3_queued": Golden(
        url=S3,
        source=Source.SQS,
        ids=(A, A, B),
        probe=("s3", "object", "key"),
        found=("in/o-1.json", "in/o+2.json", "in/o-3.json"),
        default_keys=(
            UPLOAD,
            [
                "shop-uploads",
                "in/o+2.json",
                "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "0055AED6DCD90281E6",
                "ObjectCreated:Put",
            ],
            ["shop-uploads", "in/o-3.json", "null", "C3D13FE58DE4C810", "ObjectTagging:Put"],
        ),
        groups=(None, None, None),
        reported_text=(B,),
    ),
    "s3_test": Golden(
        url=S3, source=Source.SQS, ids=(), found=(), default_keys=(), groups=(), reported_text=()
    ),
    "s3_notified_queued": Golden(
        url=S3,
        source=Source.SQS,
        ids=(A,),
        probe=("s3", "object", "key"),
        found=("in/o-1.json",),
        default_keys=(UPLOAD,),
        groups=(None,),
        reported_text=(A,),
    ),
    "kinesis": Golden(
        url=f"{LAMBDA}/with-kinesis.html",
        source=Source.KINESIS,
        ids=(ONE, TWO),
        found=(ORDER, b"\x1f\x8b\x08\xff"),
        default_keys=(
            [STREAM, f"shardId-000000000003:{ONE}"],
            [STREAM, f"shardId-000000000003:{TWO}"],
        ),
        groups=(STREAM, STREAM),
        reported_text=(TWO,),
    ),
    "dynamodb": Golden(
        url=f"{LAMBDA}/with-ddb.html",
        source=Source.DYNAMODB,
        ids=("111", "222"),
        probe=("dynamodb", "NewImage", "state", "S"),
        found=("new", "paid"),
        default_keys=("c4ca4238a0b923820dcc509a6f75849b", "c81e728d9d4c2f636f067f89cc14862c"),
        groups=(TABLE, TABLE),
        reported_text=("222",),
    ),
    "sns": Golden(
        url=f"{LAMBDA}/with-sns.html",
        source=Source.SNS,
        ids=(NOTIFIED,),
        found=(ORDER,),
        default_keys=(NOTIFIED,),
        groups=(None,),
        reported_text=(NOTIFIED,),
    ),
    "s3": Golden(
        url=f"{LAMBDA}/with-s3.html",
        source=Source.S3,
        ids=("event",),
        probe=("s3", "object", "key"),
        found=("in/o-1.json",),
        default_keys=(UPLOAD,),
        groups=(None,),
        reported_text=("event",),
    ),
    "eventbridge": Golden(
        url=EVENTBRIDGE,
        source=Source.EVENTBRIDGE,
        ids=(ON_THE_BUS,),
        probe=("detail", "order_id"),
        found=("o-1",),
        default_keys=(ON_THE_BUS,),
        groups=(None,),
        reported_text=(ON_THE_BUS,),
    ),
    "direct": Golden(
        url=f"{LAMBDA}/invocation-async.html",
        source=Source.DIRECT,
        ids=("event",),
        found=(ORDER,),
        default_keys=(None,),
        groups=(None,),
        reported_text=("event",),
    ),
}


def probed(body: Any, probe: tuple[str, ...]) -> Any:
    """Return the value at a place of a body."""
    for name in probe:
        body = body[name]
    return body


def reported_text(deliveries: tuple[Delivery, ...], *failed: Delivery) -> tuple[str, ...] | None:
    """Return the names in the response or in the error that Lambda gets; None means null."""
    try:
        response = build_response(deliveries, failed)
    except BatchFailedError as error:
        return error.ids
    if response is None:
        return None
    assert list(response) == ["batchItemFailures"]
    assert all(list(each) == ["itemIdentifier"] for each in response["batchItemFailures"])
    return tuple(each["itemIdentifier"] for each in response["batchItemFailures"])


@pytest.mark.parametrize("name", GOLDEN)
class TestGolden:
    """Every source, by an event of the shape that AWS documents."""

    def test_deliveries(self, name: str) -> None:
        """Each message has its id, source, body, default key and order group."""
        wanted, deliveries = GOLDEN[name], unwrapped(golden(name))
        assert tuple(each.id for each in deliveries) == wanted.ids
        assert {each.source for each in deliveries} <= {wanted.source}
        assert tuple(probed(each.body, wanted.probe) for each in deliveries) == wanted.found
        assert tuple(each.default_key for each in deliveries) == wanted.default_keys
        assert tuple(each.group for each in deliveries) == wanted.groups

    def test_the_last_fails(self, name: str) -> None:
        """If the last message fails, its source learns this in the way that it supports."""
        wanted, deliveries = GOLDEN[name], unwrapped(golden(name))
        assert reported_text(deliveries, *deliveries[-1:]) == wanted.reported_text
        mapped = wanted.source in (Source.SQS, Source.KINESIS, Source.DYNAMODB)
        if mapped or not deliveries:
            assert build_response(deliveries, deliveries[-1:]) is not None
        else:
            with pytest.raises(BatchFailedError, match=wanted.reported_text[0]):
                build_response(deliveries, deliveries[-1:])

    def test_all_is_well(self, name: str) -> None:
        """If all is done, batches get an empty list, and invocations null."""
        deliveries = unwrapped(golden(name))
        mapped = GOLDEN[name].source in (Source.SQS, Source.KINESIS, Source.DYNAMODB)
        assert reported_text(deliveries) == (() if mapped else None)

    def test_parked_copy(self, name: str) -> None:
        """A copy in a queue has the same body, and states the key, whatever is to be unwrapped."""
        for services in (UNWRAP_CHOICES, ()):
            deliveries = read_event(golden(name), services)
            for delivery in deliveries:
                if delivery.default_key is None:
                    continue
                token = write_mark("owner-1", record_id("orders", delivery.default_key), delivery)
                copied = record(
                    delivery.build_copy()["MessageBody"], message_id="copy", **marked(token)
                )
                copies = read_event(event(copied), services)
                (match,) = copies
                assert (match.id, match.source, match.token) == ("copy", Source.SQS, "owner-1")
                assert match.body == delivery.body
                key = find_stated_key(key_rule(), match)
                assert key is not None
                assert key.record_id == record_id("orders", delivery.default_key)

    def test_raw(self, name: str) -> None:
        """The raw record is the one that Lambda delivered, in whatever it was wrapped."""
        whole = golden(name)
        records = whole.get("Records", [whole])
        assert all(each.raw in records for each in unwrapped(whole))


def test_every_golden_event_is_checked() -> None:
    """No golden event lies about unread."""
    assert {path.stem for path in GOLDEN_EVENTS.iterdir()} == set(GOLDEN)


class TestDeliveries:
    """The records of an event."""

    def test_one_record(self) -> None:
        """A record becomes a delivery with its id, source, decoded body and receive count."""
        raw = record('{"id": 7}', message_id="m-9", attributes={"ApproximateReceiveCount": "3"})
        (delivery,) = read_event(event(raw))
        assert delivery.id == "m-9"
        assert delivery.source is Source.SQS
        assert delivery.body == {"id": 7}
        assert delivery.body_problem is None
        assert delivery.receive_count == 3
        assert delivery.raw is raw

    def test_order_is_kept(self) -> None:
        """Deliveries come in the order of the event."""
        deliveries = read_event(event(order("b"), order("a"), order("c")))
        assert [each.id for each in deliveries] == ["m-b", "m-a", "m-c"]

    def test_empty_batch(self) -> None:
        """No records, no deliveries."""
        assert read_event({"Records": []}) == ()

    @pytest.mark.parametrize(
        ("text", "body", "decoded"),
        [
            ("7", "7", False),
            ("null", "null", False),
            ('"x"', '"x"', False),
            ("[]", [], True),
            ("plain", "plain", False),
            ("", "", False),
            ('{"a": 1', '{"a": 1', False),
            ('{"a": NaN}', '{"a": NaN}', False),
            ('{"a": -Infinity}', '{"a": -Infinity}', False),
        ],
    )
    def test_body(self, text: str, body: object, decoded: bool) -> None:
        """A JSON object or array is decoded; any other body is its text, and it is said why."""
        (delivery,) = read_event(event(record(text)))
        assert delivery.body == body
        assert (delivery.body_problem is None) is decoded
        assert (delivery.unreadable is None) is not ("NaN" in text or "Infinity" in text)

    def test_body_problem_never_quotes(self) -> None:
        """A problem with a body is reported by its place, without the text of the body."""
        (delivery,) = read_event(event(record('{"card": 4111, secret}')))
        assert delivery.body_problem is not None
        assert "at character 15" in delivery.body_problem
        assert "4111" not in delivery.body_problem
        assert "secret" not in delivery.body_problem

    def test_repr_shows_no_body(self) -> None:
        """A delivery that ends up in a log by accident shows no body."""
        (delivery,) = read_event(event(record('{"card": "4111"}')))
        assert "4111" not in repr(delivery)

    @pytest.mark.parametrize("count", [None, "", "x", "-1", "1.5", 3, ["2"]])
    def test_receive_count_unknown(self, count: object) -> None:
        """A receive count that cannot be read is 1: it is shown, nothing depends on it."""
        (delivery,) = read_event(event(record(attributes={"ApproximateReceiveCount": count})))
        assert delivery.receive_count == 1


class TestParked:
    """Copies of parked messages, and their redrive."""

    def test_token(self) -> None:
        """A copy carries the owner that it was parked for, and no other message does."""
        attributes = {TOKEN_ATTRIBUTE: {"stringValue": "owner-1", "dataType": "String"}}
        body = json.dumps(event(s3_record("a"), s3_record("b")))
        copy, other = event(record(body, messageAttributes=attributes)), event(record(body))
        assert [each.token for each in unwrapped(copy)] == ["owner-1", "owner-1"]
        assert [each.token for each in unwrapped(other)] == [None, None]

    @pytest.mark.parametrize(
        "value",
        ["a", "a b", "é", "a\n", "#", "#x", "", 7, True, "7", ["a", 7], ["é#", True], "x" * 2041],
    )
    def test_mark(self, value: Any) -> None:
        """A copy states any key in printable ASCII, and it is read as it was."""
        (parked,) = read_event(event(record()))
        written = write_mark("owner-1", record_id("orders", value), parked)
        assert written.isascii()
        assert written.isprintable()
        (delivery,) = read_event(event(record(**marked(written))))
        assert delivery.token == "owner-1"
        found = find_stated_key(key_rule(), delivery)
        assert found == (key_rule().for_value(value) if value else None)

    def test_mark_of_a_hash(self) -> None:
        """A key that is known by its hash is not stated."""
        (parked,) = read_event(event(record()))
        assert write_mark("owner-1", record_id("orders", "x" * 3000), parked) == "owner-1 //m-1"

    @pytest.mark.parametrize(
        ("whole", "key", "written"),
        [
            (event(record()), "m-1", "o m-1"),
            (event(record()), "a", "o //m-1 a"),
            (event(record()), "/a b", "o //m-1 /a b"),
            (event(record(message_id="/a")), "/a", "o / /a"),
            (event(kinesis_record("a", "9")), "a", "o /aws:kinesis/9 a"),
            (bus_event("a", "b-7"), "b-7", "o /aws:events b-7"),
            (bus_event("a", "b 7/é"), "a", "o /aws:events a"),
        ],
    )
    def test_mark_says_where_it_is_from(self, whole: Any, key: str, written: str) -> None:
        """A copy says who delivered its message and with which id, for the next reader."""
        (parked,) = read_event(whole)
        assert write_mark("o", record_id("orders", key), parked) == written
        read = CopyMark.parse(written)
        assert (read.token, read.stated) == ("o", key)
        assert read.source == ("" if parked.source is Source.SQS else parked.source)
        assert read.first_id == (parked.id if parked.id.isascii() else key)
        assert read._replace(token="o").render() == written

    def test_the_attribute_is_nobodys(self) -> None:
        """The attribute that this package adds to a copy is not one of the producer's."""
        (delivery,) = read_event(event(record(**marked("owner-1 a"))))
        assert delivery.message_attributes == {}

    @pytest.mark.parametrize("value", [None, 7, [], {"stringValue": 7}, {"binaryValue": "eA=="}])
    def test_token_of_another_shape(self, value: object) -> None:
        """An attribute of that name that does not hold text is not a token."""
        (delivery,) = read_event(event(record(messageAttributes={TOKEN_ATTRIBUTE: value})))
        assert delivery.token is None

    @pytest.mark.parametrize("expression", ["kinesis.partitionKey", "eventID", "body.id"])
    def test_expressions_over_the_record(self, expression: str) -> None:
        """A key that was taken from the record is the copy's too."""
        harness = ConsumerHarness(key=expression)
        key = {"kinesis.partitionKey": "p", "eventID": "shardId-000000000000:9", "body.id": "a"}
        harness.behaviour[key[expression]] = raising(PermanentFailure())
        harness.consumer.consume(event(kinesis_record("a", "9")), Millis(30_000))
        harness.behaviour.clear()
        ((body, token),) = harness.queues.dead_letters
        harness.deliver(record(body, message_id="copy", **marked(token)))
        assert harness.outcomes == {"9": "parked", "copy": "completed"}
        assert harness.ran == [key[expression]] * 2

    def test_every_character_is_fit_for_sqs(self) -> None:
        """A copy is plain ASCII, as SQS refuses characters that JSON may hold."""
        (delivery,) = read_event({"note": "\u0001 \ud800 é \uffff"})
        assert delivery.build_copy()["MessageBody"].isascii()
        assert delivery.build_copy()["MessageBody"].isprintable()


class TestResponse:
    """The response that the source gets."""

    def test_shape(self) -> None:
        """The response is the documented object, and JSON says it as Lambda reads it."""
        deliveries = read_event(event(order("a"), order("b")))
        assert json.dumps(build_response(deliveries, deliveries)) == (
            '{"batchItemFailures": [{"itemIdentifier": "m-a"}, {"itemIdentifier": "m-b"}]}'
        )

    def test_nothing_delivered(self) -> None:
        """An empty batch is answered with an empty list."""
        assert build_response((), ()) == {"batchItemFailures": []}

    def test_order(self) -> None:
        """Failures are named in the order of the batch, in whatever order they happened."""
        deliveries = read_event(event(order("a"), order("b"), order("c")))
        assert reported_text(deliveries, deliveries[2], deliveries[0]) == ("m-a", "m-c")

    def test_each_id_once(self) -> None:
        """An id that the event holds twice is reported once."""
        deliveries = read_event(event(order("a"), order("b", "m-a")))
        assert reported_text(deliveries, *deliveries) == ("m-a",)

    def test_one_of_several_in_a_record(self) -> None:
        """A record is delivered again unless every message in it is done."""
        body = json.dumps(event(s3_record("a"), s3_record("b")))
        deliveries = unwrapped(event(record(body), order("c")))
        assert len(deliveries) == 3
        assert reported_text(deliveries, deliveries[1]) == ("m-1",)

    @pytest.mark.parametrize("build", [kinesis_record, stream_record])
    def test_streams_are_told_the_first(self, build: Any) -> None:
        """A stream gets the first failure of the batch, from which it continues."""
        deliveries = read_event(event(*(build(each, str(each)) for each in "5678")))
        assert reported_text(deliveries, deliveries[3], deliveries[1], deliveries[2]) == ("6",)

    def test_error(self) -> None:
        """Without a partial response the error names what is not done."""
        deliveries = read_event(event(sns_record("x", "n-7")))
        with pytest.raises(
            BatchFailedError, match="messages failed: n-7; the invocation fails so that"
        ):
            build_response(deliveries, deliveries)

    def test_error_of_several(self) -> None:
        """It names each of them once, in the order of the event."""
        records = (sns_record("x", each) for each in ("n-1", "n-2", "n-3", "n-1"))
        deliveries = read_event(event(*records))
        assert reported_text(deliveries, deliveries[2], deliveries[0], deliveries[3]) == (
            "n-1",
            "n-3",
        )


class TestMessage:
    """The message that a processor gets."""

    def test_fields(self, clock: ManualClock) -> None:
        """A message shows its delivery, key, owner and time, under these names."""
        attributes = {"trace": {"stringValue": "t", "dataType": "String"}}
        raw = record('{"id": 1}', messageAttributes=attributes)
        (delivery,) = read_event(event(raw))
        deadline = Deadline.from_remaining(clock, Millis(9000))
        message = Message.from_delivery(
            delivery, key=Key("1", "orders#1"), owner="owner-1", deadline=deadline
        )
        assert (message.id, message.key, message.owner) == ("m-1", "1", "owner-1")
        assert message.body == {"id": 1}
        assert message.attributes["SentTimestamp"] == "1545082649183"
        assert message.message_attributes == {"trace": "t"}
        assert (message.source, message.receive_count) == (Source.SQS, 1)
        assert message.raw == raw
        clock.advance(Millis(1))
        assert message.remaining_millis() == 8999

    def test_frozen(self, clock: ManualClock) -> None:
        """A message cannot be changed."""
        (delivery,) = read_event(event(record()))
        deadline = Deadline.from_remaining(clock, Millis(1))
        message = Message.from_delivery(delivery, key=KEY, owner="o", deadline=deadline)
        with pytest.raises(FrozenInstanceError):
            message.key = "b"  # type: ignore[misc]

    def test_tenant(self, clock: ManualClock) -> None:
        """A processor sees the group of a fair queue, the trace header, and a typed attribute."""
        first, second = unwrapped(golden("sqs_fair"))
        deadline = Deadline.from_remaining(clock, Millis(1))
        message = Message.from_delivery(first, key=KEY, owner="me", deadline=deadline)
        assert message.attributes["MessageGroupId"] == "tenant-1"
        assert message.attributes["AWSTraceHeader"].startswith("Root=1-")
        assert message.message_attributes == {"price": "12.50"}
        assert second.build_copy()["MessageGroupId"] == "tenant-2"

    def test_without_attributes(self, clock: ManualClock) -> None:
        """A record without attributes gives empty ones, not None."""
        (delivery,) = read_event(event(record(attributes=None, messageAttributes=None)))
        deadline = Deadline.from_remaining(clock, Millis(1))
        message = Message.from_delivery(delivery, key=KEY, owner="o", deadline=deadline)
        assert (message.attributes, message.message_attributes) == ({}, {})

    def test_direct(self, clock: ManualClock) -> None:
        """An event that is its own body has no attributes, whatever it names so."""
        (delivery,) = read_event({"attributes": "mine", "messageAttributes": "mine"})
        message = Message.from_delivery(
            delivery, key=KEY, owner="o", deadline=Deadline.from_remaining(clock, Millis(1))
        )
        assert (message.attributes, message.message_attributes) == ({}, {})
        assert (message.id, message.source, message.receive_count) == ("event", Source.DIRECT, 1)
