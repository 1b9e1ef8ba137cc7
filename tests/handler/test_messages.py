"""From event to deliveries, and from failures to the response Lambda expects."""

import copy
import json
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import BatchFailedError, UnsupportedEventError
from idempotent_lambda.keys import record_id
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
    FIFO_ARN,
    GOLDEN_EVENTS,
    STREAM_ARN,
    bus_event,
    event,
    fifo_order,
    golden,
    key_rule,
    kinesis_record,
    marked,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
    unwrapped,
)
from .harness import ConsumerHarness, raising

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
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

SEQUENCER = "0055AED6DCD90281E5"
UPLOAD = ["shop-uploads", "in/o-1.json", "null", SEQUENCER, "ObjectCreated:Put"]
"""The key of one upload, whichever way its event takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """What becomes of an event whose shape AWS documents.

    Attributes:
        url: where it does.
        ids: of the deliveries, as the response names them.
        probe: a place in each body, as names and positions.
        found: what stands there, in each; the whole body where there is no probe.
        default_keys: the key of each, without an expression.
        groups: what each is to be kept in order with.
        told: what the response names if the last delivery fails, or the error, for the others.
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
    """What stands at a place of a body."""
    for name in probe:
        body = body[name]
    return body


def reported_text(deliveries: tuple[Delivery, ...], *failed: Delivery) -> tuple[str, ...] | None:
    """What Lambda is told of failures: names in a response, or in an error; None is null."""
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
        """If the last message fails, its source is told of it in the way that it understands."""
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
                copied = record(delivery.copy_body(), message_id="copy", **marked(token))
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
            ("7", 7, True),
            ("null", None, True),
            ('"x"', "x", True),
            ("[]", [], True),
            ("plain", "plain", False),
            ("", "", False),
            ('{"a": 1', '{"a": 1', False),
            ('{"a": NaN}', '{"a": NaN}', False),
            ('{"a": -Infinity}', '{"a": -Infinity}', False),
        ],
    )
    def test_body(self, text: str, body: object, decoded: bool) -> None:
        """A JSON body is decoded; any other is its text, and the delivery knows why."""
        (delivery,) = read_event(event(record(text)))
        assert delivery.body == body
        assert (delivery.body_problem is None) is decoded

    def test_body_problem_never_quotes(self) -> None:
        """What is wrong with a body is told by place, without its text."""
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


class TestWrapped:
    """Bodies that are events themselves."""

    def test_message_attributes(self) -> None:
        """The producer's attributes are values by name, whatever carried them."""
        raw = {"tenant": {"stringValue": "acme", "dataType": "String"}}
        (plain,) = read_event(event(record("x", messageAttributes=raw)))
        (queued,) = unwrapped(event(record(json.dumps(notification("x")))))
        (straight,) = unwrapped(event(sns_record("x")))
        assert plain.message_attributes == {"tenant": "acme"}
        assert queued.message_attributes == {"tenant": "acme"}
        assert straight.message_attributes == {"tenant": "acme"}
        assert queued.build_document()["message_attributes"] == {"tenant": "acme"}

    def test_binary_attributes(self) -> None:
        """A binary attribute is the Base64 that its transport delivers."""
        raw = {"photo": {"binaryValue": "iVBORw==", "dataType": "Binary"}}
        noted = {"photo": {"Type": "Binary", "Value": "iVBORw=="}}
        body = json.dumps(notification("x", MessageAttributes=noted))
        (plain,) = read_event(event(record("x", messageAttributes=raw)))
        (queued,) = unwrapped(event(record(body)))
        assert plain.message_attributes == queued.message_attributes == {"photo": "iVBORw=="}

    def test_without_message_attributes(self) -> None:
        """A notification without attributes has none, even if the SQS message around it has."""
        outer = {"trace": {"stringValue": "t", "dataType": "String"}}
        body = json.dumps(notification("x", MessageAttributes=None))
        (delivery,) = unwrapped(event(record(body, messageAttributes=outer)))
        assert delivery.message_attributes == {}

    def test_envelope(self) -> None:
        """An expression finds the fields of every wrapper together, apart from the record's."""
        inside = s3_record(awsRegion="us-east-1")
        body = json.dumps(notification(json.dumps(event(inside))))
        (delivery,) = unwrapped(event(record(body)))
        document = delivery.build_document()
        assert document["messageId"] == "m-1"
        assert document["awsRegion"] == "eu-central-1"
        assert "Subject" not in document
        assert document["wrapped"]["Subject"] == "Order"
        assert document["wrapped"]["eventName"] == "ObjectCreated:Put"
        assert document["wrapped"]["awsRegion"] == "us-east-1"
        assert document["body"] == inside

    def test_a_direct_event_has_no_envelope(self) -> None:
        """A field of a direct event is found in the body alone, as it is in a parked copy of it."""
        (delivery,) = unwrapped({"order_id": "o-1", "body": "mine"})
        own = {"order_id": "o-1", "body": "mine"}
        assert delivery.build_document() == {"body": own, "wrapped": {}, "message_attributes": {}}

    @pytest.mark.parametrize("straight", [bus_event("a"), event(sns_record("{}"))])
    def test_wrapped_is_the_same_straight_and_queued(self, straight: Any) -> None:
        """What Lambda delivers, and brings back through a queue, has one ``wrapped`` and body."""
        (first,) = read_event(straight)
        (again,) = unwrapped(event(record(json.dumps(straight))))
        assert again.wrapped == first.wrapped
        assert (again.body, again.default_key) == (first.body, first.default_key)

    def test_several_ways_of_one_event(self) -> None:
        """An S3 event has one key, straight, through SNS, through SQS, or through both."""
        single = event(s3_record())
        text = json.dumps(single)
        noted = notification(text)
        ways = [
            single,
            event(sns_record(text)),
            event(record(text)),
            event(record(json.dumps(noted))),
        ]
        default_keys = [each.default_key for way in ways for each in unwrapped(way)]
        assert len(default_keys) == 4
        assert default_keys.count(default_keys[0]) == 4

    def test_order_of_a_fifo_queue(self) -> None:
        """What a FIFO message wraps is in the message's group, with the order of the records."""
        body = json.dumps(event(sns_record('{"id": "a"}'), sns_record('{"id": "b"}', "n-2")))
        deliveries = unwrapped(event(fifo_order("x", "g-7", body=body)))
        assert [each.body["id"] for each in deliveries] == ["a", "b"]
        assert {each.group for each in deliveries} == {f"{FIFO_ARN} g-7"}

    def test_records_of_streams_are_not_unwrapped(self) -> None:
        """No service puts records of a stream into a queue like that, so it is a plain body."""
        inside = event(kinesis_record("a"), stream_record("b"), sns_record('{"id": "c"}'))
        (delivery,) = unwrapped(event(record(json.dumps(inside))))
        assert (delivery.body, delivery.default_key, delivery.wrapped) == (inside, "m-1", {})

    def test_pipes(self) -> None:
        """EventBridge Pipes puts the record of a stream into a queue as it is."""
        shard = kinesis_record("a", "9")
        flat = {**shard.pop("kinesis"), **shard}
        bodies = (stream_record("a", "9"), flat)
        table, stream = unwrapped(event(*(record(json.dumps(each)) for each in bodies)))
        assert (table.default_key, table.body["dynamodb"]["Keys"]) == ("e-9", {"id": {"S": "a"}})
        assert (stream.default_key, stream.body) == (
            [STREAM_ARN, "shardId-000000000000:9"],
            {"id": "a"},
        )
        assert [each.default_key for each in read_event(event(record(json.dumps(flat))))] == ["m-1"]

    @pytest.mark.parametrize(
        ("services", "unwraps"),
        [
            ((), ""),
            (("events",), "b"),
            (("s3",), "u"),
            (("sns",), "bun"),
            (("pipes",), "p"),
        ],
    )
    def test_only_what_is_named(self, services: tuple[str, ...], unwraps: str) -> None:
        """A service that is not named wraps nothing; a topic may carry buses and buckets."""
        bodies = {
            "b": bus_event("a"),
            "u": event(s3_record()),
            "n": notification("x"),
            "p": stream_record("a"),
        }
        found = {
            name: read_event(event(record(json.dumps(body))), services)[0]
            for name, body in bodies.items()
        }
        assert {name for name, each in found.items() if each.wrapped} == set(unwraps)
        assert {name for name, each in found.items() if each.default_key != "m-1"} == set(unwraps)

    def test_an_event_on_a_stream(self) -> None:
        """An EventBridge event that came through Kinesis has its own id as its key."""
        data = json.dumps(bus_event("o-1", "b-7")).encode()
        (delivery,) = unwrapped(event(kinesis_record(data)))
        assert (delivery.id, delivery.default_key, delivery.body["id"]) == ("1", "b-7", "b-7")

    def test_a_test_event_in_a_notification(self) -> None:
        """The test event of S3 is no message through SNS either."""
        text = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "orders"})
        assert unwrapped(event(sns_record(text))) == ()
        assert unwrapped(event(record(json.dumps(notification(text))))) == ()

    @pytest.mark.parametrize(
        "body",
        [
            notification("x", Message=7),
            notification("x", Message={"id": 1}),
            notification("x", MessageId=None),
            notification("x", Type="SubscriptionConfirmation"),
            {"Type": "Notification", "MessageId": "n-1", "Message": "{}"},
            bus_event("a", id=7),
            {"detail-type": "x", "detail": {}},
            {"Event": "s3:TestEvent"},
            {"Records": []},
            {"Records": {}},
            {"Records": [7]},
            {"Records": [{"id": 1}]},
            event(order("a")),
            event(s3_record(), order("a")),
            event(s3_record(s3={"bucket": {}, "object": {"key": "k"}})),
            kinesis_record("a", data="not base64"),
            kinesis_record("a", data="é"),
            kinesis_record("a", data=7),
            kinesis_record("a"),
            stream_record("a", dynamodb=None),
            event(sns_record("a", Sns=None)),
            event(sns_record("a", Sns={"Message": "a"})),
        ],
    )
    def test_lookalikes(self, body: object) -> None:
        """What only resembles an event is a plain body, keyed by its message."""
        (delivery,) = unwrapped(event(record(json.dumps(body))))
        assert (delivery.body, delivery.default_key) == (body, "m-1")

    @pytest.mark.parametrize("text", ["plain", "\ufeff{}", ""])
    def test_kinesis_text(self, text: str) -> None:
        """Kinesis data that is UTF-8 but no JSON is text, with the reason."""
        (delivery,) = unwrapped(event(kinesis_record(text.encode())))
        assert delivery.body == text
        assert "at character 0" in str(delivery.body_problem)

    def test_kinesis_bytes(self) -> None:
        """Kinesis data that is no text are bytes, with the reason."""
        (delivery,) = unwrapped(event(kinesis_record(b"\xff\xfe")))
        assert (delivery.body, delivery.body_problem) == (b"\xff\xfe", "the data is no UTF-8 text")


class TestParked:
    """Copies of parked messages, and their redrive."""

    def test_token(self) -> None:
        """A copy bears the owner that it was parked for, and no other message does."""
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
        """What this package adds to a copy is none of the producer's attributes."""
        (delivery,) = read_event(event(record(**marked("owner-1 a"))))
        assert delivery.message_attributes == {}

    @pytest.mark.parametrize("value", [None, 7, [], {"stringValue": 7}, {"binaryValue": "eA=="}])
    def test_token_of_another_shape(self, value: object) -> None:
        """An attribute of that name that holds no text is no token."""
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
        assert delivery.copy_body().isascii()
        assert delivery.copy_body().isprintable()


SUPPORTED = "supported are batches of SQS, "


class TestUnsupported:
    """Whole events that are handed back."""

    @pytest.mark.parametrize(
        ("whole", "found"),
        [
            (None, "the event is NoneType, no object"),
            ([], "the event is list"),
            ("text", "the event is str"),
            (7, "the event is int"),
            ({"Records": None}, "Records that are no list"),
            ({"Records": {}}, "Records that are no list"),
            ({"eventSource": "aws:kafka", "records": {}}, "the event is from 'aws:kafka'"),
            ({"eventSource": "aws:mq", "messages": []}, "the event is from 'aws:mq'"),
            ({"eventSource": "SelfManagedKafka"}, "the event is from 'SelfManagedKafka'"),
        ],
    )
    def test_event(self, whole: object, found: str) -> None:
        """An event of an unknown source or type is named, beside what is supported."""
        with pytest.raises(UnsupportedEventError, match=SUPPORTED) as caught:
            read_event(whole)
        assert found in str(caught.value)

    @pytest.mark.parametrize("broken", [None, 7, "text", []])
    def test_record_is_no_object(self, broken: Any) -> None:
        """A record that is no object fails the batch."""
        with pytest.raises(UnsupportedEventError, match=f"record that is {type(broken).__name__}"):
            read_event(event(order("a"), broken))

    @pytest.mark.parametrize(
        "source",
        ["aws:ses", "aws:codecommit", "aws:events", "direct", None, "AWS:SQS", ["aws:sqs"]],
    )
    def test_other_source(self, source: object) -> None:
        """A record of another source fails the batch and is named."""
        with pytest.raises(UnsupportedEventError, match=SUPPORTED) as caught:
            read_event(event(order("a"), record(eventSource=source)))
        named = "a list" if isinstance(source, list) else repr(source)
        assert f"a record from {named}" in str(caught.value)

    @pytest.mark.parametrize("message_id", [None, "", 7, ["m-1"], {}])
    def test_without_an_id(self, message_id: Any) -> None:
        """A record that could not be reported fails the batch: unreported means deleted."""
        with pytest.raises(UnsupportedEventError, match="aws:sqs without a messageId"):
            read_event(event(order("a"), record(message_id=message_id)))

    @pytest.mark.parametrize(
        ("broken", "place"),
        [
            (kinesis_record("a", ""), "aws:kinesis without a kinesis.sequenceNumber"),
            (kinesis_record("a", kinesis=None), "aws:kinesis without a kinesis.sequenceNumber"),
            (stream_record("a", dynamodb={}), "aws:dynamodb without a dynamodb.SequenceNumber"),
            (sns_record("a", Sns={}), "aws:sns without a Sns.MessageId"),
        ],
    )
    def test_without_an_id_elsewhere(self, broken: dict[str, Any], place: str) -> None:
        """So does a record of another source, and the error says where the id should be."""
        with pytest.raises(UnsupportedEventError, match=place):
            read_event(event(broken))

    @pytest.mark.parametrize(
        "broken",
        [
            kinesis_record("a", kinesis={"sequenceNumber": "1"}),
            kinesis_record("a", kinesis={"sequenceNumber": "1", "data": "x"}),
            sns_record("a", Sns={"MessageId": "n-1"}),
            s3_record(s3={}),
        ],
    )
    def test_not_as_documented(self, broken: dict[str, Any]) -> None:
        """A record without the part that is its message is rejected alone, not guessed at."""
        for key in (None, "eventSource"):
            harness = ConsumerHarness(key=key)
            good = read_event(event(broken))[0].source
            assert told_by(harness, event(broken)) != []
            assert (harness.ran, list(harness.outcomes.values())) == ([], ["rejected"])
            (error,) = next(iter(harness.histories.values())).errors
            assert "not as" in str(error)
            assert good in ("aws:kinesis", "aws:sns", "aws:s3")

    def test_mixed(self) -> None:
        """Records of several sources cannot be answered together."""
        with pytest.raises(UnsupportedEventError, match="records of several sources"):
            read_event(event(order("a"), kinesis_record("b")))

    def test_shows_no_values(self) -> None:
        """The error shows nothing of a message but its source."""
        with pytest.raises(UnsupportedEventError) as caught:
            read_event(event(record("secret", message_id="", receiptHandle="secret")))
        assert "secret" not in str(caught.value)

    def test_nothing_runs_before_the_whole_event_is_read(self, harness: ConsumerHarness) -> None:
        """A bad last record stops the batch before the first effect."""
        with pytest.raises(UnsupportedEventError):
            harness.deliver("a", "b", record(message_id=""))
        assert harness.ran == []
        assert harness.memory.records == {}


class TestResponse:
    """What the source is told."""

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
        """A stream is told the first failure of the batch, from which it goes on."""
        deliveries = read_event(event(*(build(each, str(each)) for each in "5678")))
        assert reported_text(deliveries, deliveries[3], deliveries[1], deliveries[2]) == ("6",)

    def test_error(self) -> None:
        """Without a partial response the error names what is not done."""
        deliveries = read_event(event(sns_record("x", "n-7")))
        with pytest.raises(BatchFailedError, match="not done: n-7; the invocation fails so that"):
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
    """What a processor gets."""

    def test_fields(self, clock: ManualClock) -> None:
        """A message shows its delivery, key, owner and time, under these names."""
        attributes = {"trace": {"stringValue": "t", "dataType": "String"}}
        raw = record('{"id": 1}', messageAttributes=attributes)
        (delivery,) = read_event(event(raw))
        deadline = Deadline.from_remaining(clock, Millis(9000))
        message = Message.from_delivery(delivery, key="1", owner="owner-1", deadline=deadline)
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
        message = Message.from_delivery(delivery, key="a", owner="o", deadline=deadline)
        with pytest.raises(FrozenInstanceError):
            message.key = "b"  # type: ignore[misc]

    def test_without_attributes(self, clock: ManualClock) -> None:
        """A record without attributes gives empty ones, not None."""
        (delivery,) = read_event(event(record(attributes=None, messageAttributes=None)))
        deadline = Deadline.from_remaining(clock, Millis(1))
        message = Message.from_delivery(delivery, key="a", owner="o", deadline=deadline)
        assert (message.attributes, message.message_attributes) == ({}, {})

    def test_direct(self, clock: ManualClock) -> None:
        """An event that is its own body has no attributes, whatever it names so."""
        (delivery,) = read_event({"attributes": "mine", "messageAttributes": "mine"})
        message = Message.from_delivery(
            delivery, key="a", owner="o", deadline=Deadline.from_remaining(clock, Millis(1))
        )
        assert (message.attributes, message.message_attributes) == ({}, {})
        assert (message.id, message.source, message.receive_count) == ("event", Source.DIRECT, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = [
    "messageId",
    "body",
    "attributes",
    "messageAttributes",
    "eventSource",
    "eventSourceARN",
    "receiptHandle",
]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A batch of orders with fields taken out, replaced, or cut short."""
    whole = copy.deepcopy(event(order("a"), order("b"), order("c"), order("a", "m-d")))
    for _ in range(draw(st.integers(1, 3))):
        victim = draw(st.sampled_from(whole["Records"]))
        field = draw(st.sampled_from(FIELDS))
        match draw(st.sampled_from(["remove", "replace", "truncate"])):
            case "remove":
                victim.pop(field, None)
            case "replace":
                victim[field] = draw(JSON)
            case "truncate":
                text = victim.get(field)
                if isinstance(text, str):
                    victim[field] = text[: draw(st.integers(0, len(text)))]
    return whole


def answer(whole: Any, key: str | None) -> list[str] | None:
    """The ids reported for an event; None where the event is refused as a whole."""
    harness = ConsumerHarness(key=key, unwrap=frozenset(UNWRAP_CHOICES))
    try:
        deliveries = unwrapped(whole)
        reported = told_by(harness, whole)
    except UnsupportedEventError:
        assert harness.ran == []
        return None
    delivered = [each.id for each in deliveries]
    assert set(reported) <= set(delivered)
    assert len(reported) == len(set(reported))
    # Every message has an end, and what has not run to completion is reported.
    assert set(harness.outcomes) == set(delivered)
    rejected = {each for each, outcome in harness.outcomes.items() if outcome == "rejected"}
    if not (deliveries and deliveries[0].source in (Source.KINESIS, Source.DYNAMODB)):
        assert rejected <= set(reported)
    return reported


def told_by(harness: ConsumerHarness, whole: Any) -> list[str]:
    """What a consumer reports of an event, in its response or its error."""
    try:
        response: Any = harness.consumer.consume(whole, Millis(30_000))
    except BatchFailedError as error:
        return list(error.ids)
    if response is None:
        return []
    assert list(response) == ["batchItemFailures"]
    assert all(list(each) == ["itemIdentifier"] for each in response["batchItemFailures"])
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]


@given(JSON)
def test_any_event(whole: Any) -> None:
    """An arbitrary event is refused by type, or answered with ids of its own."""
    answer(whole, "messageId")


@given(damaged(), st.sampled_from(["messageId", "body.id", "[body.id, attributes.SenderId]"]))
def test_damaged_event(whole: Any, key: str) -> None:
    """A damaged batch is refused by type, or answered with ids of its own."""
    reported = answer(whole, key)
    if reported is not None:
        # No record goes unnoticed: what gives no message is S3's test event, and here is none.
        assert len(unwrapped(whole)) == len(whole["Records"])


NAMES = [name for name in GOLDEN if name != "s3_test"]


@st.composite
def mangled(draw: st.DrawFn) -> Any:
    """A golden event, or the event inside of it, with values taken out or replaced anywhere."""
    whole = golden(draw(st.sampled_from(NAMES)))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = whole
        while True:
            names = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not names:
                break
            name = draw(st.sampled_from(names))
            inside = place[name]
            if isinstance(inside, dict | list) and draw(st.integers(0, 9)):
                place = inside
                continue
            if isinstance(inside, str) and inside.startswith("{") and draw(st.booleans()):
                text = json.dumps({**json.loads(inside), draw(st.sampled_from(names)): draw(JSON)})
                place[name] = text
            elif isinstance(place, dict) and draw(st.booleans()):
                del place[name]
            else:
                place[name] = draw(JSON)
            break
    return whole


@given(mangled(), st.sampled_from([None, "body.order_id", "messageId", "body"]))
def test_mangled_event(whole: Any, key: str | None) -> None:
    """A mangled event of any source is refused by type, or no record of it goes unnoticed."""
    if answer(whole, key) is not None:
        records = whole.get("Records")
        deliveries = unwrapped(whole)
        assert len({id(each.raw) for each in deliveries}) == (
            1 if records is None else len(records)
        )


@given(st.integers(0, 400))
def test_truncated_body(length: int) -> None:
    """A body cut short anywhere rejects its own message and no other."""
    body = json.dumps({"id": "a", "note": "x" * 350})[:length]
    whole = event(record(body, message_id="m-cut"), order("b"))
    expected = [] if length >= 373 else ["m-cut"]
    assert answer(whole, "body.id") == expected
