"""Appends each scan and each change of a parcel to its timeline. Called twice, it appends twice."""

import os
from typing import Any

import boto3

from idempotent_lambda import Source

timelines = boto3.client("dynamodb")


def process(message: Any) -> None:
    if message.source is Source.KINESIS:
        scan = message.body
        append(scan["parcel_id"], "scans", scan["place"])
    else:
        parcel = message.body["dynamodb"]["NewImage"]
        append(parcel["parcel_id"]["S"], "states", parcel["state"]["S"])


def append(parcel_id: str, timeline: str, entry: str) -> None:
    timelines.update_item(
        TableName=os.environ["TIMELINES_TABLE"],
        Key={"parcel_id": {"S": parcel_id}},
        UpdateExpression="SET #timeline = list_append(if_not_exists(#timeline, :none), :entry)",
        ExpressionAttributeNames={"#timeline": timeline},
        ExpressionAttributeValues={":entry": {"L": [{"S": entry}]}, ":none": {"L": []}},
    )
