"""Wraps the code of a deployed function, and injects the failures of production.

The code does not change. A fault strikes at the call to DynamoDB that does the side effect: a
transaction, or a write to any table except the records and the faults. A row of the faults says
which fault strikes, when and how often; `id` is a word in the call. If the side effect is a new
item, it also gets the facts by which `scripts.support.account` judges a repetition.
"""

import functools
import importlib
import os
import random
import re
import sys
import threading
import time
import uuid
from typing import Any, NoReturn

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError

FAULTS_TABLE = os.environ["FAULTS_TABLE"]
RECORDS_TABLE = os.environ.get("IDEMPOTENCY_TABLE")
LEASE_MARGIN_MILLIS = int(os.environ.get("IDEMPOTENCY_LEASE_MARGIN_MILLIS", "0"))
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
CONFIRMED_SECONDS = 1.0
SLOW_SECONDS = 1.2
EXIT_CODE = 70

PROCESS = uuid.uuid4().hex
"""Written to each effect and each fault, so that you see which of them ended together."""

current = threading.local()
"""Has the `message` that this thread processes."""

dynamodb = boto3.client("dynamodb")
unbroken: Any = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001


def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """Make a call to any service, with the fault that strikes it."""
    others = parameters.get("TableName") in {FAULTS_TABLE, RECORDS_TABLE}
    if operation not in WRITES or others:
        return unbroken(client, operation, parameters)
    what, when, within_millis = take_fault(repr(parameters))
    if when == "before":
        break_down(what)
    if when == "during":
        killer = threading.Timer(random.uniform(0, within_millis / 1000), die)  # noqa: S311
        killer.daemon = True
        killer.start()
    if operation == "PutItem":
        note_delivery(parameters["Item"], ending=what if when == "after" else "")
    answer = unbroken(client, operation, parameters)
    if when == "after":
        break_down(what)
    return answer


def take_fault(text: str) -> tuple[str, str, int]:
    """Take the fault of a call, its moment and its milliseconds; empty texts if there is none."""
    words = set(re.findall(r"[\w-]+", text))
    asked: Any = {"Keys": [{"id": {"S": word}} for word in words], "ConsistentRead": True}
    answer = dynamodb.batch_get_item(RequestItems={FAULTS_TABLE: asked})
    for row in answer["Responses"][FAULTS_TABLE]:
        if row["times"]["N"] == "0":
            continue
        values: Any = {":less": {"N": "-1"}, ":none": {"N": "0"}, ":here": {"SS": [PROCESS]}}
        try:
            dynamodb.update_item(
                TableName=FAULTS_TABLE,
                Key={"id": row["id"]},
                UpdateExpression="ADD times :less, processes :here",
                ConditionExpression="times > :none",
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            continue  # another caller took the last
        return row["what"]["S"], row["when"]["S"], int(row["within_millis"]["N"])
    return "", "", 0


def break_down(what: str) -> None:
    """Carry out a fault."""
    match what:
        case "raise":
            raise RuntimeError("this fails now and then")
        case "kill":
            die()
        case "late kill":
            # Meanwhile the package confirms the earlier messages of the batch.
            time.sleep(CONFIRMED_SECONDS)
            die()
        case "timeout":
            while True:
                time.sleep(1)
        case "slow":
            time.sleep(SLOW_SECONDS)
        case "overlap":
            deliver_again_now(current.message.raw)
            time.sleep(SLOW_SECONDS)
        case _:
            raise LookupError(f"there is no fault {what!r}")


def note_delivery(item: dict[str, Any], *, ending: str) -> None:
    """Add the delivery of an effect, the end of its lease, and its planned ending to the item.

    The write of the effect includes them. The event of a decorated handler has no such facts.
    """
    message = current.message
    if isinstance(message, dict):
        return
    now = time.time_ns() // 1_000_000
    lease_ends_at = now + message.remaining_millis() + LEASE_MARGIN_MILLIS
    item |= {
        "message_id": {"S": message.id},
        "receive_count": {"N": str(message.receive_count)},
        "began_at": {"N": str(now)},
        "lease_ends_at": {"N": str(lease_ends_at)},
        "end": {"S": ending},
        "process": {"S": PROCESS},
    }


def deliver_again_now(record: Any) -> None:
    """End the message's visibility timeout: another worker gets it while this one runs."""
    sqs = boto3.client("sqs")
    name = record["eventSourceARN"].rsplit(":", 1)[-1]
    sqs.change_message_visibility(
        QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=0,
    )


def die() -> NoReturn:
    """End the process as a crash does."""
    # The process would lose its buffered output.
    sys.stdout.flush()
    os._exit(EXIT_CODE)


BaseClient._make_api_call = call  # type: ignore[attr-defined]  # noqa: SLF001
_module, _, _name = os.environ["TARGET"].rpartition(".")
_own = getattr(importlib.import_module(_module), _name)


@functools.wraps(_own)
def target(message: Any, *others: Any, **named: Any) -> Any:
    """Run the function's code; the wrapper has the same signature."""
    current.message = message
    return _own(message, *others, **named)
