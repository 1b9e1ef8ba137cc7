"""S3: event notifications to a function or in a body.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from collections.abc import Sequence

from idempotent_lambda.sources.parsing import find_path
from idempotent_lambda.sources.source import (
    Content,
    JsonObject,
    MalformedRecordError,
    Source,
    SourceAdapter,
)

_TEST_EVENT_FIELDS = frozenset({"Service", "Event", "Time", "Bucket", "RequestId", "HostId"})


class S3Adapter(SourceAdapter):
    """Event notifications of a bucket."""

    source = Source.S3
    title = "S3"
    service = "s3"
    marking_fields = frozenset({"Event"})

    def open_record(self, record: JsonObject) -> Content:
        """Return the record itself; its key is the version of the object and the kind of event."""
        match record:
            case {
                "eventSource": Source.S3,
                "s3": {"bucket": {"name": bucket}, "object": {"key": name, **details}},
            }:
                pass
            case _:
                raise MalformedRecordError
        # Only events that create or delete an object have a sequencer.
        once = details.get("sequencer") or find_path(record, "responseElements", "x-amz-request-id")
        version = details.get("versionId") or "null"  # S3's own name for the only version
        key = [bucket, name, version, once, record.get("eventName")]
        return Content(record, body=record, default_key=key)

    def open_body(self, body: JsonObject) -> Sequence[Content] | None:
        """Return no message for the test event that S3 sends for a new notification."""
        is_test = (
            body.get("Service") == "Amazon S3"
            and body.get("Event") == "s3:TestEvent"
            and body.keys() <= _TEST_EVENT_FIELDS
        )
        return () if is_test else None


S3 = S3Adapter()
