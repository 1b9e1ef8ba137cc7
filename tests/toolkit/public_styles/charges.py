"""Charges the orders of a queue; tries again if the provider is slow."""

import json
import logging
import os
import time

import requests

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict, accept

logger = logging.getLogger(__name__)

PAYMENTS_URL = os.environ.get("PAYMENTS_URL", "https://payments.example.com/v1/charges")
MAX_ATTEMPTS = 3


def post_with_backoff(url, payload):
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            response = requests.post(url, json=payload, timeout=(3, 10))
            response.raise_for_status()
        except requests.RequestException as error:
            logger.warning(f"attempt {attempt} of {MAX_ATTEMPTS} failed: {error}")
            if attempt == MAX_ATTEMPTS:
                raise
            time.sleep(2**attempt)
        else:
            return response.json()
    return None


@idempotent(name="charge_order", key="order.order_id", lease_seconds=60)
def charge_order(order):
    payload = {"amount": order["total"], "currency": order["currency"], "ref": order["order_id"]}
    charge = post_with_backoff(PAYMENTS_URL, payload)
    return {"order_id": order["order_id"], "charge_id": charge["id"]}


def lambda_handler(event, context):
    logger.info(f"received {len(event['Records'])} records")
    failures = []
    for record in event["Records"]:
        try:
            result = charge_order(json.loads(record["body"]))
            logger.info(f"charged: {result}")
        except Exception:
            logger.exception(f"could not process {record['messageId']}")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


CASE = Case(
    handler=lambda_handler,
    event=events.sqs(BODY, OTHER),
    effects={"requests.post": {"function": accept, "failure": requests.ReadTimeout("10 s")}},
    verdict=Verdict(
        findings=frozenset({("repeats after a lost answer", "post")}),
        because="After a read timeout, the loop charges again, without a token.",
    ),
)
