"""SNS: notifications to a function or in a body.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
"""

from collections.abc import Sequence

from idempotent_lambda.sources.copy_mark import read_attributes
from idempotent_lambda.sources.parsing import find_path
from idempotent_lambda.sources.payload import decode_payload
from idempotent_lambda.sources.source import (
    Content,
    JsonObject,
    MalformedRecordError,
    Source,
    SourceAdapter,
)


class SnsAdapter(SourceAdapter):
    """Notifications of a topic."""

    source = Source.SNS
    title = "SNS"
    id_path = ("Sns", "MessageId")
    messaging_system = "aws.sns"
    opens_body = True
    service = "sns"
    # EventBridge and S3 may send their events to a topic.
    carried_services = frozenset({"events", "s3"})
    marking_fields = frozenset({"Type"})

    def open_record(self, record: JsonObject) -> Content:
        """Return the published message; only SNS writes ``EventSource`` with a capital letter."""
        notification = record.get("Sns")
        if record.get("EventSource") != Source.SNS or not isinstance(notification, dict):
            raise MalformedRecordError
        content = _open_notification(notification)
        return content._replace(fields={**notification, **record})

    def find_destination(self, record: JsonObject) -> str | None:
        """Return the name of the topic."""
        return super().find_destination({"eventSourceARN": find_path(record, "Sns", "TopicArn")})

    def open_body(self, body: JsonObject) -> Sequence[Content] | None:
        """Return the published message if the body is a notification."""
        return (_open_notification(body),) if body.get("Type") == "Notification" else None


def _open_notification(notification: JsonObject) -> Content:
    match notification:
        case {
            "Type": "Notification",
            "TopicArn": str(),
            "MessageId": str(identifier),
            "Message": str(text),
        }:
            payload = decode_payload(text)
            return Content.from_payload(
                notification,
                payload,
                default_key=identifier,
                message_attributes=read_attributes(notification.get("MessageAttributes")),
            )
        case _:
            raise MalformedRecordError("a notification that is not as SNS documents it")


SNS = SnsAdapter()
