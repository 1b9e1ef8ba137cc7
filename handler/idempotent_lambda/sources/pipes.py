"""EventBridge Pipes, which put the record of a stream into a queue unchanged.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-source.html
"""

from collections.abc import Sequence

from idempotent_lambda.sources import dynamodb_streams, kinesis
from idempotent_lambda.sources.source import Content, JsonObject, Wrapper


class PipesWrapper(Wrapper):
    """Records in a body without a list around them."""

    service = "pipes"
    marking_fields = frozenset({"eventSource"})

    def open_body(self, body: JsonObject) -> Sequence[Content] | None:
        """Return the message of a record of Kinesis or DynamoDB Streams."""
        if "Records" in body:
            return None
        name = body.get("eventSource")
        if name == kinesis.KINESIS.source and "data" in body:
            # A pipe puts the fields of the object ``kinesis`` at the top level of the record.
            return (kinesis.KINESIS.open_record({**body, "kinesis": body}),)
        if name == dynamodb_streams.DYNAMODB_STREAMS.source:
            return (dynamodb_streams.DYNAMODB_STREAMS.open_record(body),)
        return None


PIPES = PipesWrapper()
