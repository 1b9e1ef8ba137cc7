"""The quickstart's producer: which messages it sends, and how.

Both stacks get the same messages. What goes wrong with an order is not in the message: it is armed
in a table, and the wrapper that is deployed around ``orders.py`` takes it from there, once.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Literal

from scripts.demo.effects_table import Stack
from scripts.support.observation import Aws
from scripts.support.producer import BATCH, enqueue, hand_over

ORDERS: Final = 200
PAUSE_SECONDS: Final = 0.25

# So far apart that no two of them share a batch when first delivered: each crash costs all its
# batch-mates a receive.
FAULT_EVERY: Final = 10
FAULTS: Final = (
    *("timeout_after_charge", "kill_after_charge", "overlap", "kill_before_charge") * 2,
    *("timeout_before_charge", "kill_after_charge", "overlap", "raise_before_charge") * 2,
)
SIMULTANEOUS: Final = 3
SIMULTANEOUS_FAULT: Final = "slow"
POISON_BODIES: Final = 2

RETRY_AT_ONCE_EVERY: Final = 9
RETRY_LATER_EVERY: Final = 8
LATER: Final = 35

SentAs = Literal["order", "retry", "simultaneous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the producer.

    Attributes:
        order_id: What the producer calls the order, in the body or not.
        body: The text that is sent.
        sent_as: An order's first message, the producer's retry of it (same body, new message id),
            or one event that is handed to two invocations at the same time.
        fault: What the wrapper is armed to do to the order.
        poison: Whether the order can never be charged.
    """

    order_id: str
    body: str
    sent_as: SentAs
    fault: str | None = None
    poison: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that was sent, and the message id it got in each stack."""

    message: Message
    ids: Mapping[Stack, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One of the two stacks, as terraform's outputs name its parts."""

    dead_letter_queue_url: str
    faults_table: str
    function_name: str
    ledger_table: str
    log_group_name: str
    queue_arn: str
    queue_url: str


def plan() -> list[Message]:
    """All messages, in the order in which they are sent."""
    messages = [*_poison(), *_orders()]
    extra: dict[int, list[Message]] = {}
    for number, message in enumerate(messages):
        if message.sent_as != "order":
            continue
        retry = Message(
            order_id=message.order_id, body=message.body, sent_as="retry", poison=message.poison
        )
        if number % RETRY_AT_ONCE_EVERY == RETRY_AT_ONCE_EVERY - 1:
            extra.setdefault(number, []).append(retry)
        if number % RETRY_LATER_EVERY == RETRY_LATER_EVERY - 1:
            extra.setdefault(min(number + LATER, len(messages) - 1), []).append(retry)
    return [
        each
        for number, message in enumerate(messages)
        for each in (message, *extra.get(number, ()))
    ]


def faults(messages: Sequence[Message]) -> dict[str, str]:
    """What is armed, by order id."""
    return {message.order_id: message.fault for message in messages if message.fault is not None}


def _poison() -> Iterator[Message]:
    # First, because they need the longest: all their receives, a visibility timeout apart.
    for number in range(1, POISON_BODIES + 1):
        order_id = f"poison-refused-{number}"
        body = json.dumps(
            {"order_id": order_id, "amount_cents": number, "currency": "EUR", "poison": True}
        )
        yield Message(order_id=order_id, body=body, sent_as="order", poison=True)
    for order_id, body in (
        ("poison-without-id", json.dumps({"amount_cents": 100, "currency": "EUR"})),
        ("poison-null-id", json.dumps({"order_id": None, "amount_cents": 100, "currency": "EUR"})),
        ("poison-no-json", "order 17, please"),
    ):
        yield Message(order_id=order_id, body=body, sent_as="order", poison=True)


def _orders() -> Iterator[Message]:
    armed = dict(zip(range(FAULT_EVERY, ORDERS, FAULT_EVERY), FAULTS, strict=False))
    for number in range(1, ORDERS + 1):
        order_id = f"order-{number:04d}"
        body = json.dumps({"order_id": order_id, "amount_cents": 100 + number, "currency": "EUR"})
        if number > ORDERS - SIMULTANEOUS:
            yield Message(
                order_id=order_id, body=body, sent_as="simultaneous", fault=SIMULTANEOUS_FAULT
            )
        else:
            yield Message(order_id=order_id, body=body, sent_as="order", fault=armed.get(number))


def inject_faults(aws: Aws, consumer: Consumer, messages: Sequence[Message]) -> None:
    """Put every fault where the wrapper of this stack takes it from."""
    for order_id, fault in faults(messages).items():
        aws.dynamodb.put_item(
            TableName=consumer.faults_table,
            Item={"order_id": {"S": order_id}, "fault": {"S": fault}},
        )


def list_untaken_faults(aws: Aws, consumer: Consumer) -> list[str]:
    """The faults that never happened, as "fault of order"."""
    items = aws.dynamodb.scan(TableName=consumer.faults_table)["Items"]
    return sorted(f"{item['fault']['S']} of {item['order_id']['S']}" for item in items)


def send(
    aws: Aws, consumers: Mapping[Stack, Consumer], messages: Sequence[Message]
) -> Iterator[Sent]:
    """Send the messages to every consumer; yield each once it has a message id everywhere.

    Raises:
        NotAcknowledgedError: A simultaneous event was refused again and again.
    """
    queued = [message for message in messages if message.sent_as != "simultaneous"]
    for start in range(0, len(queued), BATCH):
        batch = queued[start : start + BATCH]
        bodies = [message.body for message in batch]
        ids = {
            stack: list(enqueue(aws, consumer.queue_url, bodies))
            for stack, consumer in consumers.items()
        }
        for number, message in enumerate(batch):
            yield Sent(message=message, ids={stack: ids[stack][number] for stack in consumers})
        time.sleep(PAUSE_SECONDS)
    for message in messages:
        if message.sent_as == "simultaneous":
            with ThreadPoolExecutor(len(consumers)) as threads:
                pending = {
                    stack: threads.submit(_invoke_twice, aws, consumer, message)
                    for stack, consumer in consumers.items()
                }
            yield Sent(message=message, ids={stack: job.result() for stack, job in pending.items()})


def _invoke_twice(aws: Aws, consumer: Consumer, message: Message) -> str:
    """Hand one event to two invocations at the same time; repeat it until it is acknowledged."""
    event = _event(consumer, message)
    hand_over(aws, consumer.function_name, event, at_once=2, done={"batchItemFailures": []})
    message_id: str = event["Records"][0]["messageId"]
    return message_id


def _event(consumer: Consumer, message: Message) -> dict[str, Any]:
    now = str(time.time_ns() // 10**6)
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "receiptHandle": str(uuid.uuid4()),
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "ApproximateFirstReceiveTimestamp": now,
                    "SentTimestamp": now,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": consumer.queue_arn,
                "awsRegion": consumer.queue_arn.split(":")[3],
            }
        ]
    }
