"""Charges the card of each order. Called twice, it charges twice."""

import os
import uuid
from typing import Any

import boto3
from receipts import receipt

from idempotent_lambda import Source

ledger = boto3.client("dynamodb")


def process(message: Any) -> None:
    if message.source is Source.DYNAMODB:
        row = message.body["dynamodb"]["NewImage"]
        charge(row["order_id"]["S"], int(row["amount_cents"]["N"]))
    else:
        charge(message.body["order_id"], message.body["amount_cents"])


def charge(order_id: str, amount_cents: int) -> None:
    ledger.put_item(
        TableName=os.environ["LEDGER_TABLE"],
        Item={
            "charge_id": {"S": str(uuid.uuid4())},
            "order_id": {"S": order_id},
            "receipt": {"S": receipt(order_id, amount_cents)},
        },
    )
