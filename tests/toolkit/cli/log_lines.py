"""Lines in the function's log group, as the package writes them."""

import json
from typing import Any

from idempotent_lambda_toolkit.cli import times

from .conftest import Consumer

GROUP = "/aws/lambda/orders"


def write_lines(consumer: Consumer, *lines: str | dict[str, Any]) -> None:
    """Write lines to the log: text, or the fields in which a line differs; ``ago`` in seconds."""
    logs = consumer.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    events = []
    for line in lines:
        ago = 0 if isinstance(line, str) else line.pop("ago", 60)
        text = line if isinstance(line, str) else json.dumps(build_line(**line))
        events.append({"timestamp": times.now() - ago * 1000, "message": text})
    events.sort(key=lambda event: event["timestamp"])
    logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)


def build_line(**fields: Any) -> dict[str, Any]:
    """Build the fields of a line; docs/logs.md describes them."""
    usual = {
        "event": "message",
        "outcome": "failed",
        "acknowledged": False,
        "key": "ORDER-1",
        "message_id": "4f5b",
        "request_id": "79104ebd",
        "receive_count": 1,
        "attempts": 1,
        "errors": [],
    }
    return usual | fields
