"""What the producer sends, the same to both stacks, and what goes wrong with it.

What goes wrong with an order is not in its message: it is in a table, from which the wrapper that
is deployed in front of ``orders.py`` takes it, once.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

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
RETRY_AT_ONCE_EVERY: Final = 9
RETRY_LATER_EVERY: Final = 8
LATER: Final = 35
POISON: Final = {
    **{
        name: json.dumps({"order_id": name, "amount_cents": 1, "currency": "EUR", "poison": True})
        for name in ("poison-refused-1", "poison-refused-2")
    },
    "poison-without-id": json.dumps({"amount_cents": 100, "currency": "EUR"}),
    "poison-null-id": json.dumps({"order_id": None, "amount_cents": 100, "currency": "EUR"}),
    "poison-no-json": "order 17, please",
}
"""Bodies that can never be charged, by what the producer calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the producer.

    Attributes:
        order_id: What the producer calls the order, in the body or not.
        body: The text that is sent.
        sent_as: An order's first message, the producer's retry of it (same body, new message id),
            or one event that is handed to two invocations at the same time.
        fault: What the wrapper does to the order.
        poison: Whether the order can never be charged.
    """

    order_id: str
    body: str
    sent_as: Literal["order", "retry", "simultaneous"] = "order"
    fault: str | None = None
    poison: bool = False


def plan_messages() -> list[Message]:
    """All messages, in the order in which they are sent."""
    # Poison first, because it needs the longest: all its receives, a visibility timeout apart.
    messages = [
        *(Message(order_id=name, body=body, poison=True) for name, body in POISON.items()),
        *_plan_orders(),
    ]
    # Sorting by these puts retries in their places.
    placed = [(float(place), message) for place, message in enumerate(messages)]
    for place, message in enumerate(messages):
        retry = replace(message, sent_as="retry", fault=None)
        if message.sent_as == "simultaneous":
            continue
        if place % RETRY_AT_ONCE_EVERY == RETRY_AT_ONCE_EVERY - 1:
            placed.append((place + 0.5, retry))
        if place % RETRY_LATER_EVERY == RETRY_LATER_EVERY - 1:
            placed.append((place + LATER + 0.5, retry))
    return [message for _, message in sorted(placed, key=lambda pair: pair[0])]


def _plan_orders() -> Iterator[Message]:
    faults = dict(zip(range(FAULT_EVERY, ORDERS, FAULT_EVERY), FAULTS, strict=False))
    for number in range(1, ORDERS + 1):
        order_id = f"order-{number:04d}"
        body = json.dumps({"order_id": order_id, "amount_cents": 100 + number, "currency": "EUR"})
        message = Message(order_id=order_id, body=body, fault=faults.get(number))
        if number > ORDERS - SIMULTANEOUS:
            message = replace(message, sent_as="simultaneous", fault=SIMULTANEOUS_FAULT)
        yield message


def send(
    aws: Aws, stack: Mapping[str, str], messages: Sequence[Message]
) -> list[tuple[Message, str]]:
    """Plant the faults in a stack, and send it the messages; return each with its message id.

    Raises:
        NotAcknowledgedError: A simultaneous event was refused again and again.
    """
    for message in messages:
        if message.fault:
            item = {"order_id": {"S": message.order_id}, "fault": {"S": message.fault}}
            aws.dynamodb.put_item(TableName=stack["faults_table"], Item=item)
    sent: list[tuple[Message, str]] = []
    queued = [message for message in messages if message.sent_as != "simultaneous"]
    for start in range(0, len(queued), BATCH):
        batch = queued[start : start + BATCH]
        ids = enqueue(aws, stack["queue_url"], [message.body for message in batch])
        sent += zip(batch, ids, strict=True)
        time.sleep(PAUSE_SECONDS)
    for message in messages:
        if message.sent_as == "simultaneous":
            event = _make_event(stack["queue_arn"], message.body)
            done: dict[str, Any] = {"batchItemFailures": []}
            hand_over(aws, stack["function_name"], event, at_once=2, done=done)
            sent.append((message, event["Records"][0]["messageId"]))
    return sent


def _make_event(queue_arn: str, body: str) -> dict[str, Any]:
    now = str(time.time_ns() // 10**6)
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": str(uuid.uuid4()),
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": now,
            "SentTimestamp": now,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    return {"Records": [record]}
