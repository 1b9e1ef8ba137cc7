"""Notes what was done for which order."""

import os
import uuid

import boto3

table = boto3.client("dynamodb")


def do(department: str, order_id: str) -> None:
    table.put_item(
        TableName=os.environ["WORK_TABLE"],
        Item={
            "work_id": {"S": str(uuid.uuid4())},
            "department": {"S": department},
            "order_id": {"S": order_id},
        },
    )
