"""Styles with Powertools for AWS Lambda."""

import asyncio

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    BatchProcessor,
    EventType,
    async_process_partial_response,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.parser import BaseModel, parse

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import events
from tests.toolkit.styles import Style

from . import BODY, KEY, ORDER, OTHER

logger = Logger(service="orders")
queued = BatchProcessor(event_type=EventType.SQS)
queued_together = AsyncBatchProcessor(event_type=EventType.SQS)
streamed = BatchProcessor(event_type=EventType.KinesisDataStreams)


class Order(BaseModel):
    order_id: str
    amount_cents: int


def charge(order):
    """A placeholder for a call to the payment provider."""


@idempotent(name="charge_order", key="order.order_id", lease_seconds=60)
def charge_order(order):
    charge(order)
    return order["order_id"]


async def charge_async(order):
    """A placeholder for a call to the payment provider."""
    await asyncio.sleep(0)


@idempotent(name="charge_later", key="order.order_id", lease_seconds=60)
async def charge_later(order):
    await charge_async(order)
    return order["order_id"]


def handle_queued(record: SQSRecord):
    return charge_order(record.json_body)


def handle_streamed(record: KinesisStreamRecord):
    return charge_order(record.kinesis.data_as_json())


@logger.inject_lambda_context
def process_a_batch(event, context):
    return process_partial_response(
        event=event, record_handler=handle_queued, processor=queued, context=context
    )


async def handle_together(record: SQSRecord):
    return await charge_later(record.json_body)


def process_a_batch_together(event, context):
    return async_process_partial_response(
        event=event, record_handler=handle_together, processor=queued_together, context=context
    )


def process_a_stream(event, context):
    return process_partial_response(
        event=event, record_handler=handle_streamed, processor=streamed, context=context
    )


@event_source(data_class=EventBridgeEvent)
def read_a_data_class(event: EventBridgeEvent, context):
    logger.info("charging", extra={"source": event.source})
    return {"charged": charge_order(event.detail)}


def parse_the_body(message):
    order = parse(event=message.body, model=Order)
    charge(order.model_dump())


CHARGES = {"charge": {}}
STYLES = {
    "process a batch": Style(handler=process_a_batch, event=ORDER, effects=CHARGES),
    "process a batch together": Style(
        handler=process_a_batch_together, event=ORDER, effects={"charge_async": {}}
    ),
    "process a stream": Style(
        handler=process_a_stream, event=events.kinesis(BODY, OTHER), effects=CHARGES
    ),
    "read a data class": Style(
        handler=read_a_data_class, event=events.eventbridge(BODY), effects=CHARGES
    ),
    "parse the body": Style(handler=parse_the_body, event=ORDER, effects=CHARGES, options=KEY),
}
