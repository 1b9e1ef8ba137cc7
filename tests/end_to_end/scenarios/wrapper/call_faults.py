"""Deployed in front of an example's code: does to it what production does.

The code stays as it is. What happens, happens at the call to DynamoDB by which it takes effect: a
write to any table but those of records and faults, or a transaction. A fault is a row that says
what happens to whose effect, when, and how often: `id` is a text that the call holds.
"""

import importlib
import os
import random
import sys
import threading
import time
from typing import Any, NoReturn

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError

FAULTS_TABLE = os.environ["FAULTS_TABLE"]
RECORDS_TABLE = os.environ["IDEMPOTENCY_TABLE"]
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
CONFIRMED_SECONDS = 1.0
SLOW_SECONDS = 1.2
SOON_SECONDS = 0.03
EXIT_CODE = 70

dynamodb = boto3.client("dynamodb")
unbroken: Any = BaseClient._make_api_call  # type: ignore[attr-defined]


def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """Replaces the call of any operation of any service."""
    others = parameters.get("TableName") in {FAULTS_TABLE, RECORDS_TABLE}
    if operation not in WRITES or others:
        return unbroken(client, operation, parameters)
    what, when = take_fault(repr(parameters))
    if when == "before":
        break_down(what)
    if when == "during":
        killer = threading.Timer(random.uniform(0, SOON_SECONDS), die)  # noqa: S311
        killer.daemon = True
        killer.start()
    answer = unbroken(client, operation, parameters)
    if when == "after":
        break_down(what)
    return answer


def take_fault(text: str) -> tuple[str, str]:
    """What happens to a call, and when, for the one caller that takes it; or empty texts."""
    for row in dynamodb.scan(TableName=FAULTS_TABLE, ConsistentRead=True)["Items"]:
        if row["id"]["S"] not in text or row["times"]["N"] == "0":
            continue
        try:
            dynamodb.update_item(
                TableName=FAULTS_TABLE,
                Key={"id": row["id"]},
                UpdateExpression="ADD times :less",
                ConditionExpression="times > :none",
                ExpressionAttributeValues={":less": {"N": "-1"}, ":none": {"N": "0"}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            continue  # somebody else took the last
        return row["what"]["S"], row["when"]["S"]
    return "", ""


def break_down(what: str) -> None:
    """Do what the fault says."""
    match what:
        case "raise":
            raise RuntimeError("this fails now and then")
        case "kill":
            die()
        case "late kill":
            # What ran before in the same batch is confirmed meanwhile, and not interrupted.
            time.sleep(CONFIRMED_SECONDS)
            die()
        case "timeout":
            while True:
                time.sleep(1)
        case "slow":
            time.sleep(SLOW_SECONDS)
        case _:
            raise LookupError(f"there is no fault {what!r}")


def die() -> NoReturn:
    """End the process as a crash does."""
    # What was printed so far would be lost with the process.
    sys.stdout.flush()
    os._exit(EXIT_CODE)


BaseClient._make_api_call = call  # type: ignore[attr-defined]
_module, _, _name = os.environ["TARGET"].rpartition(".")
target = getattr(importlib.import_module(_module), _name)
"""The example's own function, of its own signature."""
