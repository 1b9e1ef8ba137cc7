"""The handler of the unprotected stack: what one writes without thinking of duplicates.

It does report what failed, so that a poison order does not hold up its batch.
"""

import json
from types import SimpleNamespace
from typing import Any

import faults  # type: ignore[import-not-found]  # deployed with this file


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Process every record, whoever may have done so before."""
    failed = []
    for record in event["Records"]:
        try:
            body = json.loads(record["body"])
            faults.process(SimpleNamespace(body=body, owner=context.aws_request_id, raw=record))
        except Exception as error:  # noqa: BLE001 (one failed record must not fail the others)
            print(f"{record['messageId']}: {error!r}")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
