"""Captures payments with Powertools' batch processor; retries pass the same token."""

import time

import requests
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict, accept

logger = Logger(service="captures")
processor = BatchProcessor(event_type=EventType.SQS)
session = requests.Session()
URL = "https://payments.example.com/v1/captures"


@idempotent(name="capture", key="order.order_id", lease_seconds=60)
def capture(order: dict) -> str:
    headers = {"Idempotency-Key": f"capture-{order['order_id']}"}
    for pause in (1, 2, None):
        try:
            response = session.post(URL, json={"total": order["total"]}, headers=headers, timeout=5)
            response.raise_for_status()
            return response.json()["id"]
        except requests.RequestException as error:
            if pause is None:
                raise
            logger.warning("trying again", extra={"pause": pause, "error": str(error)})
            time.sleep(pause)
    raise AssertionError


def record_handler(record: SQSRecord):
    capture_id = capture(record.json_body)
    logger.info("captured", extra={"capture_id": capture_id, "message_id": record.message_id})
    return capture_id


@logger.inject_lambda_context
def lambda_handler(event: dict, context: LambdaContext):
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )


CASE = Case(
    handler=lambda_handler,
    event=events.sqs(BODY, OTHER),
    effects={
        "session.post": {
            "function": accept,
            "token": lambda *_, headers, **__: headers["Idempotency-Key"],
            "failure": requests.ConnectTimeout("5 s"),
        }
    },
    verdict=Verdict(
        findings=frozenset(),
        because="Each try of an order has the same token, and failures reach the queue by record.",
    ),
)
