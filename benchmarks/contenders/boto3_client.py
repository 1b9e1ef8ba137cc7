"""A bare boto3 client, as most functions make one: what a cold start is compared with."""

from collections.abc import Callable
from typing import Any

import boto3


def make(table: str) -> Callable[[Any], Any]:
    """A client, and a handler that writes one item unconditionally."""
    client = boto3.client("dynamodb")

    def handler(event: Any) -> None:
        message_id = event["Records"][0]["messageId"]
        client.put_item(TableName=table, Item={"id": {"S": message_id}})

    return handler
