"""Awards points for each order on a bus, and announces them."""

import json
import logging
import os
from decimal import ROUND_DOWN, Decimal

import boto3

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import events

from . import BODY, OTHER, Case, Verdict, refused

logger = logging.getLogger(__name__)

REGION = os.environ.get("AWS_REGION", "eu-central-1")
BUS = os.environ.get("BUS_NAME", "shop")
accounts = boto3.resource("dynamodb", region_name=REGION).Table("accounts")
bus = boto3.client("events", region_name=REGION)


def points_for(detail):
    return int((Decimal(detail["total"]) / 10).to_integral_value(ROUND_DOWN))


@idempotent(name="award_points", key="event.detail.order_id")
def lambda_handler(event, context):
    detail = event["detail"]
    points = points_for(detail)
    logger.info(json.dumps({"order_id": detail["order_id"], "points": points}))
    accounts.update_item(
        Key={"customer_id": detail["customer_id"]},
        UpdateExpression="ADD points :points",
        ExpressionAttributeValues={":points": points},
    )
    entry = {
        "EventBusName": BUS,
        "Source": "shop.loyalty",
        "DetailType": "PointsAwarded",
        "Detail": json.dumps({"customer_id": detail["customer_id"], "points": points}),
    }
    response = bus.put_events(Entries=[entry])
    if response["FailedEntryCount"]:
        raise RuntimeError(f"could not announce: {response['Entries']}")
    return {"statusCode": 200, "body": json.dumps({"points": points})}


CASE = Case(
    handler=lambda_handler,
    event=events.eventbridge(BODY),
    effects={
        "accounts.update_item": {"failure": refused("UpdateItem")},
        "bus.put_events": {
            "function": lambda **_: {"FailedEntryCount": 0, "Entries": []},
            "failure": refused("PutEvents"),
        },
    },
    options={"different": [events.eventbridge(OTHER)]},
    verdict=Verdict(
        findings=frozenset({("repeats on retry", "update_item")}),
        because="If the announcement fails, the next delivery awards the points again.",
    ),
)
