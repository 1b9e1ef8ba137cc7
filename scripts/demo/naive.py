"""The handler of the unprotected stack, by an author who does not think of duplicates.

It reports failed messages, so that a poison order does not hold up its batch. It logs each delivery
as the package does, so that one program can settle both stacks.
"""

import json
from types import SimpleNamespace
from typing import Any

import call_faults  # type: ignore[import-not-found]  # deployed with this file


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Process every record, even one that was processed before."""
    failed = []
    for record in event["Records"]:
        line = {
            "event": "message",
            "message_id": record["messageId"],
            "receive_count": int(record["attributes"]["ApproximateReceiveCount"]),
            "outcome": "completed",
        }
        try:
            message = SimpleNamespace(
                id=line["message_id"],
                receive_count=line["receive_count"],
                body=json.loads(record["body"]),
                raw=record,
                remaining_millis=context.get_remaining_time_in_millis,
            )
            call_faults.target(message)
        except Exception as error:  # noqa: BLE001 (one failed record must not fail the others)
            line |= {"outcome": "failed", "error": repr(error)}
            failed.append({"itemIdentifier": record["messageId"]})
        print(json.dumps(line), flush=True)
    return {"batchItemFailures": failed}
