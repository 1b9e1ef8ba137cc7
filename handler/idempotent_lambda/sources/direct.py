"""Invocations with any JSON object, and calls of decorated functions."""

from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.payload import check_event
from idempotent_lambda.sources.source import JsonObject, Source, SourceAdapter


class DirectAdapter(SourceAdapter):
    """Invocations by any other caller; the event is the body.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
    """

    source = Source.DIRECT
    title = "with a JSON object"
    messaging_system = None
    has_records = False
    opens_body = True

    def is_event(self, event: JsonObject) -> bool:
        """Whether the event is not from an event source mapping.

        The batches of Kafka, MQ and DocumentDB name their source here. A caller may use the same
        name for a field.
        """
        name = event.get("eventSource")
        return not (isinstance(name, str) and name.startswith(("aws:", "SelfManaged")))

    def read_record(self, record: JsonObject, identifier: str) -> Delivery:
        """Return the delivery of the whole event."""
        problem = check_event(record)
        return Delivery(id=identifier, adapter=self, body=record, unreadable=problem, raw=record)


DIRECT = DirectAdapter()


def build_call_delivery(name: str) -> Delivery:
    """Return the delivery that represents a call of a decorated function in the log."""
    return Delivery(id=name, adapter=DIRECT, body=None, raw={})
