"""Deployed by the soak: writes down each effect, and does to itself what production does.

Effects and faults go straight to the emulator, past the proxy: what is counted must not be lost.
Each fault is a row that is taken once, however often and wherever its order is delivered.
"""

import os
import sys
import threading
import time
import uuid
from typing import Any, NoReturn

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


def process(message: Any) -> None:
    """Take effect, unless something happens before, after or meanwhile."""
    order_id = message.body["order_id"]
    poison = message.body.get("poison")
    if poison == "kill":
        row = {"fault": {"S": "kill_by_poison"}, "struck": {"BOOL": True}}
        row |= {"fault_id": {"S": f"poison {uuid.uuid4()}"}, "struck_in": {"S": PROCESS}}
        dynamodb.put_item(TableName=FAULTS_TABLE, Item=row)
        die()
    if poison:
        raise ValueError(f"{order_id} can never take effect")
    fault = take_fault(order_id) if message.body.get("armed") else ""
    if fault == "overlap":
        deliver_again_now(message.raw)
        time.sleep(OVERLAP_SECONDS)
    what, _, when = fault.partition("_")
    if when == "before_effect":
        end(what)
    take_effect(message, ending=what if when == "after_effect" else "")
    if when == "after_effect":
        end(what)


def end(what: str) -> NoReturn:
    """Be killed, be timed out, or raise."""
    if what == "kill":
        die()
    while what == "timeout":
        time.sleep(1)
    raise RuntimeError("this fails once")


def take_effect(message: Any, *, ending: str) -> None:
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
            "end": {"S": ending},
            "process": {"S": PROCESS},
        },
    )


def take_fault(order_id: str) -> str:
    """The fault armed for the order, for the one caller that disarms it."""
    values = {":yes": {"BOOL": True}, ":no": {"BOOL": False}, ":process": {"S": PROCESS}}
    try:
        taken = dynamodb.update_item(
            TableName=FAULTS_TABLE,
            Key={"fault_id": {"S": order_id}},
            UpdateExpression="SET struck = :yes, struck_in = :process",
            ConditionExpression="struck = :no",
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return ""
    fault: str = taken["fault"]["S"]
    if fault == "kill_soon":
        killer = threading.Timer(int(taken["delay_millis"]["N"]) / 1000, die)
        killer.daemon = True
        killer.start()
    return fault


def die() -> NoReturn:
    """End the process as a crash does."""
    # What was printed so far would be lost with the process.
    sys.stdout.flush()
    os._exit(EXIT_CODE)


def deliver_again_now(record: Any) -> None:
    """Cut the message's visibility short: another worker gets it while this one runs."""
    name = record["eventSourceARN"].rsplit(":", 1)[-1]
    sqs.change_message_visibility(
        QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=0,
    )
