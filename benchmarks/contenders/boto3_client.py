"""A bare boto3 client, as most functions create it: the reference for cold starts."""

from collections.abc import Callable
from typing import Any

import boto3


def make(table: str) -> Callable[[Any], Any]:
    """Make a client, and a handler that writes one item unconditionally."""
    client = boto3.client("dynamodb")

    def handler(event: Any) -> None:
        message_id = event["Records"][0]["messageId"]
        client.put_item(TableName=table, Item={"id": {"S": message_id}})

    return handler
