"""Requests to SQS: hide busy messages, and send copies of parked ones to the dead-letter queue.

The tests read the requests on the wire; the copies also pass through a queue of moto's.
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws

from idempotent_lambda.clock import Deadline, EpochMillis, Millis
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.queues import SqsQueues, compute_postponements
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda_toolkit.testing import ManualClock

from .events import (
    event,
    fifo_order,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    unwrapped,
)
from .harness import NO_CONNECTION, READ_TIMEOUT, START, Fault, Listener, Wire, answered, broken

NOW = EpochMillis(START)
DLQ = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dlq"
FIFO_DLQ = f"{DLQ}.fifo"
VISIBILITY = "ChangeMessageVisibilityBatch"
ME = Owner("me")
QUEUE = "check the queue's URL, the role's permissions and the message"


def deliveries(*records: dict[str, Any]) -> list[Delivery]:
    """The deliveries of a batch."""
    return list(unwrapped(event(*records)))


def after(millis: int) -> EpochMillis:
    """A lease that ends so long after now."""
    return EpochMillis(NOW + millis)


class TestPostponements:
    """Which messages come back when."""

    @pytest.mark.parametrize(
        ("lease", "seconds"),
        [(0, 2), (1, 3), (999, 3), (1000, 3), (1001, 4), (30_000, 32), (-1999, 1), (-2000, 0)],
    )
    def test_when_the_lease_is_over(self, lease: int, seconds: int) -> None:
        """A busy message is received again two seconds after the lease, rounded up."""
        (in_progress,) = deliveries(order("a"))
        assert compute_postponements([in_progress], [(in_progress, after(lease))], NOW) == [
            (in_progress, seconds)
        ]

    @pytest.mark.parametrize(
        ("lease", "seconds"), [(43_198_000, 43_200), (10**12, 43_200), (-(10**6), 0)]
    )
    def test_within_limits(self, lease: int, seconds: int) -> None:
        """SQS takes no more than twelve hours, and no less than nothing."""
        (in_progress,) = deliveries(order("a"))
        assert compute_postponements([in_progress], [(in_progress, after(lease))], NOW) == [
            (in_progress, seconds)
        ]

    def test_nobody_else(self) -> None:
        """Failed neighbours on a standard queue come back as the queue says."""
        in_progress, failed = deliveries(order("a"), order("b"))
        assert compute_postponements([in_progress, failed], [(in_progress, after(0))], NOW) == [
            (in_progress, 2)
        ]

    def test_the_rest_of_a_group(self) -> None:
        """On a FIFO queue what follows in the group is postponed with it, other groups are not."""
        first, second, other = deliveries(
            fifo_order("a", "g"), fifo_order("b", "g"), fifo_order("c", "h")
        )
        failed = [first, second, other]
        assert compute_postponements(failed, [(first, after(0))], NOW) == [(first, 2), (second, 2)]

    def test_a_group_of_a_standard_queue_is_none(self) -> None:
        """Groups of a standard queue order nothing, so nothing follows in them."""
        grouped = {"ApproximateReceiveCount": "1", "MessageGroupId": "g"}
        in_progress, failed = deliveries(
            order("a", attributes=grouped), order("b", attributes=grouped)
        )
        assert compute_postponements([in_progress, failed], [(in_progress, after(0))], NOW) == [
            (in_progress, 2)
        ]

    def test_what_is_done_is_left_alone(self) -> None:
        """Only what is reported is postponed: the others will be deleted."""
        in_progress, done = deliveries(fifo_order("a"), fifo_order("b"))
        assert compute_postponements([in_progress], [(in_progress, after(0))], NOW) == [
            (in_progress, 2)
        ]
        assert compute_postponements([done], [], NOW) == []

    def test_many_messages_of_one_record(self) -> None:
        """A record that wraps several messages is postponed once."""
        wrapped = record(json.dumps(event(s3_record("a"), s3_record("b"))), message_id="m-1")
        first, second = deliveries(wrapped)
        found = compute_postponements([first, second], [(second, after(0))], NOW)
        assert [(each.id, seconds) for each, seconds in found] == [("m-1", 2)]

    @pytest.mark.parametrize("ends", [(0, 60_000), (60_000, 0)])
    def test_several_leases_in_one_record(self, ends: tuple[int, int]) -> None:
        """Of several leases that a record has met the last one counts: it would be busy again."""
        wrapped = record(json.dumps(event(s3_record("a"), s3_record("b"))), message_id="m-1")
        in_progress = list(zip(deliveries(wrapped), map(after, ends), strict=True))
        found = compute_postponements([each for each, _ in in_progress], in_progress, NOW)
        assert [seconds for _, seconds in found] == [62]

    @pytest.mark.parametrize("other", [kinesis_record("a"), sns_record("{}"), s3_record("a")])
    def test_only_queues(self, other: dict[str, Any]) -> None:
        """A message that came from no queue has no visibility timeout."""
        (in_progress,) = deliveries(other)
        assert compute_postponements([in_progress], [(in_progress, after(0))], NOW) == []


def succeeded(content: dict[str, Any] | None = None) -> Fault:
    """SQS answers, and has done nothing."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        del through
        response = AWSResponse(request.url, 200, HTTPHeaders(), None)
        known = {"MessageId": "m-copy"} if content is None else content
        response._content = json.dumps(known).encode()
        return response

    return fault


class Desk:
    """Queues with nothing behind their wire: tests give every answer themselves."""

    def __init__(self, dead_letter_queue_url: str | None = DLQ) -> None:
        self.listener = Listener()
        self.queues = SqsQueues(dead_letter_queue_url, self.listener)
        self.clock = ManualClock()
        self.wire = Wire(self.queues._client)
        self.wire.always = succeeded()

    def postpone(self, *in_progress: Delivery, remaining: int = 30_000) -> None:
        self.queues.postpone(
            in_progress, [(each, after(30_000)) for each in in_progress], self.deadline(remaining)
        )

    def send(self, delivery: Delivery, *, remaining: int = 30_000) -> dict[str, Any]:
        """Send a copy; return the body of the request."""
        self.queues.dead_letter(delivery, "orders#a", ME, self.deadline(remaining))
        assert self.wire.sent == ["SendMessage"]
        return self.wire.bodies[0]

    def deadline(self, remaining: int) -> Deadline:
        return Deadline.from_remaining(self.clock, Millis(remaining))


@pytest.fixture
def desk(aws: None) -> Desk:
    """Queues with nothing behind their wire."""
    del aws
    return Desk()


class TestPostpone:
    """Changing visibility."""

    def test_request(self, desk: Desk) -> None:
        """Each has its receipt and its seconds; the queue is the one of the event."""
        desk.postpone(*deliveries(order("a", receiptHandle="r-a"), order("b", receiptHandle="r-b")))
        assert desk.wire.sent == [VISIBILITY]
        (body,) = desk.wire.bodies
        assert body["QueueUrl"] == "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
        assert body["Entries"] == [
            {"Id": "0", "ReceiptHandle": "r-a", "VisibilityTimeout": 32},
            {"Id": "1", "ReceiptHandle": "r-b", "VisibilityTimeout": 32},
        ]

    def test_ten_at_a_time(self, desk: Desk) -> None:
        """No call has more entries than SQS takes, and no receipt is in two."""
        batch = [order(number, receiptHandle=f"r-{number}") for number in range(25)]
        desk.postpone(*deliveries(*batch))
        assert [len(each["Entries"]) for each in desk.wire.bodies] == [10, 10, 5]
        entries = [entry for body in desk.wire.bodies for entry in body["Entries"]]
        assert [each["ReceiptHandle"] for each in entries] == [f"r-{n}" for n in range(25)]
        for body in desk.wire.bodies:
            assert len({each["Id"] for each in body["Entries"]}) == len(body["Entries"])

    def test_nothing_to_do(self, desk: Desk) -> None:
        """A message that came from no queue needs no call."""
        desk.postpone(*deliveries(kinesis_record("a")))
        assert desk.wire.sent == []

    @pytest.mark.parametrize(("remaining", "calls"), [(2000, 1), (1999, 0)])
    def test_in_time(self, desk: Desk, remaining: int, calls: int) -> None:
        """A call that could outlast the invocation is not made: it is a kindness, no duty."""
        desk.postpone(*deliveries(order("a")), remaining=remaining)
        assert len(desk.wire.sent) == calls

    @pytest.mark.parametrize(
        ("fault", "remedy"),
        [
            (answered(403, "AccessDenied"), QUEUE),
            (answered(400, "QueueDoesNotExist"), QUEUE),
            (answered(500, "InternalError"), QUEUE),
            (broken(OSError("no wire")), "check the SDK, botocore "),
            (broken(NO_CONNECTION), "check the network path"),
            (broken(READ_TIMEOUT), "check the network path"),
        ],
    )
    def test_failure(self, desk: Desk, fault: Fault, remedy: str) -> None:
        """A failure is reported once, and costs the batch nothing else."""
        desk.wire.always = fault
        desk.postpone(*deliveries(*(order(number) for number in range(15))))
        (reported,) = desk.listener.fallen_back
        assert "ChangeMessageVisibility" in str(reported)
        assert remedy in str(reported)
        assert desk.wire.sent == [VISIBILITY]

    def test_failed_entries(self, desk: Desk) -> None:
        """Entries that fail inside a call that succeeds are reported too."""
        entry = {"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}
        desk.wire.always = succeeded({"Successful": [], "Failed": [entry]})
        desk.postpone(*deliveries(order("a")))
        (reported,) = desk.listener.fallen_back
        assert "ReceiptHandleIsInvalid" in str(reported)


TENANT = {"stringValue": "acme", "dataType": "String", "stringListValues": []}
PHOTO = {
    "binaryValue": base64.b64encode(b"\x00\xff").decode(),
    "dataType": "Binary",
    "binaryListValues": [],
}
WEIGHT = {"stringValue": "1.5", "dataType": "Number.kg"}


class TestDeadLetter:
    """Sending copies."""

    def test_body(self, desk: Desk) -> None:
        """The copy has the body as it came, byte for byte, and goes to the configured queue."""
        body = desk.send(deliveries(record('{"id":  "a\\u00e9"} '))[0])
        assert (body["QueueUrl"], body["MessageBody"]) == (DLQ, '{"id":  "a\\u00e9"} ')
        assert "MessageGroupId" not in body

    def test_attributes(self, desk: Desk) -> None:
        """The producer's attributes are copied, of every type, and the token is added."""
        attributes = {"tenant": TENANT, "photo": PHOTO, "weight": WEIGHT}
        (parked,) = deliveries(order("a", messageAttributes=attributes))
        sent = desk.send(parked)["MessageAttributes"]
        token = sent.pop(TOKEN_ATTRIBUTE)
        assert token == {"DataType": "String", "StringValue": f"{ME} //m-a a"}
        assert sent == {
            "tenant": {"DataType": "String", "StringValue": "acme"},
            "photo": {"DataType": "Binary", "BinaryValue": PHOTO["binaryValue"]},
            "weight": {"DataType": "Number.kg", "StringValue": "1.5"},
        }

    def test_a_copy_of_a_copy(self, desk: Desk) -> None:
        """A redriven message that is parked again carries only the new token."""
        old = {TOKEN_ATTRIBUTE: {"stringValue": "old", "dataType": "String"}}
        (parked,) = deliveries(order("a", messageAttributes=old))
        assert parked.token == "old"
        sent = desk.send(parked)["MessageAttributes"]
        assert list(sent) == [TOKEN_ATTRIBUTE]
        assert CopyMark.parse(sent[TOKEN_ATTRIBUTE]["StringValue"]).token == ME

    @pytest.mark.parametrize(("own", "fits"), [(9, True), (10, False)])
    def test_room_for_the_token(self, desk: Desk, own: int, fits: bool) -> None:
        """SQS takes at most ten attributes: a message that already has ten is not copied."""
        attributes = {f"name-{number}": TENANT for number in range(own)}
        (parked,) = deliveries(order("a", messageAttributes=attributes))
        if fits:
            assert len(desk.send(parked)["MessageAttributes"]) == 10
            return
        with pytest.raises(StoreRefusedError, match="10 attributes leave no room for a token"):
            desk.send(parked)
        assert desk.wire.sent == []

    def test_ten_attributes_with_a_token_among_them(self, desk: Desk) -> None:
        """A token that is replaced takes no room."""
        attributes = {f"name-{number}": TENANT for number in range(9)} | {
            TOKEN_ATTRIBUTE: {"stringValue": "old", "dataType": "String"}
        }
        (parked,) = deliveries(order("a", messageAttributes=attributes))
        assert len(desk.send(parked)["MessageAttributes"]) == 10

    @pytest.mark.parametrize("url", [None, ""])
    def test_no_queue(self, aws: None, url: str | None) -> None:
        """Without a dead-letter queue the setting is named, and nothing is sent."""
        del aws
        desk = Desk(url)
        with pytest.raises(StoreRefusedError, match="IDEMPOTENCY_DEAD_LETTER_QUEUE_URL"):
            desk.send(deliveries(order("a"))[0])
        assert desk.wire.sent == []

    @pytest.mark.parametrize(("remaining", "fits"), [(2000, True), (1999, False)])
    def test_in_time(self, desk: Desk, remaining: int, fits: bool) -> None:
        """A call that could outlast the invocation is not made."""
        (parked,) = deliveries(order("a"))
        if fits:
            assert desk.send(parked, remaining=remaining)
            return
        with pytest.raises(StoreUnavailableError) as caught:
            desk.send(parked, remaining=remaining)
        assert (caught.value.code, caught.value.maybe_written) == ("NoTime", False)
        assert desk.wire.sent == []

    @pytest.mark.parametrize(
        ("fault", "kind", "maybe_sent"),
        [
            (answered(403, "AccessDenied"), StoreRefusedError, False),
            (answered(400, "QueueDoesNotExist"), StoreRefusedError, False),
            (answered(400, "InvalidMessageContents"), StoreRefusedError, False),
            (answered(500, "InternalError"), StoreUnavailableError, True),
            (succeeded({}), StoreUnavailableError, True),
            (broken(OSError("no wire")), StoreUnavailableError, True),
            (broken(NO_CONNECTION), StoreUnavailableError, False),
            (broken(READ_TIMEOUT), StoreUnavailableError, True),
        ],
    )
    def test_failure(
        self, desk: Desk, fault: Fault, kind: type[StoreError], maybe_sent: bool
    ) -> None:
        """A copy that is not known to be sent is an error, after a single attempt."""
        desk.wire.always = fault
        with pytest.raises(kind, match="SendMessage") as caught:
            desk.send(deliveries(order("a"))[0])
        assert caught.value.maybe_written == maybe_sent
        assert desk.wire.sent == ["SendMessage"]

    def test_fifo(self, aws: None) -> None:
        """On a FIFO queue a copy stays in its group, and sent twice it arrives once."""
        del aws
        desk = Desk(FIFO_DLQ)
        (parked,) = deliveries(fifo_order("a", "customer-7"))
        for owner, record_id in [(ME, "r"), (ME, "r"), (Owner("you"), "r"), (ME, "s")]:
            desk.queues.dead_letter(parked, record_id, owner, desk.deadline(30_000))
        assert {each["MessageGroupId"] for each in desk.wire.bodies} == {"customer-7"}
        first, second, *others = [each["MessageDeduplicationId"] for each in desk.wire.bodies]
        assert first == second
        assert len({first, *others}) == 3
        assert all(each.isalnum() and len(each) <= 128 for each in (first, *others))

    @pytest.mark.parametrize("record_id", ["orders#a b", "orders#é", "orders#" + "x" * 500])
    def test_fifo_without_a_group(self, aws: None, record_id: str) -> None:
        """A copy of what had no group gets one that SQS takes, whatever its key is."""
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        del aws
        desk = Desk(FIFO_DLQ)
        (parked,) = deliveries(kinesis_record("a"))
        desk.queues.dead_letter(parked, record_id, ME, desk.deadline(30_000))
        (body,) = desk.wire.bodies
        assert body["MessageGroupId"].isascii()
        assert body["MessageGroupId"].isalnum()
        assert len(body["MessageGroupId"]) <= 128

    @pytest.mark.parametrize("other", [kinesis_record("a"), sns_record('{"id": "a"}')])
    def test_what_no_queue_has_delivered(self, desk: Desk, other: dict[str, Any]) -> None:
        """It is sent as the event it came in, with nothing but the token."""
        body = desk.send(deliveries(other)[0])
        assert json.loads(body["MessageBody"]) == event(other)
        assert list(body["MessageAttributes"]) == [TOKEN_ATTRIBUTE]


@pytest.fixture
def dead_letters(aws: None) -> Iterator[Any]:
    """A dead-letter queue of moto's, as a function that receives from it."""
    del aws
    with mock_aws():
        client = boto3.session.Session().client("sqs")
        url = client.create_queue(QueueName="orders-dlq")["QueueUrl"]

        def receive() -> dict[str, Any]:
            (message,) = client.receive_message(
                QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=0
            )["Messages"]
            return as_lambda_has_it(message)

        receive.url = url  # type: ignore[attr-defined]
        yield receive


def as_lambda_has_it(message: dict[str, Any]) -> dict[str, Any]:
    """A received message as a record of an event."""
    attributes = {
        name: {
            "dataType": of["DataType"],
            **(
                {"binaryValue": base64.b64encode(of["BinaryValue"]).decode()}
                if "BinaryValue" in of
                else {"stringValue": of["StringValue"]}
            ),
        }
        for name, of in message.get("MessageAttributes", {}).items()
    }
    identifier = message["MessageId"]
    return record(message["Body"], message_id=identifier, messageAttributes=attributes)


@pytest.mark.parametrize(
    "raw",
    [
        record("no JSON", messageAttributes={"photo": PHOTO, "tenant": TENANT}),
        record(json.dumps(notification('{"id": "a\u2028"}'))),
        kinesis_record("é\x00"),
        kinesis_record(b"\xff"),
        sns_record("text"),
        s3_record("a\ufffe"),
    ],
    ids=["plain", "notification", "kinesis", "bytes", "topic", "bucket"],
)
def test_a_copy_comes_back_as_what_it_was(raw: dict[str, Any], dead_letters: Any) -> None:
    """A redriven copy carries the token, and has the body, attributes and key of its original."""
    (parked,) = deliveries(raw)
    queues = SqsQueues(dead_letters.url, Listener())
    queues.dead_letter(
        parked, "orders#a", ME, Deadline.from_remaining(ManualClock(), Millis(30_000))
    )
    (copy,) = deliveries(dead_letters())
    assert (copy.body, copy.body_problem) == (parked.body, parked.body_problem)
    assert copy.mark is not None
    assert (copy.mark.token, copy.mark.stated) == (ME, "a")
    assert copy.message_attributes == parked.message_attributes


def test_a_client_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that are never asked make no client: it would cost every cold start."""
    monkeypatch.setattr("idempotent_lambda.queues.new_client", None)
    queues = SqsQueues(DLQ, Listener())
    queues.postpone([], [], Deadline.from_remaining(ManualClock(), Millis(30_000)))
