"""Counts the views of pages from a stream."""

import base64
import json
import os
from collections import Counter

import boto3
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.testing import events

from . import Case, Verdict, refused

print("Loading function")

dynamodb = boto3.resource("dynamodb", region_name=os.environ.get("AWS_REGION", "eu-central-1"))
table = dynamodb.Table(os.environ.get("TABLE_NAME", "page-views"))


def lambda_handler(event, context):
    views = Counter()
    for record in event["Records"]:
        payload = json.loads(base64.b64decode(record["kinesis"]["data"]).decode("utf-8"))
        if payload.get("type") != "view":
            continue
        views[payload["page"]] += 1

    for page, count in views.items():
        try:
            table.update_item(
                Key={"page": page},
                UpdateExpression="ADD #views :count",
                ExpressionAttributeNames={"#views": "views"},
                ExpressionAttributeValues={":count": count},
            )
        except ClientError as e:
            print(f"Error updating {page}: {e.response['Error']['Message']}")

    return f"Successfully processed {len(event['Records'])} records."


CASE = Case(
    handler=lambda_handler,
    event=events.kinesis(
        {"type": "view", "page": "/"},
        {"type": "view", "page": "/tea"},
        {"type": "view", "page": "/"},
    ),
    effects={"table.update_item": {"failure": refused("UpdateItem")}},
    verdict=Verdict(
        findings=frozenset(
            {
                ("effect outside the claim", "update_item"),
                ("failure swallowed", "update_item"),
            }
        ),
        because="Nothing claims a record, so each delivery adds again, and errors are printed.",
    ),
)
