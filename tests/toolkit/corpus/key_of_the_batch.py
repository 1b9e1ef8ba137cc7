"""All orders of a batch are written at once, under a key made of all of them."""

import json
from typing import Any

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Reason, events

from . import BODY, OTHER, Case


def write(orders: Any) -> None:
    """A placeholder for a bulk write."""


@idempotent(name="write", key="orders[].order_id", lease_seconds=30)
def written(orders: Any) -> None:
    write(orders)


def bad(event: Any, context: Any) -> None:
    written([json.loads(each["body"]) for each in event["Records"]])


def fixed(event: Any, context: Any) -> None:
    for each in event["Records"]:
        written([json.loads(each["body"])])


CASE = Case(
    reason=Reason.KEY_OF_THE_BATCH,
    bad=bad,
    fixed=fixed,
    event=events.sqs(BODY, OTHER),
    effects={"write": None},
)
