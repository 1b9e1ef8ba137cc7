"""DynamoDB Streams, by an event source mapping.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from idempotent_lambda.sources.source import (
    Content,
    JsonObject,
    MalformedRecordError,
    Source,
    StreamAdapter,
)


class DynamoDBStreamsAdapter(StreamAdapter):
    """Streams of the changes to a table."""

    source = Source.DYNAMODB
    title = "DynamoDB Streams"
    id_path = ("dynamodb", "SequenceNumber")

    def open_record(self, record: JsonObject) -> Content:
        """Return the record itself."""
        if record.get("eventSource") != Source.DYNAMODB or not isinstance(
            record.get("dynamodb"), dict
        ):
            raise MalformedRecordError
        return Content(record, body=record, default_key=record.get("eventID"))


DYNAMODB_STREAMS = DynamoDBStreamsAdapter()
