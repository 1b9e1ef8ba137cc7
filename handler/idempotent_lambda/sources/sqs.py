"""SQS, by an event source mapping.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import base64
from collections.abc import Mapping
from typing import Any

from idempotent_lambda.sources.copy_mark import read_attributes, read_mark
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import is_count
from idempotent_lambda.sources.payload import decode_payload
from idempotent_lambda.sources.response import PartialBatchResponse, name_failures
from idempotent_lambda.sources.source import (
    JsonObject,
    SentAttributes,
    Source,
    SourceAdapter,
    refuse_copy,
)


class SqsAdapter(SourceAdapter):
    """Standard and FIFO queues."""

    source = Source.SQS
    title = "SQS"
    id_path = ("messageId",)
    is_polled = True
    redelivers_by_itself = True
    can_be_postponed = True
    opens_body = True
    has_unwrap_setting = True
    # A copy from SQS looks like the message itself.
    name_in_mark = ""

    def find_group(self, record: JsonObject) -> str | None:
        """Return the queue and the message group on a FIFO queue.

        A standard queue may also have message groups, but without an order.
        """
        arn = record.get("eventSourceARN")
        if not (isinstance(arn, str) and arn.endswith(".fifo")):
            return None
        attributes = record.get("attributes")
        group = attributes.get("MessageGroupId") if isinstance(attributes, dict) else None
        return f"{arn} {group if isinstance(group, str) else ''}"

    def read_record(self, record: JsonObject, identifier: str) -> Delivery:
        """Return the delivery of a message; see the base class."""
        body, problem, unreadable = decode_payload(record.get("body"))
        attributes, producers = record.get("attributes"), record.get("messageAttributes")
        count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, dict) else None
        return Delivery(
            id=identifier,
            adapter=self,
            body=body,
            body_problem=problem,
            unreadable=unreadable,
            receive_count=int(count) if is_count(count) else 1,
            raw=record,
            message_attributes=read_attributes(producers) if producers else {},
            group=self.find_group(record),
            default_key=identifier,
            mark=read_mark(producers) if producers else None,
        )

    def read_attributes(self, record: JsonObject) -> dict[str, str]:
        """Return attributes such as ``SentTimestamp``."""
        attributes = record.get("attributes")
        if not isinstance(attributes, dict):
            return {}
        return {name: value for name, value in attributes.items() if isinstance(value, str)}

    def build_response(self, ids: tuple[str, ...]) -> PartialBatchResponse:
        """Name every failure; all other messages are deleted."""
        return name_failures(ids)

    def copy_body(self, record: JsonObject) -> str:
        """Return the body unchanged."""
        body = record.get("body")
        if not isinstance(body, str):
            raise refuse_copy("the record has no body")
        return body

    def copy_attributes(self, record: JsonObject) -> SentAttributes:
        """Return the message attributes in the form that SendMessage takes."""
        attributes: Any = record.get("messageAttributes") or {}
        try:
            return {name: _copy_attribute(value) for name, value in attributes.items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            text = "the message has attributes that are not as SQS documents them"
            raise ValueError(text) from None

    def find_message_group(self, group: str | None) -> str:
        """Return the part of the group after the queue's ARN."""
        return (group or "").rpartition(" ")[2]


def _copy_attribute(attribute: Mapping[str, Any]) -> dict[str, object]:
    binary = attribute.get("binaryValue")
    if binary is None:
        return {"DataType": attribute["dataType"], "StringValue": attribute.get("stringValue")}
    return {"DataType": attribute["dataType"], "BinaryValue": base64.b64decode(binary)}


SQS = SqsAdapter()
