"""The response is the list alone."""

import json
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason, events

from . import BODY, OTHER, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="charge", key="order.order_id", lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


def charge_all(records: Any) -> list[str]:
    """Return the ids of the failed records."""
    failed = []
    for record in records:
        try:
            charged(json.loads(record["body"]))
        except Exception:
            failed.append(record["messageId"])
    return failed


def bad(event: Any, context: Any) -> Any:
    failed = charge_all(event["Records"])
    return [{"itemIdentifier": each} for each in failed]


def fixed(event: Any, context: Any) -> Any:
    failed = charge_all(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


CASE = Case(reason=Reason.FAILURES_NOT_READ, bad=bad, fixed=fixed, event=events.sqs(BODY, OTHER))
