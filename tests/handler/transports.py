"""The transports that carry a producer's payload to a consumer, and a harness that logs."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import BatchFailedError, PermanentFailure
from idempotent_lambda.log import JsonLines
from idempotent_lambda.sources.message import Message

from .events import (
    FIFO_ARN,
    bus_event,
    event,
    kinesis_record,
    marked,
    notification,
    record,
    sns_record,
)
from .harness import ConsumerHarness

_BODY = re.compile(r"\bbody\b")


@contextmanager
def name_failures(name: str) -> Iterator[None]:
    """Add to a failure which of several transports, or forms, it is about."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"with {name}")
        raise


class Transport(NamedTuple):
    """A way from the producer to the function.

    Attributes:
        carry: makes the event of a payload; the second argument is the number of the message.
        unwrap: services that the setting must name.
        takes_bytes: the payload may be bytes.
        is_decoded: Lambda decodes the document, so only documents are carried.
        has_detail: the document is the detail of the event.
    """

    carry: Callable[[Any, int], dict[str, Any]]
    unwrap: tuple[str, ...] = ()
    takes_bytes: bool = False
    is_decoded: bool = False
    has_detail: bool = False

    def adapt_key(self, key: str | None) -> str | None:
        """The key expression for a document that this transport puts somewhere else."""
        return _BODY.sub("body.detail", key) if key and self.has_detail else key

    def find_body(self, message: Message) -> Any:
        """What the producer sent, in the message that a processor gets."""
        return message.body["detail"] if self.has_detail else message.body


def _carry_fifo(text: str, number: int) -> dict[str, Any]:
    places = {"MessageGroupId": "g", "MessageDeduplicationId": f"d-{number}"}
    plain = record(text, message_id=f"m-{number}", eventSourceARN=FIFO_ARN)
    return event(plain | {"attributes": plain["attributes"] | places})


def _carry_raw(text: str, number: int) -> dict[str, Any]:
    attributes = {"tenant": {"stringValue": "acme", "dataType": "String"}}
    plain = record(text, message_id=f"m-{number}", messageAttributes=attributes)
    sender = {"SenderId": "AIDAIT2UOQQY3AUEKVGXU"}
    return event(plain | {"attributes": plain["attributes"] | sender})


def _carry_kinesis(payload: str | bytes, number: int) -> dict[str, Any]:
    data = payload.encode() if isinstance(payload, str) else payload
    return event(kinesis_record(data, str(number)))


def _carry_pipes(payload: str | bytes, number: int) -> dict[str, Any]:
    """A pipe puts the fields of ``kinesis`` at the top level of the record."""
    (whole,) = _carry_kinesis(payload, number)["Records"]
    body = {**whole, **whole.pop("kinesis")}
    del body["kinesis"]
    return event(record(json.dumps(body), message_id=f"m-{number}"))


def _decode(text: str) -> Any:
    """What Lambda's runtime hands to the function."""
    return json.loads(text.removeprefix("\ufeff"))


TRANSPORTS = {
    "SQS standard": Transport(
        lambda text, number: event(record(text, message_id=f"m-{number}")),
    ),
    "SQS FIFO": Transport(_carry_fifo),
    "SNS to SQS": Transport(
        lambda text, number: event(
            record(json.dumps(notification(text, f"n-{number}")), message_id=f"m-{number}")
        ),
        unwrap=("sns",),
    ),
    "SNS to SQS, raw": Transport(_carry_raw),
    "SNS straight": Transport(lambda text, number: event(sns_record(text, f"n-{number}"))),
    "Kinesis": Transport(_carry_kinesis, takes_bytes=True),
    "Kinesis to SQS, by a pipe": Transport(_carry_pipes, unwrap=("pipes",), takes_bytes=True),
    "EventBridge straight": Transport(
        lambda text, number: bus_event(0, f"b-{number}", detail=_decode(text)),
        is_decoded=True,
        has_detail=True,
    ),
    "EventBridge to SQS": Transport(
        lambda text, number: event(
            record(
                json.dumps(bus_event(0, f"b-{number}")).replace('{"id": 0}', text.strip("\ufeff")),
                message_id=f"m-{number}",
            )
        ),
        unwrap=("events",),
        has_detail=True,
    ),
    "direct": Transport(lambda text, _: _decode(text), is_decoded=True),
}


def decode_data(case: dict[str, Any]) -> str | bytes:
    """The payload of a case."""
    text: str | None = case.get("text")
    return base64.b64decode(case["data"]) if text is None else text


class LoggingHarness(ConsumerHarness):
    """A harness whose consumer writes the real log.

    Attributes:
        sets_aside: whether the processor sets every message aside.
        lines: the log lines of the messages.
    """

    def __init__(
        self, *, key: str | None, unwrap: tuple[str, ...], observe_only: bool = False
    ) -> None:
        super().__init__(key=key, unwrap=unwrap, observe_only=observe_only)
        self.sets_aside = False
        self._stream = io.StringIO()
        observer = JsonLines(self.clock, hash_keys=False, stream=self._stream)
        object.__setattr__(self.consumer, "observer", observer)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line of the log."""
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    def process(self, message: Message, **more: Any) -> Any:
        """Keep the message, or set it aside."""
        if self.sets_aside:
            raise PermanentFailure("on purpose")
        return super().process(message, **more)

    def invoke(self, whole: dict[str, Any]) -> bool:
        """Deliver an event with one message; whether it is acknowledged."""
        try:
            response: Any = self.consumer.consume(whole, Millis(30_000))
        except BatchFailedError:
            return False
        return response is None or response == {"batchItemFailures": []}

    def redrive(self) -> dict[str, Any]:
        """The event with the copy of the message that was set aside last."""
        body, mark = self.queues.dead_letters[-1]
        return event(record(body, message_id="copy", **marked(mark)))
