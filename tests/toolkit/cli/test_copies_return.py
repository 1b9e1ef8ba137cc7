"""A message that is parked, copied and redriven comes back as it was sent, whatever it has."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import read_event
from idempotent_lambda_toolkit.testing import ManualClock
from tests.handler.harness import Listener

from .conftest import OWNER, Consumer, Run, arn_of

EXAMPLES = 25
"""Each example runs the command."""

pytestmark = pytest.mark.slow

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True).filter(
    lambda name: not name.lower().startswith(("aws", "amazon")) and name != TOKEN_ATTRIBUTE
)
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=40,
)
LABELS = st.just("") | TEXTS.map(".{}".format)
NUMBERS = st.integers(-(10**20), 10**20).map(str) | st.sampled_from(["1.10", "-0", "1e5", "007"])

ATTRIBUTES = st.dictionaries(
    NAMES,
    st.builds(lambda of, label: {"DataType": f"String{label}", "StringValue": of}, TEXTS, LABELS)
    | st.builds(
        lambda of, label: {"DataType": f"Number{label}", "StringValue": of}, NUMBERS, LABELS
    )
    | st.builds(
        lambda of, label: {"DataType": f"Binary{label}", "BinaryValue": of},
        st.binary(min_size=1, max_size=40),
        LABELS,
    ),
    max_size=9,
)
HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
GROUPS = st.from_regex(r"[!-~]{1,128}", fullmatch=True)
HEADERS = st.builds(
    "Root=1-{:08x}-{:024x};Parent={:016x};Sampled={}".format,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**96 - 1),
    st.integers(0, 2**64 - 1),
    st.sampled_from("01?"),
)


@dataclass(frozen=True)
class Sent:
    """A message as its producer sends it."""

    body: str
    attributes: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    header: str | None = None

    def send(self, consumer: Consumer, url: str) -> None:
        call: dict[str, Any] = {"MessageBody": self.body, "MessageAttributes": self.attributes}
        if self.group:
            call["MessageGroupId"] = self.group
        if consumer.fifo:
            call["MessageDeduplicationId"] = uuid4().hex
        if self.header:
            trace = {"DataType": "String", "StringValue": self.header}
            call["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
        consumer.client("sqs").send_message(QueueUrl=url, **call)


MESSAGES = {
    is_fifo: st.builds(
        Sent,
        body=TEXTS,
        attributes=ATTRIBUTES,
        group=GROUPS if is_fifo else st.none() | GROUPS,
        header=st.none() | HEADERS,
    )
    for is_fifo in (False, True)
}
few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def receive(consumer: Consumer) -> Delivery:
    """The only message of the queue, as the function gets it; it is deleted."""
    (message,) = consumer.messages(consumer.queue_url)
    sqs = consumer.client("sqs")
    sqs.delete_message(QueueUrl=consumer.queue_url, ReceiptHandle=message["ReceiptHandle"])
    attributes = {
        name: {"dataType": of["DataType"], "stringListValues": [], "binaryListValues": []}
        | (
            {"binaryValue": base64.b64encode(of["BinaryValue"]).decode()}
            if "BinaryValue" in of
            else {"stringValue": of["StringValue"]}
        )
        for name, of in message.get("MessageAttributes", {}).items()
    }
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn_of(sqs, consumer.queue_url),
    }
    (delivery,) = read_event({"Records": [record]})
    return delivery


def show(delivery: Delivery) -> dict[str, Any]:
    """What a processor can see of a message, and a producer can have chosen."""
    system = delivery.adapter.read_attributes(delivery.raw)
    given: Any = delivery.raw["messageAttributes"]
    return {
        "body": delivery.raw["body"],
        "message_attributes": delivery.message_attributes,
        "types": {name: of for name, of in given.items() if name != TOKEN_ATTRIBUTE},
        "group": system.get("MessageGroupId"),
        "header": system.get("AWSTraceHeader"),
    }


def compare(consumer: Consumer, run: Run, sent: Sent, *command: str) -> None:
    """Send, park, copy and redrive a message; compare what comes back with what was sent."""
    sent.send(consumer, consumer.queue_url)
    original = receive(consumer)
    queues = SqsQueues(consumer.dead_letter_queue_url, Listener())
    deadline = Deadline.from_remaining(ManualClock(), Millis(30_000))
    queues.dead_letter(original, "orders#ORDER-1", Owner(OWNER), deadline)
    ended = run(*command, "--yes", "--json")
    assert ended.code == 0, ended.err
    copy = receive(consumer)
    assert show(copy) == show(original)
    assert copy.body == original.body
    assert (copy.token, original.token) == (OWNER, None)
    assert (show(copy)["group"], show(copy)["header"]) == (sent.group, sent.header)


@few
@given(sent=MESSAGES[False])
def test_redrive(consumer: Consumer, run: Run, sent: Sent) -> None:
    """It has the same body, attributes, group and trace header on a standard queue."""
    compare(consumer, run, sent, "redrive", "--parked", "--refused")


@few
@given(sent=MESSAGES[True])
def test_redrive_in_order(fifo_consumer: Consumer, run: Run, sent: Sent) -> None:
    """So it has on a FIFO queue."""
    compare(fifo_consumer, run, sent, "redrive", "--parked", "--refused")


def test_resolve(consumer: Consumer, run: Run) -> None:
    """The retry of a parked key sends the message back in the same way."""
    consumer.put("orders#ORDER-1", "PARKED")
    price = {"DataType": "Number.float", "StringValue": "12.50"}
    sent = Sent(json.dumps({"order_id": "ORDER-1"}), {"price": price}, "tenant-1", HEADER)
    compare(consumer, run, sent, "resolve", "ORDER-1", "--retry")


def test_a_message_that_sqs_moved(consumer: Consumer, run: Run) -> None:
    """A message that was never parked goes back with its group and trace header too."""
    sent = Sent("call me back", group="tenant-1", header=HEADER)
    sent.send(consumer, consumer.dead_letter_queue_url)
    assert run("redrive", "--refused", "--yes").code == 0
    found = show(receive(consumer))
    assert (found["group"], found["header"]) == ("tenant-1", HEADER)
