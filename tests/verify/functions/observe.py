"""Functions that note what Lambda delivers to them, for the rows of ``make verify-aws``."""

import os
import platform
import sys
import time
import uuid
from typing import Any

import boto3
import botocore
from botocore.exceptions import ClientError

NOTES_TABLE = os.environ["NOTES_TABLE"]
POSTPONED_SECONDS = 30
"""Much longer than the queue's visibility timeout."""

LARGE_BATCH = 5
"""The row writes six records to the stream, and the first may come alone."""

dynamodb = boto3.client("dynamodb")


def write_note(kind: str, entries: list[str]) -> None:
    """Write what an invocation got, with the time, before it answers."""
    item: Any = {
        "id": {"S": uuid.uuid4().hex},
        "kind": {"S": kind},
        "at": {"N": str(time.time())},
        "entries": {"L": [{"S": entry} for entry in entries]},
    }
    dynamodb.put_item(TableName=NOTES_TABLE, Item=item)


def postpone(event: Any, _context: Any) -> Any:
    """Report each message; at its first receive, change its visibility timeout before.

    The note comes after that: if the change fails, there is no delivery to count from.
    """
    failures = []
    for record in event["Records"]:
        if record["attributes"]["ApproximateReceiveCount"] == "1":
            name = record["eventSourceARN"].rsplit(":", 1)[-1]
            sqs = boto3.client("sqs")
            sqs.change_message_visibility(
                QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=POSTPONED_SECONDS,
            )
            failures.append({"itemIdentifier": record["messageId"]})
    write_note("postpone", [record["body"] for record in event["Records"]])
    return {"batchItemFailures": failures}


def malformed(event: Any, _context: Any) -> Any:
    """Answer without an item identifier when a message comes first, and correctly later."""
    write_note("malformed", [record["body"] for record in event["Records"]])
    counts = [record["attributes"]["ApproximateReceiveCount"] for record in event["Records"]]
    return {"batchItemFailures": [{"itemIdentifier": ""}] if "1" in counts else []}


def resume(event: Any, _context: Any) -> Any:
    """Report the fifth and the third record of a stream's batch, in this order.

    A batch that begins with the third has at most four records, so its retry succeeds.
    """
    records = [record["dynamodb"] for record in event["Records"]]
    write_note("resume", [record["Keys"]["number"]["N"] for record in records])
    failed = (records[4], records[2]) if len(records) >= LARGE_BATCH else ()
    return {"batchItemFailures": [{"itemIdentifier": each["SequenceNumber"]} for each in failed]}


def sleeper(event: Any, context: Any) -> None:
    """Write the time to a row again and again, until the platform kills this process."""
    ends_at = time.time() + context.get_remaining_time_in_millis() / 1000
    while True:
        late: Any = {":late": {"N": f"{time.time() - ends_at:.4f}"}}
        dynamodb.update_item(
            TableName=NOTES_TABLE,
            Key={"id": {"S": event["id"]}},
            UpdateExpression="SET late = :late",
            ExpressionAttributeValues=late,
        )


def control(event: Any, _context: Any) -> Any:
    """Make calls under this function's role, and return how each ended; or the versions here."""
    if calls := event.get("calls"):
        return {name: _try_call(**call) for name, call in calls.items()}
    return {
        "python": platform.python_version(),
        "boto3": boto3.__version__,
        "botocore": botocore.__version__,
        "environment": os.environ.get("AWS_EXECUTION_ENV", "not set"),
        "machine": platform.machine(),
        "platform": sys.platform,
    }


def _try_call(method: str, arguments: dict[str, Any]) -> str:
    """Make a call to DynamoDB; return "allowed", or the code of its error."""
    try:
        answer = getattr(dynamodb, method)(**arguments)
    except ClientError as error:
        reasons: Any = error.response.get("CancellationReasons", [])
        codes = [error.response["Error"]["Code"], *(each.get("Code", "") for each in reasons)]
        return " ".join(code for code in codes if code)
    for part in answer.get("Responses", []):
        if isinstance(part, dict) and "Error" in part:
            return str(part["Error"]["Code"])
    return "allowed"
