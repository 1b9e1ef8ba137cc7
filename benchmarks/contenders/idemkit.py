"""idemkit: its SQS consumer on its DynamoDB backend, message by message."""

import os
from collections.abc import Callable
from typing import Any

from idemkit.adapters.queue import ConsumerAction
from idemkit.backends.dynamodb import DynamoBackend
from idemkit.contrib.sqs import sqs_consumer

from benchmarks.function import VISIBILITY_SECONDS, process


def make(table: str) -> Callable[[Any], Any]:
    """Make the handler; the consumer expects the attribute names of a polling loop."""
    region = os.environ["AWS_REGION"]
    backend = DynamoBackend(table=table, region_name=region, create_table=False)
    consumer = sqs_consumer(backend=backend, visibility_timeout_seconds=VISIBILITY_SECONDS)
    consumer.handle(process)

    def acknowledged(record: Any) -> bool:
        message = {
            "MessageId": record["messageId"],
            "Body": record["body"],
            "Attributes": record["attributes"],
        }
        return consumer.dispatch_sync(message).action is ConsumerAction.ACK

    def handler(event: Any) -> Any:
        failed = [record for record in event["Records"] if not acknowledged(record)]
        return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in failed]}

    return handler
