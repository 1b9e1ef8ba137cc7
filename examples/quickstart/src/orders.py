"""Charges the card of each order. Called twice, it charges twice."""

import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3

ledger = boto3.client("dynamodb")


def process(message: Any) -> None:
    order = message.body
    charge(order["order_id"], order["amount_cents"], order["currency"])


def charge(order_id: str, amount_cents: int, currency: str) -> None:
    ledger.put_item(
        TableName=os.environ["LEDGER_TABLE"],
        Item={
            "charge_id": {"S": str(uuid.uuid4())},
            "order_id": {"S": order_id},
            "amount_cents": {"N": str(amount_cents)},
            "currency": {"S": currency},
            "charged_at": {"S": datetime.now(UTC).isoformat()},
        },
    )
