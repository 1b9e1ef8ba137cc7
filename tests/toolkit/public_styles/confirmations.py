"""Mails a confirmation for each order of a topic."""

import json
import logging
import os
import time

import boto3
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict, refused

logger = logging.getLogger(__name__)

SENDER = os.environ.get("SENDER", "shop@example.com")
MAX_AGE_SECONDS = int(os.environ.get("MAX_AGE_SECONDS", "3600"))

ses = boto3.client("ses", region_name=os.environ.get("AWS_REGION", "eu-central-1"))


def render(order):
    lines = [f"Order {order['order_id']}", f"Total: {order['total']} {order['currency']}"]
    return "\n".join(lines)


def process(message):
    order = message.body
    sent_at = int(message.attributes["SentTimestamp"]) / 1000
    if time.time() - sent_at > MAX_AGE_SECONDS:
        logger.warning(f"{message.id} is older than {MAX_AGE_SECONDS} s, dropping it")
        return
    try:
        response = ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [order["email"]]},
            Message={
                "Subject": {"Data": f"Your order {order['order_id']}"},
                "Body": {"Text": {"Data": render(order)}},
            },
        )
    except ClientError as error:
        logger.error(f"could not send: {json.dumps(error.response['Error'])}")
    else:
        logger.info(f"sent {response['MessageId']}")


CASE = Case(
    handler=process,
    event=events.sns_in_sqs(BODY),
    effects={
        "ses.send_email": {
            "function": lambda **_: {"MessageId": "MAIL-1"},
            "failure": refused("SendEmail"),
        }
    },
    options={"key": "body.order_id", "different": [events.sns_in_sqs(OTHER)]},
    verdict=Verdict(
        findings=frozenset(
            {
                ("failure swallowed", "send_email"),
                ("drops old messages", "send_email"),
            }
        ),
        because="It logs every refusal of SES and returns, and returns for a message that is old.",
    ),
)
