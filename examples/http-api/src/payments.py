"""Charges a card for HTTP requests. A client that repeats a request gets the first response."""

import json
import os
import uuid
from http import HTTPStatus
from typing import Any

import boto3

from idempotent_lambda import idempotent
from idempotent_lambda.http import find_header, respond_to_errors

# Everything that must be equal when a client repeats a request.
REQUEST = "[event.requestContext.http.method, event.rawPath, event.rawQueryString, event.body]"

ledger = boto3.client("dynamodb")


def find_key(event: dict[str, Any], context: Any) -> list[Any]:  # noqa: ARG001
    # Each caller has separate keys. The id of a role ends with a colon and the name of a session.
    caller_id = event["requestContext"]["authorizer"]["iam"]["callerId"]
    return [caller_id.partition(":")[0], find_header(event, "Idempotency-Key")]


@respond_to_errors
@idempotent(name="charge", key=find_key, payload=REQUEST)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001
    order = json.loads(event["body"])
    charge_id = str(uuid.uuid4())
    ledger.put_item(
        TableName=os.environ["LEDGER_TABLE"],
        Item={
            "charge_id": {"S": charge_id},
            "order_id": {"S": order["order_id"]},
            "amount_cents": {"N": str(order["amount_cents"])},
        },
    )
    return {
        "statusCode": HTTPStatus.CREATED,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"charge_id": charge_id, "order_id": order["order_id"]}),
    }
