"""Deployed in front of orders.py: does to it, once per planted fault, what production does.

Each fault is a row that says what happens to one order. Taking the row deletes it, so that the
fault happens exactly once, however often and wherever the order is delivered.
"""

import os
import sys
import time
from typing import Any, NoReturn

import boto3
import orders  # type: ignore[import-not-found]  # deployed with this file

FAULTS_TABLE = os.environ["FAULTS_TABLE"]
LEDGER_TABLE = os.environ["LEDGER_TABLE"]
RECORDS_TABLE = os.environ.get("IDEMPOTENCY_TABLE")
NAMESPACE = os.environ.get("IDEMPOTENCY_NAMESPACE")
SLOW_SECONDS = 1.2
EXIT_CODE = 70

dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")

charged: dict[str, str] = {}
"""The owners of the orders that this process has charged."""


def process(message: Any) -> None:
    """Charge the order, unless something happens to it before or after."""
    order_id = message.body["order_id"]
    if message.body.get("poison"):
        raise ValueError(f"{order_id} can never be charged")
    fault = _take_fault(order_id)
    match fault:
        case None | "kill_after_charge" | "timeout_after_charge":
            pass
        case "raise_before_charge":
            raise RuntimeError(f"{order_id} fails this once")
        case "kill_before_charge":
            _record_kills(_list_unconfirmed())
            _die()
        case "timeout_before_charge":
            _hang()
        case "overlap":
            _deliver_again_now(message.raw)
            time.sleep(SLOW_SECONDS)
        case "slow":
            time.sleep(SLOW_SECONDS)
        case _:
            raise LookupError(f"there is no fault {fault!r}")
    orders.process(message)
    charged[order_id] = message.owner
    if fault == "kill_after_charge":
        _record_kills({order_id, *_list_unconfirmed()})
        _die()
    if fault == "timeout_after_charge":
        # Whatever was charged before has the time to be confirmed.
        _record_kills({order_id})
        _hang()


def _take_fault(order_id: str) -> str | None:
    """The fault planted for the order, for the one caller that deletes it."""
    deleted = dynamodb.delete_item(
        TableName=FAULTS_TABLE, Key={"order_id": {"S": order_id}}, ReturnValues="ALL_OLD"
    )
    taken: Any = deleted.get("Attributes")
    return taken["fault"]["S"] if taken else None


def _die() -> NoReturn:
    # What was printed so far would be lost with the process.
    sys.stdout.flush()
    os._exit(EXIT_CODE)


def _hang() -> NoReturn:
    while True:
        time.sleep(1)


def _deliver_again_now(record: Any) -> None:
    """Cut the message's visibility short: another worker gets it while this one runs."""
    name = record["eventSourceARN"].rsplit(":", 1)[-1]
    sqs.change_message_visibility(
        QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=0,
    )


def _list_unconfirmed() -> set[str]:
    """The orders charged here that the table of records does not call completed yet.

    Completions are written together, so a kill can catch those of batch-mates on their way.
    """
    if not RECORDS_TABLE or not charged:
        return set()
    keys = [{"id": {"S": f"{NAMESPACE}#{order_id}"}} for order_id in charged]
    answer = dynamodb.batch_get_item(
        RequestItems={RECORDS_TABLE: {"Keys": keys, "ConsistentRead": True}}
    )
    status = {
        item["owner"]["S"]: item["status"]["S"] for item in answer["Responses"][RECORDS_TABLE]
    }
    return {order for order, owner in charged.items() if status.get(owner) == "IN_PROGRESS"}


def _record_kills(orders: set[str]) -> None:
    """Note on the newest charge of each order that the process of its owner is about to end."""
    rows = dynamodb.scan(TableName=LEDGER_TABLE, ConsistentRead=True)["Items"]
    for order_id in orders:
        charges = [row for row in rows if row["order_id"]["S"] == order_id]
        newest = max(charges, key=lambda charge: str(charge["charged_at"]))
        dynamodb.update_item(
            TableName=LEDGER_TABLE,
            Key={"charge_id": newest["charge_id"]},
            UpdateExpression="SET killed_owner = :owner",
            ExpressionAttributeValues={":owner": {"S": charged[order_id]}},
        )
