"""One alternative as a Lambda worker: reads deliveries as JSON lines, answers each with one.

Runs alone in ``.venv-peers`` and imports nothing of this repository. The alternatives keep their
defaults, and the Lambda context is registered, as their documentation says.

    {"table": …, "message": …, "behaviour": "run" | "raise" | "die", "effects": a file}
    → {"acknowledged": true, "seconds": 0.012}
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30
"""The function's timeout; the parent ends this process then, as Lambda would."""
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS
"""What AWS advises for a queue that feeds a function."""

Effect = Callable[[], None]
Delivery = Callable[[], bool]


class Context:
    """The Lambda context, as far as Powertools reads it."""

    function_name = "peer"

    def __init__(self) -> None:
        self.began = time.monotonic()

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (TIMEOUT_SECONDS - (time.monotonic() - self.began)))


def powertools(table: str, message: str, effect: Effect) -> Delivery:
    """The SQS batch processor with each record idempotent, as the documentation joins them."""
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415  # one peer per process
        BatchProcessor,
        EventType,
        process_partial_response,
    )
    from aws_lambda_powertools.utilities.idempotency import (  # noqa: PLC0415
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )

    config = IdempotencyConfig(event_key_jmespath="messageId")
    processor = BatchProcessor(event_type=EventType.SQS)
    store = DynamoDBPersistenceLayer(table_name=table)

    @idempotent_function(data_keyword_argument="record", config=config, persistence_store=store)
    def handle(record: Any) -> dict[str, str]:
        del record
        effect()
        return {"status": "done"}

    def deliver() -> bool:
        context: Any = Context()
        config.register_lambda_context(context)
        event = {"Records": [{"messageId": message, "body": "{}", "eventSource": "aws:sqs"}]}
        answer = process_partial_response(
            event=event,
            record_handler=lambda record: handle(record=record),
            processor=processor,
            context=context,
        )
        return not answer["batchItemFailures"]

    return deliver


def idemkit(table: str, message: str, effect: Effect) -> Delivery:
    """The queue consumer on its DynamoDB backend."""
    from idemkit.adapters.queue import ConsumerAction  # noqa: PLC0415  # one peer per process
    from idemkit.backends.dynamodb import DynamoBackend  # noqa: PLC0415
    from idemkit.contrib.sqs import sqs_consumer  # noqa: PLC0415

    region = os.environ["AWS_REGION"]
    backend = DynamoBackend(table=table, region_name=region, create_table=False)
    consumer = sqs_consumer(backend=backend, visibility_timeout_seconds=VISIBILITY_SECONDS)
    consumer.handle(lambda received: effect() if received else None)
    attributes = {"ApproximateReceiveCount": "1"}

    def deliver() -> bool:
        received = {"MessageId": message, "Body": "{}", "Attributes": attributes}
        return consumer.dispatch_sync(received).action is ConsumerAction.ACK

    return deliver


PEERS = {"powertools": powertools, "idemkit": idemkit}


def effect_of(request: dict[str, str]) -> Effect:
    """What the user's code does: leaves one line in a file that outlives this process."""

    def effect() -> None:
        if request["behaviour"] == "die":
            os._exit(1)
        if request["behaviour"] == "raise":
            raise ValueError(request["message"])
        with Path(request["effects"]).open("a") as file:
            file.write("effect\n")

    return effect


def main() -> None:
    """Serve the peer that the command line names."""
    make = PEERS[sys.argv[1]]
    # An import before the first delivery: a cold start is not what is measured.
    make("warm", "warm", lambda: None)
    answers = os.fdopen(os.dup(1), "w")
    # What peers print must not be taken for an answer.
    os.dup2(2, 1)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        deliver = make(request["table"], request["message"], effect_of(request))
        began = time.monotonic()
        try:
            acknowledged = deliver()
        except Exception as error:  # noqa: BLE001  # Lambda reports the batch, whatever was raised
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            acknowledged = False
        answer = {"acknowledged": acknowledged, "seconds": time.monotonic() - began}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
