"""What the copy of a parked message keeps: group, trace header, and every attribute."""

import base64
import json
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE
from idempotent_lambda_toolkit.testing import ManualClock

from .events import (
    FIFO_ARN,
    bus_event,
    event,
    fifo_order,
    golden,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    unwrapped,
)
from .harness import Listener

DLQ = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dlq"
FIFO_DLQ = f"{DLQ}.fifo"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
TRACE = f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0|68fd508a:5|c512fbe3:2"


def send(whole: dict[str, Any], url: str = DLQ) -> dict[str, Any]:
    """The request that sends the copy of the first message of an event."""
    queues, sent = SqsQueues(url, Listener()), list[dict[str, Any]]()

    def send_message(**request: Any) -> dict[str, str]:
        sent.append(request)
        return {"MessageId": "m-copy"}

    queues._client.send_message = send_message
    deadline = Deadline.from_remaining(ManualClock(), Millis(30_000))
    queues.dead_letter(unwrapped(whole)[0], "orders#a", Owner("me"), deadline)
    (request,) = sent
    return request


def attributed(given: Any = None, **attributes: Any) -> dict[str, Any]:
    """An order with these system attributes, and perhaps others of its producer."""
    plain = order("a")
    changed = {"attributes": plain["attributes"] | attributes}
    return event(plain | changed | ({} if given is None else {"messageAttributes": given}))


@pytest.fixture(autouse=True)
def _credentials(aws: None) -> None:
    """The client that is made here never sends anything."""


def test_documented() -> None:
    """A message of a fair queue keeps its group, its trace header and the type of a number."""
    whole = golden("sqs_fair")
    request = send(whole)
    assert request["MessageGroupId"] == "tenant-1"
    assert "MessageDeduplicationId" not in request
    header = {
        "DataType": "String",
        "StringValue": whole["Records"][0]["attributes"]["AWSTraceHeader"],
    }
    assert request["MessageSystemAttributes"] == {"AWSTraceHeader": header}
    price = request["MessageAttributes"]["price"]
    assert price == {"DataType": "Number.float", "StringValue": "12.50"}


@pytest.mark.parametrize("group", ["t", "x" * 128, "".join(map(chr, range(33, 127))), "a.fifo"])
def test_group(group: str) -> None:
    """Every group that SQS documents is kept on a standard queue."""
    assert send(attributed(MessageGroupId=group))["MessageGroupId"] == group


@pytest.mark.parametrize("group", ["", "x" * 129, "a b", "é", "a\n", "\x00", 7, None, ["a"], {}])
def test_no_usable_group(group: Any) -> None:
    """A group that SQS would refuse is left out, and the rest of the copy is sent."""
    request = send(attributed(MessageGroupId=group, AWSTraceHeader=TRACE))
    assert "MessageGroupId" not in request
    assert request["MessageBody"] == order("a")["body"]
    assert "AWSTraceHeader" in request["MessageSystemAttributes"]


@pytest.mark.parametrize("group", ["x" * 129, "a b", 7])
def test_no_usable_fifo_group(group: Any) -> None:
    """On a FIFO queue, a copy without a usable group gets a group of its key."""
    damaged = fifo_order("a", group)
    request = send(event(damaged), FIFO_DLQ)
    assert request["MessageGroupId"].isalnum()
    assert request["MessageGroupId"] == send(event(fifo_order("a", "")), FIFO_DLQ)["MessageGroupId"]


def test_fair_groups_give_no_order() -> None:
    """The group of a standard queue is a tenant: a FIFO queue must not hold its copies in order."""
    request = send(attributed(MessageGroupId="tenant-1"), FIFO_DLQ)
    assert request["MessageGroupId"] != "tenant-1"
    assert request["MessageDeduplicationId"].isalnum()


def test_fifo_message_in_a_standard_queue() -> None:
    """The group of a FIFO queue is kept where it gives no order: a redrive needs it."""
    request = send(event(fifo_order("a", "customer-7")))
    assert request["MessageGroupId"] == "customer-7"
    assert "MessageDeduplicationId" not in request


@pytest.mark.parametrize(
    "header", [ROOT, TRACE, f"Self=1-67891234-12456789abcdef012345678;{ROOT}", f"{ROOT}; Sampled=?"]
)
@pytest.mark.parametrize("url", [DLQ, FIFO_DLQ])
def test_trace_header(header: str, url: str) -> None:
    """Every header that X-Ray documents is kept, on either kind of queue."""
    whole = event(fifo_order("a")) if url == FIFO_DLQ else attributed()
    whole["Records"][0]["attributes"]["AWSTraceHeader"] = header
    system = send(whole, url)["MessageSystemAttributes"]
    assert system == {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}


@pytest.mark.parametrize(
    "header", ["", "Root=1", f"{ROOT};Data={'x' * 512}", f"{ROOT}\n", f"{ROOT};é", 7, None, [ROOT]]
)
def test_no_usable_trace_header(header: Any) -> None:
    """A header that is not X-Ray's is left out, and the rest of the copy is sent."""
    request = send(attributed(AWSTraceHeader=header, MessageGroupId="tenant-1"))
    assert "MessageSystemAttributes" not in request
    assert request["MessageGroupId"] == "tenant-1"


@pytest.mark.parametrize("attributes", [None, [], "no", 7])
def test_no_system_attributes(attributes: Any) -> None:
    """A record without system attributes has a copy all the same."""
    request = send(event(record(attributes=attributes)))
    assert "MessageGroupId" not in request
    assert "MessageSystemAttributes" not in request


def text(value: Any, kind: Any = "String") -> dict[str, Any]:
    """An attribute as Lambda delivers a text."""
    return {"stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": kind}


def binary(value: Any, kind: Any = "Binary") -> dict[str, Any]:
    """An attribute as Lambda delivers bytes."""
    return {"binaryValue": value, "stringListValues": [], "binaryListValues": [], "dataType": kind}


PNG = base64.b64encode(b"\x89PNG\x00").decode()

KEPT = {
    "text": (text("acme"), {"DataType": "String", "StringValue": "acme"}),
    "blank": (text(" \t"), {"DataType": "String", "StringValue": " \t"}),
    "other planes": (text("é😀"), {"DataType": "String", "StringValue": "é😀"}),
    "custom text": (
        text("2026-11-30", "String.date"),
        {"DataType": "String.date", "StringValue": "2026-11-30"},
    ),
    "label of any text": (
        text("acme", "String.café au lait"),
        {"DataType": "String.café au lait", "StringValue": "acme"},
    ),
    "number": (text("1.10", "Number"), {"DataType": "Number", "StringValue": "1.10"}),
    "custom number": (
        text("-0", "Number.float"),
        {"DataType": "Number.float", "StringValue": "-0"},
    ),
    "binary": (binary(PNG), {"DataType": "Binary", "BinaryValue": b"\x89PNG\x00"}),
    "custom binary": (
        binary(PNG, "Binary.png"),
        {"DataType": "Binary.png", "BinaryValue": b"\x89PNG\x00"},
    ),
}


@pytest.mark.parametrize(("given", "sent"), KEPT.values(), ids=KEPT.keys())
def test_attribute(given: dict[str, Any], sent: dict[str, Any]) -> None:
    """An attribute keeps its type, its label and its value."""
    assert send(attributed({"a": given}))["MessageAttributes"]["a"] == sent


@pytest.mark.parametrize(
    "damaged",
    [
        None, "acme", [], {}, text(None), text(7), text(""), text("\x00"), text("\ud83d"),
        text("acme", None), text("acme", ""), text("acme", "Text"), text("acme", "String."),
        text(PNG, "Binary"), binary(""), binary(None), binary("no base64"), binary("é"),
        binary(PNG, "String"),
    ],
)  # fmt: skip
def test_damaged_attribute(damaged: Any) -> None:
    """An attribute that SQS would refuse is left out, and its neighbours are kept."""
    attributes = send(attributed({"a": damaged, "b": text("acme")}))["MessageAttributes"]
    assert set(attributes) == {"b", TOKEN_ATTRIBUTE}


@pytest.mark.parametrize("name", ["", "x" * 257, "a b", "é"])
def test_damaged_name(name: str) -> None:
    """So is one whose name SQS would refuse."""
    attributes = send(attributed({name: text("x"), "b": text("acme")}))["MessageAttributes"]
    assert set(attributes) == {"b", TOKEN_ATTRIBUTE}


def test_ten_attributes() -> None:
    """An attribute too many is not left out: the error says what the sender can do."""
    given = {f"name-{number}": text("x") for number in range(10)}
    with pytest.raises(StoreRefusedError, match="let the sender use 9 at most") as caught:
        send(attributed(given))
    assert "check the queue's URL" not in str(caught.value)


@pytest.mark.parametrize(
    "whole",
    [
        event(kinesis_record("a")),
        event(sns_record('{"id": "a"}')),
        event(s3_record("a")),
        bus_event("a"),
    ],
    ids=["kinesis", "sns", "s3", "eventbridge"],
)
@pytest.mark.parametrize("url", [DLQ, FIFO_DLQ])
def test_other_sources(whole: dict[str, Any], url: str) -> None:
    """The copy of a message of another source holds the event, and nothing of it is around it."""
    request = send(whole, url)
    assert json.loads(request["MessageBody"]) == whole
    assert list(request["MessageAttributes"]) == [TOKEN_ATTRIBUTE]
    assert "MessageSystemAttributes" not in request
    assert ("MessageGroupId" in request) == (url == FIFO_DLQ)


def test_a_body_cannot_choose_the_group() -> None:
    """Only SQS says which group a message has: a notification in the body does not count."""
    body = json.dumps(notification('{"id": "a"}') | {"attributes": {"MessageGroupId": "forged"}})
    assert "MessageGroupId" not in send(event(record(body)))
    assert (
        send(event(record(body, eventSourceARN=FIFO_ARN)), FIFO_DLQ)["MessageGroupId"] != "forged"
    )
