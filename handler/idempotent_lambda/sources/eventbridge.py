"""EventBridge: events to a function or in a body.

https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
"""

from collections.abc import Sequence

from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.payload import check_event
from idempotent_lambda.sources.source import (
    WHOLE_EVENT,
    Content,
    JsonObject,
    Source,
    SourceAdapter,
)


class EventBridgeAdapter(SourceAdapter):
    """Events of a bus; each event is one invocation."""

    source = Source.EVENTBRIDGE
    title = "EventBridge"
    has_records = False
    service = "events"
    marking_fields = frozenset({"detail-type"})

    def is_event(self, event: JsonObject) -> bool:
        """Whether the event has a detail type."""
        return "detail-type" in event and "eventSource" not in event

    def find_id(self, record: JsonObject) -> str:
        """Return the id of the event."""
        return _find_event_id(record) or WHOLE_EVENT

    def read_record(self, record: JsonObject, identifier: str) -> Delivery:
        """Return the delivery of the whole event."""
        return Delivery(
            id=identifier,
            adapter=self,
            body=record,
            unreadable=check_event(record),
            raw=record,
            wrapped=record,
            default_key=_find_event_id(record),
        )

    def open_body(self, body: JsonObject) -> Sequence[Content] | None:
        """Return the body itself if it is an event of a bus."""
        match body:
            case {"detail-type": str(), "source": str(), "id": str(identifier), "detail": _}:
                return (Content(body, body, default_key=identifier),)
            case _:
                return None


def _find_event_id(event: JsonObject) -> str | None:
    identifier = event.get("id")
    return identifier if isinstance(identifier, str) and identifier else None


EVENTBRIDGE = EventBridgeAdapter()
