"""Deployed by the soak: writes down each effect, and does to itself what production does.

Effects and faults go straight to the emulator, past the proxy: what is counted must not be lost.
Each fault is a row that is taken once, however often and wherever its order is delivered.
"""

import os
import sys
import threading
import time
import uuid
from typing import Any, NoReturn, Protocol

import boto3
from botocore.exceptions import ClientError

EFFECTS_TABLE = os.environ["EFFECTS_TABLE"]
FAULTS_TABLE = os.environ["FAULTS_TABLE"]
LEASE_MARGIN_MILLIS = int(os.environ["IDEMPOTENCY_LEASE_MARGIN_MILLIS"])
OVERLAP_SECONDS = 0.5
EXIT_CODE = 70

dynamodb = boto3.client("dynamodb", endpoint_url=os.environ["DIRECT_ENDPOINT_URL"])
sqs = boto3.client("sqs", endpoint_url=os.environ["DIRECT_ENDPOINT_URL"])

PROCESS = uuid.uuid4().hex
"""Written down with each effect and each fault: what ended together."""


class Message(Protocol):
    """What the package hands over, as far as it is read here."""

    @property
    def id(self) -> str:
        """Its id in the queue."""

    @property
    def body(self) -> Any:
        """The order."""

    @property
    def owner(self) -> str:
        """Who runs it."""

    @property
    def raw(self) -> Any:
        """The record as Lambda delivered it."""

    @property
    def receive_count(self) -> int:
        """How often it was delivered."""

    def remaining_millis(self) -> int:
        """What is left of the invocation."""


def process(message: Message) -> None:
    """Take effect, unless something happens before, after or meanwhile."""
    order_id = message.body["order_id"]
    poison = message.body.get("poison")
    if poison == "kill":
        _count_kill()
        _die()
    if poison:
        raise ValueError(f"{order_id} can never take effect")
    fault = _take(order_id) if message.body.get("armed") else ""
    if fault == "overlap":
        _deliver_again_now(message.raw)
        time.sleep(OVERLAP_SECONDS)
    what, _, when = fault.partition("_")
    if when == "before_effect":
        _end(what)
    _take_effect(message, end=what if when == "after_effect" else "")
    if when == "after_effect":
        _end(what)


def _end(what: str) -> NoReturn:
    """Be killed, be timed out, or raise."""
    if what == "kill":
        _die()
    while what == "timeout":
        time.sleep(1)
    raise RuntimeError("this fails once")


def _take_effect(message: Message, *, end: str) -> None:
    """Write down an effect, and in the same write what is about to end it."""
    now = time.time_ns() // 1_000_000
    dynamodb.put_item(
        TableName=EFFECTS_TABLE,
        Item={
            "effect_id": {"S": str(uuid.uuid4())},
            "order_id": {"S": message.body["order_id"]},
            "message_id": {"S": message.id},
            "receive_count": {"N": str(message.receive_count)},
            "owner": {"S": message.owner},
            "began_at": {"N": str(now)},
            "lease_ends_at": {"N": str(now + message.remaining_millis() + LEASE_MARGIN_MILLIS)},
            "end": {"S": end},
            "process": {"S": PROCESS},
        },
    )


def _take(order_id: str) -> str:
    """The fault armed for the order, for the one caller that disarms it."""
    try:
        taken = dynamodb.update_item(
            TableName=FAULTS_TABLE,
            Key={"fault_id": {"S": order_id}},
            UpdateExpression="SET struck = :yes, struck_in = :process",
            ConditionExpression="struck = :no",
            ExpressionAttributeValues={
                ":yes": {"BOOL": True},
                ":no": {"BOOL": False},
                ":process": {"S": PROCESS},
            },
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return ""
    fault = taken["fault"]["S"]
    if fault == "kill_soon":
        killer = threading.Timer(int(taken["delay_millis"]["N"]) / 1000, _die)
        killer.daemon = True
        killer.start()
    return fault


def _die() -> NoReturn:
    # What was printed so far would be lost with the process.
    sys.stdout.flush()
    os._exit(EXIT_CODE)


def _deliver_again_now(record: Any) -> None:
    """Cut the message's visibility short: another worker gets it while this one runs."""
    name = record["eventSourceARN"].rsplit(":", 1)[-1]
    sqs.change_message_visibility(
        QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=0,
    )


def _count_kill() -> None:
    dynamodb.put_item(
        TableName=FAULTS_TABLE,
        Item={
            "fault_id": {"S": f"poison {uuid.uuid4()}"},
            "fault": {"S": "kill_by_poison"},
            "struck": {"BOOL": True},
            "struck_in": {"S": PROCESS},
        },
    )
