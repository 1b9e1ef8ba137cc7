"""Builders of SQS events, as Lambda delivers them."""

import json
from typing import Any

QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:orders"


def record(body: str | None = None, *, message_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    """One record with every field that Lambda documents; ``changes`` replace some."""
    whole = {
        "messageId": message_id,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": '{"id": "a"}' if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082649183",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082649185",
        },
        "messageAttributes": {},
        "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "eu-central-1",
    }
    return whole | changes


def order(order_id: object, message_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """A record whose body is ``{"id": order_id}``; its message id is ``m-`` and the order's."""
    body = json.dumps({"id": order_id})
    return record(body, message_id=message_id or f"m-{order_id}", **changes)


def event(*records: dict[str, Any]) -> dict[str, Any]:
    """A batch."""
    return {"Records": list(records)}
