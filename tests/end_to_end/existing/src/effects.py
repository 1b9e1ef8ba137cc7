"""Notes each message that it is called with. Called twice, it notes it twice."""

import os
import uuid
from typing import Any

import boto3

from idempotent_lambda import PermanentFailure

table = boto3.client("dynamodb")


def process(message: Any) -> None:
    """Note who works on which order, but for those that nobody can ever do."""
    if message.body.get("impossible"):
        raise PermanentFailure("no such product")
    table.put_item(
        TableName=os.environ["EFFECTS_TABLE"],
        Item={
            "effect_id": {"S": str(uuid.uuid4())},
            "consumer": {"S": os.environ["CONSUMER"]},
            "order_id": {"S": message.body["order_id"]},
        },
    )
