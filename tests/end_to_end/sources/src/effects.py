"""Notes each message that it is called with. Called twice, it notes it twice."""

import json
import os
import time
import uuid
from typing import Any

import boto3

table = boto3.client("dynamodb")


def process(message: Any) -> None:
    """Note who delivered what."""
    table.put_item(
        TableName=os.environ["EFFECTS_TABLE"],
        Item={
            "effect_id": {"S": str(uuid.uuid4())},
            "consumer": {"S": os.environ["CONSUMER"]},
            "source": {"S": message.source},
            "body": {"S": json.dumps(message.body)},
        },
    )
    # So that two that come at the same time meet.
    time.sleep(message.body.get("seconds", 0))
