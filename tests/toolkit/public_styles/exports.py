"""Exports orders to a bucket, one folder a day."""

import json
import logging
import os
from dataclasses import replace
from datetime import UTC, datetime

import boto3

from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict, refused

logger = logging.getLogger(__name__)

BUCKET = os.environ.get("EXPORT_BUCKET", "exports")
PREFIX = os.environ.get("EXPORT_PREFIX", "orders").rstrip("/")

s3 = boto3.client("s3", region_name=os.environ.get("AWS_REGION", "eu-central-1"))


def object_key(order):
    now = datetime.now(UTC)
    return f"{PREFIX}/{now:%Y/%m/%d}/{order['order_id']}.json"


def process(message):
    order = message.body
    missing = [name for name in ("order_id", "customer_id", "total") if name not in order]
    if missing:
        raise ValueError(f"order without {', '.join(missing)}")
    key = object_key(order)
    s3.put_object(
        Bucket=BUCKET,
        Key=key,
        Body=json.dumps(order, default=str).encode("utf-8"),
        ContentType="application/json",
    )
    logger.info(f"exported s3://{BUCKET}/{key}")


def process_detail(message):
    process(replace(message, body=message.body["detail"]))


CASE = Case(
    handler=process,
    event=events.eventbridge_in_sqs(BODY),
    effects={"s3.put_object": {"token": "Key", "failure": refused("PutObject", "SlowDown")}},
    options={"key": "body.order_id", "different": [events.eventbridge_in_sqs(OTHER)]},
    verdict=Verdict(
        findings=frozenset({("token of the time", "put_object")}),
        because="A delivery that repeats the write after midnight writes a second object.",
        corrected=frozenset({("no key", None)}),
        mistake="The event of a bus has the order in its detail, so `body.order_id` is not there.",
    ),
)
REPAIRED = replace(
    CASE,
    handler=process_detail,
    options={
        "key": "body.detail.order_id",
        "different": [events.eventbridge_in_sqs(OTHER)],
    },
    verdict=replace(CASE.verdict, corrected=None, mistake=""),
)
