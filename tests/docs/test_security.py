"""The forgeries of docs/security.md, tried row by row."""

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import jmespath
import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.source import Source
from tests.handler.events import (
    FIFO_ARN,
    bus_event,
    event,
    kinesis_record,
    marked,
    notification,
    record,
    s3_record,
    sns_record,
    stream_record,
)
from tests.handler.harness import ConsumerHarness

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
SECTION = PAGE.partition("## Who can forge what\n")[2].partition("\n## ")[0]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in re.findall(r"^\|.*\|$", SECTION, re.MULTILINE)[2:]
]

FORGED = "forged"
SYSTEM = {
    "ApproximateReceiveCount": "1",
    "SenderId": "AIDA",
    "SentTimestamp": "1545082649183",
    "SequenceNumber": "18849496460467696128",
}


def queued(body: Any = None, **changes: Any) -> dict[str, Any]:
    """A message of a FIFO queue, whose sender chose the rest."""
    of = SYSTEM | changes.pop("attributes", {})
    text = body if isinstance(body, str) else json.dumps({"id": "a"} if body is None else body)
    return event(record(text, eventSourceARN=FIFO_ARN, attributes=of, **changes))


def lies(truth: dict[str, Any]) -> dict[str, Any]:
    """Every field of a record, and of what is in it, as a sender would like it to be."""
    return {
        name: lies(value) if isinstance(value, dict) else FORGED for name, value in truth.items()
    }


def bodies(truth: Any) -> list[Any]:
    """What a sender writes to overlay the fields of a record: plain, and in every wrapper."""
    false = lies(truth["Records"][0] if "Records" in truth else truth)
    return [
        false,
        {**notification("{}"), **false, "Type": "Notification"},
        notification(json.dumps(bus_event("a", **false))),
        bus_event("a", **false),
        event(s3_record() | false | {"eventSource": "aws:s3", "s3": s3_record()["s3"]}),
        event(sns_record("{}") | false | {"EventSource": "aws:sns", "Sns": notification("{}")}),
        stream_record("a") | false | {"eventSource": "aws:dynamodb", "dynamodb": {"x": FORGED}},
    ]


def sent(source: str, body: Any) -> dict[str, Any]:
    """What Lambda delivers of a source, whose sender sent this body."""
    text = json.dumps(body)
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "SQS": lambda: queued(body, **marked(f"x {FORGED}")),
        "SNS, straight": lambda: event(sns_record(text)),
        "Kinesis": lambda: event(kinesis_record(text.encode())),
        "DynamoDB Streams": lambda: event(stream_record(text)),
        "S3, straight": lambda: event(s3_record(text)),
        "EventBridge, straight": lambda: bus_event(body),
    }
    return made[source]()


def keys(whole: Any, expression: str | None, unwrap: Collection[str] = UNWRAP_CHOICES) -> list[str]:
    """The keys of an event's messages, as people read them."""
    harness = ConsumerHarness(key=expression, unwrap=frozenset(unwrap))
    harness.consumer.consume(whole, Millis(30_000))
    return harness.ran


def attested(source: str, whole: Any, expression: str) -> str:
    """Return the value in the record that Lambda delivered, or in an event without records."""
    truth = {"body": whole} if "Records" not in whole else whole["Records"][0]
    found = jmespath.search(expression, truth)
    assert found, (source, expression)
    return str(found)


def attribute(value: str) -> dict[str, Any]:
    """A message attribute of SQS."""
    return {"name": {"stringValue": value, "dataType": "String"}}


def published(value: str) -> dict[str, Any]:
    """A message attribute of SNS."""
    return {"name": {"Type": "String", "Value": value}}


def noted(**changes: Any) -> dict[str, Any]:
    """A notification straight to a function."""
    return event(sns_record("{}", Sns=notification("{}", **changes)))


def partitioned(value: str) -> dict[str, Any]:
    """A record of a stream with this partition key."""
    whole = kinesis_record("a")
    return event(whole | {"kinesis": whole["kinesis"] | {"partitionKey": value}})


SENT: dict[str, Callable[[str], Any]] = {
    "SQS body": queued,
    "SQS message_attributes": lambda value: queued(messageAttributes=attribute(value)),
    "SQS messageAttributes": lambda value: queued(messageAttributes=attribute(value)),
    **{
        f"SQS attributes.{name}": lambda value, name=name: queued(attributes={name: value})
        for name in ("AWSTraceHeader", "MessageGroupId", "MessageDeduplicationId")
    },
    "SQS wrapped": lambda value: queued(notification("{}", TopicArn=value)),
    "SQS no expression": lambda value: queued(notification("{}", value)),
    "SNS, straight body": lambda value: event(sns_record(value)),
    "SNS, straight message_attributes": lambda value: noted(MessageAttributes=published(value)),
    "SNS, straight Sns.Subject": lambda value: noted(Subject=value),
    "Kinesis body": lambda value: event(kinesis_record(value.encode())),
    "Kinesis kinesis.partitionKey": partitioned,
    "DynamoDB Streams body.dynamodb.Keys": lambda value: event(stream_record(value)),
    "DynamoDB Streams body.dynamodb.NewImage": lambda value: event(stream_record(value)),
    "S3, straight s3.object.key": lambda value: event(s3_record(value)),
    "EventBridge, straight body.detail": bus_event,
    "EventBridge, straight body.source": lambda value: bus_event("a", source=value),
    "EventBridge, straight body.time": lambda value: bus_event("a", time=value),
    "EventBridge, straight body.resources": lambda value: bus_event("a", resources=[value]),
    "any other invocation body": lambda value: {"id": value},
}
"""How a sender chooses each field."""

WITHIN = {
    "SQS message_attributes": "message_attributes.name",
    "SQS messageAttributes": "messageAttributes.name.stringValue",
    "SQS wrapped": "wrapped.TopicArn",
    "SNS, straight message_attributes": "message_attributes.name",
    "DynamoDB Streams body.dynamodb.Keys": "body.dynamodb.Keys.id.S",
    "DynamoDB Streams body.dynamodb.NewImage": "body.dynamodb.NewImage.id.S",
    "EventBridge, straight body.detail": "body.detail.id",
    "EventBridge, straight body.resources": "body.resources[0]",
    "any other invocation body": "body.id",
}
"""The place of a value in a field that is not text."""


def fields_of(what: str) -> list[str]:
    """The fields that a row names."""
    names = re.findall(r"`([\w.]+)`", what)
    return [*names, "no expression"] if "no expression" in what else names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row)[:60])
def test_row(row: tuple[str, str, str]) -> None:
    """Fields that AWS chooses never change, whatever is sent; the sender's fields are the key."""
    source, what, who = row
    assert who.startswith(("AWS", "the sender"))
    if "copy" in what:
        assert keys(sent(source, {"id": "a"}), None) == ["m-1"]
        return
    for name in fields_of(what):
        label, expression = f"{source} {name}", None if name == "no expression" else name
        if who.startswith("the sender"):
            expression = WITHIN.get(label, expression)
            chosen = [keys(SENT[label](value), expression) for value in ("one", "two")]
            assert chosen == [["one"], ["two"]]
            continue
        unwrap = () if "nothing unwrapped" in what else UNWRAP_CHOICES
        honest = keys(sent(source, {"id": "a"}), expression, unwrap)
        for body in bodies(sent(source, {"id": "a"})):
            whole = sent(source, body)
            found = keys(whole, expression, unwrap)
            assert found == honest
            if expression:
                assert found == [attested(source, whole, expression)]


def test_every_source_is_in_the_table() -> None:
    """The table has every source, and of each what AWS and what the sender chooses."""
    chosen = {(source, who.split(" ")[0].strip(":")) for source, _, who in ROWS}
    sources = {source for source, *_ in ROWS}
    assert len(sources) == len(Source)
    sent_only = "any other invocation"
    assert {source for source, who in chosen if who == "AWS"} == sources - {sent_only}
    assert {source for source, who in chosen if who == "the"} == sources
