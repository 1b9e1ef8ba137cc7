"""Kinesis Data Streams, by an event source mapping.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import base64

from idempotent_lambda.sources.parsing import find_path
from idempotent_lambda.sources.payload import decode_payload
from idempotent_lambda.sources.source import (
    Content,
    JsonObject,
    MalformedRecordError,
    Source,
    StreamAdapter,
)


class KinesisAdapter(StreamAdapter):
    """Streams of data in any encoding that producers choose."""

    source = Source.KINESIS
    title = "Kinesis"
    id_path = ("kinesis", "sequenceNumber")
    opens_body = True

    def open_record(self, record: JsonObject) -> Content:
        """Return the decoded data, with its place in the stream as the key."""
        data = find_path(record, "kinesis", "data")
        if record.get("eventSource") != Source.KINESIS or not isinstance(data, str):
            raise MalformedRecordError
        try:
            payload = base64.b64decode(data, validate=True)
        except ValueError:
            raise MalformedRecordError from None
        key = [record.get("eventSourceARN"), record.get("eventID")]
        return Content.from_payload(record, decode_payload(payload), default_key=key)


KINESIS = KinesisAdapter()
