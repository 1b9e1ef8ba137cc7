"""Charges the card of each order. Before the decorator it charged once per event."""

import os
import uuid
from typing import Any

import boto3

from idempotent_lambda import idempotent

ledger = boto3.client("dynamodb")


@idempotent(name="charge", key="event.detail.order_id")
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    order = event["detail"]
    charge_id = str(uuid.uuid4())
    ledger.put_item(
        TableName=os.environ["LEDGER_TABLE"],
        Item={
            "charge_id": {"S": charge_id},
            "order_id": {"S": order["order_id"]},
            "amount_cents": {"N": str(order["amount_cents"])},
        },
    )
    return {"charge_id": charge_id, "order_id": order["order_id"]}
