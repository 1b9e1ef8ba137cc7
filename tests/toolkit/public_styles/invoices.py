"""Writes an invoice for each order, and queues it for printing; clients are injected."""

import json
import logging
import os
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import boto3

from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict, refused

logger = logging.getLogger(__name__)

REGION = os.environ.get("AWS_REGION", "eu-central-1")
VAT = Decimal("0.19")


@dataclass
class InvoiceService:
    s3: object
    sqs: object
    bucket: str
    queue_url: str

    def render(self, order):
        gross = Decimal(order["total"])
        net = (gross / (1 + VAT)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        return {"number": order["order_id"], "net": str(net), "vat": str(gross - net)}

    def handle(self, message):
        invoice = self.render(message.body)
        key = f"invoices/{invoice['number']}.json"
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(invoice).encode())
            self.sqs.send_message(
                QueueUrl=self.queue_url,
                MessageBody=json.dumps({"bucket": self.bucket, "key": key}),
                MessageGroupId=message.body["customer_id"],
                MessageDeduplicationId=message.idempotency_token,
            )
        except Exception:
            logger.exception(f"invoice {invoice['number']} failed")
            raise
        logger.info(f"invoice {invoice['number']} is queued")


service = InvoiceService(
    s3=boto3.client("s3", region_name=REGION),
    sqs=boto3.client("sqs", region_name=REGION),
    bucket=os.environ.get("BUCKET", "invoices"),
    queue_url=os.environ.get("QUEUE_URL", "https://sqs.example.com/123456789012/print.fifo"),
)

CASE = Case(
    handler=service.handle,
    event=events.sqs(BODY, OTHER),
    effects={
        "service.s3.put_object": {"token": "Key", "failure": refused("PutObject", "SlowDown")},
        "service.sqs.send_message": {
            "token": "MessageDeduplicationId",
            "failure": refused("SendMessage"),
        },
    },
    options={"key": "body.order_id"},
    verdict=Verdict(
        findings=frozenset(),
        because="Both writes have a token of the order, and errors are raised again.",
    ),
)
