"""Powertools: the SQS batch processor with idempotent records, combined as in its documentation.

https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from benchmarks.function import Context, process


def make(table: str) -> Callable[[Any], Any]:
    """Make the handler, with the default client and settings."""
    config = IdempotencyConfig(event_key_jmespath="messageId")
    processor = BatchProcessor(event_type=EventType.SQS)
    store = DynamoDBPersistenceLayer(table_name=table)

    def process_record(record: Any) -> None:
        process(record)

    once = idempotent_function(
        process_record, data_keyword_argument="record", config=config, persistence_store=store
    )

    def handler(event: Any) -> Any:
        context: Any = Context()
        config.register_lambda_context(context)
        return process_partial_response(
            event=event,
            record_handler=lambda record: once(record=record),
            processor=processor,
            context=context,
        )

    return handler
