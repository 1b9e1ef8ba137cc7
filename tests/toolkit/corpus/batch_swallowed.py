"""A hand-written loop over the records reports no failure to Lambda."""

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
    for record in event["Records"]:
        try:
            charged(json.loads(record["body"]))
        except Exception:
            logging.getLogger(__name__).debug("charging failed", exc_info=True)


def fixed(event: Any, context: Any) -> Any:
    failed = []
    for record in event["Records"]:
        try:
            charged(json.loads(record["body"]))
        except Exception:
            logging.getLogger(__name__).debug("charging failed", exc_info=True)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


CASE = Case(reason=Reason.SWALLOWED, bad=bad, fixed=fixed, event=events.sqs(BODY, OTHER))
