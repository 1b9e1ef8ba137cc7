"""Only the last of several failures in a batch is reported to Lambda."""

import json
import logging
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason, events

from . import BODY, OTHER, Case


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


@idempotent(name="charge", key="order.order_id", lease_seconds=30)
def charged(order: Any) -> None:
    charge(order)


def bad(event: Any, context: Any) -> Any:
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            charged(json.loads(record["body"]))
        except Exception:
            logging.getLogger(__name__).debug("charging failed", exc_info=True)
            failed = [{"itemIdentifier": record["messageId"]}]
    return {"batchItemFailures": failed}


def fixed(event: Any, context: Any) -> Any:
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            charged(json.loads(record["body"]))
        except Exception:
            logging.getLogger(__name__).debug("charging failed", exc_info=True)
            failed += [{"itemIdentifier": record["messageId"]}]
    return {"batchItemFailures": failed}


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, event=events.sqs(BODY, OTHER))
