"""The handler of the unprotected stack: what one writes without thinking of duplicates.

It does report what failed, so that a poison order does not hold up its batch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import faults  # type: ignore[import-not-found]  # deployed beside this file


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """As much of a message as the wrapper and orders.py read."""

    body: Any
    owner: str
    raw: Mapping[str, Any]


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Process every record, whoever may have done so before."""
    failed = []
    for record in event["Records"]:
        try:
            message = Received(
                body=json.loads(record["body"]), owner=context.aws_request_id, raw=record
            )
            faults.process(message)
        except Exception as error:  # noqa: BLE001 (one failed record must not fail the others)
            print(f"{record['messageId']}: {error!r}")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
