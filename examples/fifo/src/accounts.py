"""Books movements on accounts. Called twice, it books twice, and in whatever order it is called."""

import os
from typing import Any

import boto3

accounts = boto3.client("dynamodb")


def process(message: Any) -> None:
    movement = message.body
    book(movement["account_id"], movement["movement_id"], movement["amount_cents"])


def book(account_id: str, movement_id: str, amount_cents: int) -> None:
    accounts.update_item(
        TableName=os.environ["ACCOUNTS_TABLE"],
        Key={"account_id": {"S": account_id}},
        UpdateExpression=(
            "SET movements = list_append(if_not_exists(movements, :none), :movement) "
            "ADD balance_cents :amount"
        ),
        ExpressionAttributeValues={
            ":amount": {"N": str(amount_cents)},
            ":movement": {"L": [{"S": movement_id}]},
            ":none": {"L": []},
        },
    )
