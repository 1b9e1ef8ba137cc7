"""SQS, by an event source mapping.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import base64
import re
from typing import Any

from idempotent_lambda.sources.copy_mark import read_attributes, read_mark
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.parsing import find_path, is_count
from idempotent_lambda.sources.payload import decode_payload
from idempotent_lambda.sources.response import PartialBatchResponse, name_failures
from idempotent_lambda.sources.source import (
    JsonObject,
    Source,
    SourceAdapter,
    refuse_copy,
)

_CHARACTERS = r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+"
_ATTRIBUTE_TEXT = re.compile(_CHARACTERS)
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_DATA_TYPE = re.compile(rf"(?=.{{1,256}}\Z)(Binary|Number|String)(\.{_CHARACTERS})?", re.DOTALL)
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""

_GROUP = re.compile(r"[!-~]{1,128}")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

_TRACE_HEADER = re.compile(r"(?=.*Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24})[ -~]{1,512}")
"""https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

No page gives a limit. A header with every documented field has about 150 characters.
"""


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
        return f"{arn} {self.read_attributes(record).get('MessageGroupId', '')}"

    def read_record(self, record: JsonObject, identifier: str) -> Delivery:
        """Return the delivery of a message; see the base class."""
        body, problem, unreadable = decode_payload(record.get("body"))
        producers = record.get("messageAttributes")
        count = find_path(record, "attributes", "ApproximateReceiveCount")
        return Delivery(
            id=identifier,
            adapter=self,
            body=body,
            body_problem=problem,
            unreadable=unreadable,
            receive_count=int(count) if is_count(count) else 1,
            raw=record,
            message_attributes=read_attributes(producers),
            group=self.find_group(record),
            default_key=identifier,
            mark=read_mark(producers),
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

    def build_copy(self, record: JsonObject) -> dict[str, Any]:
        """Return the body unchanged, with the attributes, the group and the trace header.

        The group is one of a FIFO queue, or of a standard queue, where it is for fairness.
        """
        body, attributes = record.get("body"), record.get("messageAttributes")
        if not isinstance(body, str):
            raise refuse_copy("the record has no body")
        copies = {
            name: copied
            for name, attribute in (attributes.items() if isinstance(attributes, dict) else ())
            if _ATTRIBUTE_NAME.fullmatch(name) and (copied := _copy_attribute(attribute))
        }
        copy: dict[str, Any] = {"MessageBody": body, "MessageAttributes": copies}
        system = self.read_attributes(record)
        if _GROUP.fullmatch(group := system.get("MessageGroupId", "")):
            copy["MessageGroupId"] = group
        if _TRACE_HEADER.fullmatch(header := system.get("AWSTraceHeader", "")):
            trace = {"DataType": "String", "StringValue": header}
            copy["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
        return copy


def _copy_attribute(attribute: object) -> dict[str, object] | None:
    """Return an attribute for SendMessage; None if SQS would refuse it."""
    kind = find_path(attribute, "dataType")
    if not (isinstance(kind, str) and _DATA_TYPE.fullmatch(kind)):
        return None
    if kind.startswith("Binary"):
        binary = _decode_base64(find_path(attribute, "binaryValue"))
        return {"DataType": kind, "BinaryValue": binary} if binary else None
    text = find_path(attribute, "stringValue")
    if not (isinstance(text, str) and _ATTRIBUTE_TEXT.fullmatch(text)):
        return None
    return {"DataType": kind, "StringValue": text}


def _decode_base64(value: object) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        return b""


SQS = SqsAdapter()
