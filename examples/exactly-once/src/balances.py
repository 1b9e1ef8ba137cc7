"""Adds each deposit to its account's balance, in the transaction that completes the message."""

import os
from typing import Any


def process(message: Any, transaction: Any) -> None:
    deposit = message.body
    transaction.update(
        os.environ["BALANCES_TABLE"],
        {"account_id": deposit["account_id"]},
        UpdateExpression="ADD balance_cents :amount",
        ExpressionAttributeValues={":amount": deposit["amount_cents"]},
    )
