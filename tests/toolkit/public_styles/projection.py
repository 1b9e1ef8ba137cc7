"""Projects the rows of a table's stream into a read model."""

import logging
import os
from decimal import Decimal

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.testing import events

from . import Case, Verdict, refused

logger = logging.getLogger(__name__)

dynamodb = boto3.resource("dynamodb", region_name=os.environ.get("AWS_REGION", "eu-central-1"))
table = dynamodb.Table(os.environ.get("READ_MODEL_TABLE", "orders-by-customer"))
deserializer = TypeDeserializer()


def unmarshall(image):
    return {name: deserializer.deserialize(value) for name, value in image.items()}


def process(message):
    record = message.body
    if record["eventName"] == "REMOVE":
        keys = unmarshall(record["dynamodb"]["Keys"])
        table.delete_item(Key={"pk": f"ORDER#{keys['id']}"})
        return
    row = unmarshall(record["dynamodb"]["NewImage"])
    total = sum((line["price"] * line["quantity"] for line in row["lines"]), Decimal(0))
    try:
        table.put_item(
            Item={"pk": f"ORDER#{row['id']}", "total": total, "version": row["version"]},
            ConditionExpression="attribute_not_exists(pk) OR version < :version",
            ExpressionAttributeValues={":version": row["version"]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.info(f"{row['id']} is projected already, or newer")


LINES = [{"price": Decimal("2.50"), "quantity": 2}]
CASE = Case(
    handler=process,
    event=events.dynamodb(
        {"id": "ORDER-1", "version": 1, "lines": LINES},
        {"id": "ORDER-2", "version": 1, "lines": LINES},
    ),
    effects={"table.put_item": {"failure": refused("PutItem")}},
    options={"different": [events.dynamodb({"id": "ORDER-1", "version": 2, "lines": LINES})]},
    verdict=Verdict(
        findings=frozenset(),
        because="Only a failed condition counts as done; every other error is raised.",
    ),
)
