"""The sources that no example has, each with its duplicates: one effect for each operation."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator
from scripts.support.observation import Aws
from scripts.support.producer import hand_over, invoke, invoke_later
from scripts.support.source import repository
from scripts.support.stack import apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from tests.waiting import eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

STACK = ROOT / "tests" / "end_to_end" / "sources"


@dataclass
class Stack:
    """What was deployed."""

    aws: Aws
    outputs: dict[str, Any]

    def effects(self, of: str) -> Counter[str]:
        """How often each operation took effect that came this way."""
        return Counter(
            name
            for row in observation.rows(self.aws, self.outputs["effects_table"])
            if (name := operation(row)).startswith(of)
        )

    def bodies(self, of: str) -> list[dict[str, Any]]:
        """What the processor got, for each effect."""
        return [
            json.loads(row["body"])
            for row in observation.rows(self.aws, self.outputs["effects_table"])
            if operation(row).startswith(of)
        ]

    def sources(self, of: str) -> set[str]:
        """Who delivered the messages of these effects."""
        rows = observation.rows(self.aws, self.outputs["effects_table"])
        return {row["source"] for row in rows if operation(row).startswith(of)}

    def deliveries(self) -> int:
        """How many were settled, by both functions."""
        return sum(
            1
            for log_group in self.outputs["log_groups"]
            for _ in observation.log_lines(self.aws, log_group)
        )

    def settles(self) -> None:
        """Wait until the queue is empty; the log has the lines of what it held by then."""
        queue = self.outputs["queue"]
        eventually(lambda: observation.backlog(self.aws, queue) == 0, "the queue is empty")

    def send(self, body: dict[str, Any]) -> None:
        """Put a message into the queue."""
        self.aws.sqs.send_message(QueueUrl=self.outputs["queue"], MessageBody=json.dumps(body))

    def put_event(self, source: str, order_id: str) -> None:
        """Put an event on the bus."""
        detail = json.dumps({"order_id": order_id})
        entry = {"Source": source, "DetailType": "order placed", "Detail": detail}
        self.aws.events.put_events(Entries=[entry])


def operation(row: dict[str, Any]) -> str:
    """What the producer calls it."""
    body = json.loads(row["body"])
    if "s3" in body:
        return str(body["s3"]["object"]["key"])
    return str(body.get("detail", body)["order_id"])


@pytest.fixture
def stack(tmp_path: Path, emulator: Emulator, account: str) -> Iterator[Stack]:
    """The stack, applied; its second plan has to be empty."""
    root = write_stack(tmp_path, STACK, repository(tmp_path / "module.git"))
    terraform = Terraform(directory=root, environment=environment(emulator.environment(account)))
    aws = Aws.of(emulator, account)
    terraform.init()
    yield Stack(aws, apply_stack(terraform, aws)["stack"])
    assert not terraform.plan(), "the second plan is not empty"


def test_each_source(stack: Stack) -> None:
    """A repeated event from S3, EventBridge, SNS or a direct invocation has one side effect."""
    through_the_queue(stack)
    straight_to_the_function(stack)
    stack.settles()
    assert observation.backlog(stack.aws, stack.outputs["dead_letter_queue"]) == 0


def through_the_queue(stack: Stack) -> None:
    """Deliver notifications and events again, in other messages: their own ids are the keys."""
    names = [f"file-{number}" for number in range(3)]
    for name in names:
        stack.aws.buckets.put_object(Bucket=stack.outputs["bucket"], Key=name, Body=b"content")
    for order in ("queued-0", "queued-1"):
        stack.put_event("queued", order)
    eventually(lambda: stack.effects("file").keys() == set(names), "each file takes effect")
    eventually(lambda: len(stack.effects("queued")) == 2, "each event takes effect")

    records = stack.bodies("file")
    new = json.loads(json.dumps(records[0]))
    new["s3"]["object"]["key"] = "file-new"
    stack.settles()
    before = stack.deliveries()
    stack.send({"Records": [*records, new]})
    stack.send({"Records": records[1:]})
    for event in stack.bodies("queued"):
        stack.send(event)
        stack.send(event)
    # A body of four, one of two, and four of one.
    eventually(lambda: stack.deliveries() >= before + 10, "all of them are settled")
    assert stack.effects("file") == dict.fromkeys([*names, "file-new"], 1)
    assert stack.effects("queued") == {"queued-0": 1, "queued-1": 1}
    assert stack.sources("file") == stack.sources("queued") == {"aws:sqs"}


def straight_to_the_function(stack: Stack) -> None:
    """Publish and invoke again, at the same time, and later; the order is the key."""
    name = stack.outputs["function"]
    slow = {"order_id": "direct-slow", "seconds": 1}
    assert set(hand_over(stack.aws, name, slow, at_once=2)) == {None}
    for _ in range(2):
        answer = invoke(stack.aws, name, {"order_id": "direct-again"})
        assert (answer.error, answer.payload) == (None, None)
    assert invoke(stack.aws, name, {"invoice_id": "no key"}).error is not None

    before = stack.deliveries()
    for settled in (3, 6):
        invoke_later(stack.aws, name, {"order_id": "later-1"})
        stack.put_event("straight", "bus-1")
        stack.aws.sns.publish(
            TopicArn=stack.outputs["topic"], Message=json.dumps({"order_id": "topic-1"})
        )
        eventually(
            lambda least=before + settled: stack.deliveries() >= least,
            "all of them are settled",
        )
    for way, source in (
        ("direct-slow", "direct"),
        ("direct-again", "direct"),
        ("later-1", "direct"),
        ("bus-1", "aws:events"),
        ("topic-1", "aws:sns"),
    ):
        assert stack.effects(way) == {way: 1}
        assert stack.sources(way) == {source}
