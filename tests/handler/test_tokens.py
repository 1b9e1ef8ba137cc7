"""The token that a processor passes to a receiver: one for each operation of each consumer."""

import hashlib
import io
import json
import re
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import Millis
from idempotent_lambda.log import JsonLines
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import settings_of

from .events import (
    bus_event,
    event,
    fifo_order,
    key_rule,
    kinesis_record,
    marked,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
)
from .harness import ConsumerHarness, raising

LONG = "ü" * 1500
"""A key over DynamoDB's limit: its record id has a hash in place of the key."""

LONG_PATH = "folder/" * 140
"""A key of an S3 object, of nearly its longest."""


def wrapped(inner: dict[str, Any]) -> dict[str, Any]:
    """A message of a queue whose body is the event of another service."""
    return event(record(json.dumps(inner)))


ARRIVALS: dict[str, tuple[dict[str, Any], str | None]] = {
    "SQS": (event(order("a")), "body.id"),
    "SQS, by its message id": (event(order("a")), None),
    "SQS, number": (event(order(7)), "body.id"),
    "SQS, several parts": (event(order("a")), "[body.id, attributes.SentTimestamp]"),
    "SQS, unicode": (event(order("Größe 🧾 1")), "body.id"),
    "SQS, decomposed": (event(order("Gro\u0308ße")), "body.id"),
    "SQS, control characters": (event(order("a\r\n\u2028\x00")), "body.id"),
    "SQS, blanks": (event(order(" a ")), "body.id"),
    "SQS, begins as the reserved domain": (event(order("#sha256:a")), "body.id"),
    "SQS, begins as a mark's origin": (event(order("/aws:kinesis/1 a")), "body.id"),
    "SQS, over the limit": (event(order(LONG)), "body.id"),
    "SQS, several parts over the limit": (event(order(LONG)), "[body.id, 'order']"),
    "FIFO": (event(fifo_order("a")), "body.id"),
    "SNS in SQS": (wrapped(notification('{"id": "a"}')), "body.id"),
    "SNS in SQS, by its id": (wrapped(notification('{"id": "a"}')), None),
    "SNS in SQS, over the limit": (wrapped(notification(json.dumps({"id": LONG}))), "body.id"),
    "S3 in SQS, by its id": (wrapped(event(s3_record("ü.json"))), None),
    "S3 in SQS, long": (wrapped(event(s3_record(LONG_PATH))), None),
    "two of S3 in SQS": (wrapped(event(s3_record("a"), s3_record("b"))), None),
    "EventBridge in SQS": (wrapped(bus_event("a")), None),
    "Kinesis": (event(kinesis_record("a")), "body.id"),
    "Kinesis, by its place": (event(kinesis_record("a")), None),
    "Kinesis, over the limit": (event(kinesis_record(LONG)), "body.id"),
    "DynamoDB Streams": (event(stream_record("a")), None),
    "SNS": (event(sns_record('{"id": "Größe"}')), "body.id"),
    "S3": (event(s3_record(LONG_PATH)), None),
    "EventBridge": (bus_event("a"), None),
    "direct": ({"id": "a"}, "body.id"),
}  # fmt: skip
"""An event, and the key expression of its consumer."""


class Always(dict[str, Any]):
    """One behaviour for every key."""

    def __init__(self, behaviour: Any) -> None:
        self._behaviour = behaviour

    def get(self, key: str, default: Any = None) -> Any:
        del key, default
        return self._behaviour


def consumer(key: str | None = "body.id", namespace: str = "orders", **changes: Any) -> Any:
    """A harness of a consumer that takes off every wrapper."""
    harness = ConsumerHarness(**changes)
    settings = settings_of(key_rule(namespace, key), unwrap=UNWRAP_CHOICES, **changes)
    object.__setattr__(harness.consumer, "settings", settings)
    return harness


def deliver(harness: ConsumerHarness, *events: dict[str, Any]) -> list[str]:
    """The tokens of the messages that ran."""
    harness.messages.clear()
    for whole in events:
        harness.consumer.consume(json.loads(json.dumps(whole)), Millis(30_000))
    return [message.idempotency_token for message in harness.messages]


def token_of(whole: dict[str, Any], key: str | None = "body.id", namespace: str = "orders") -> str:
    """The token of the only message of an event."""
    (token,) = deliver(consumer(key, namespace), whole)
    return token


def sha256(text: str) -> str:
    """The hash of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_value() -> None:
    """It is the SHA-256 of the record id, which begins with the namespace."""
    assert token_of(event(order("ORDER-1"))) == sha256("orders#ORDER-1")
    assert token_of(event(order(7))) == sha256("orders##7")
    assert token_of(event(order("Größe"))) == sha256("orders#Größe")
    assert token_of(event(order("Größe"))) == (
        "e891bac4b714393e0f2904f57717c104d4d399af26f8881b37db427f974c9816"
    )


@pytest.mark.parametrize("name", ARRIVALS)
def test_form(name: str) -> None:
    """Whatever the key, it has 64 lower-case hexadecimal digits."""
    whole, key = ARRIVALS[name]
    for token in deliver(consumer(key), whole):
        assert re.fullmatch(r"[0-9a-f]{64}", token)


@pytest.mark.parametrize("name", ARRIVALS)
@pytest.mark.parametrize("namespace", ["orders", "bestellungen-größe"])
def test_a_redriven_copy_has_the_same(name: str, namespace: str) -> None:
    """A parked message whose copy is redriven runs again with the token of its first run."""
    whole, key = ARRIVALS[name]
    harness = consumer(key, namespace)
    never = raising(PermanentFailure("no such account"))
    harness.behaviour = Always(never)
    first = deliver(harness, whole)
    copies = harness.queues.dead_letters
    assert len(copies) == len(first) > 0
    harness.behaviour = {}
    again = [
        event(record(body, message_id=f"again-{number}", **marked(mark)))
        for number, (body, mark) in enumerate(copies)
    ]
    for whole in again:
        whole["Records"][0]["attributes"]["SentTimestamp"] = "1645082649183"
    assert deliver(harness, *again) == first
    assert len({*first}) == len(first)


def test_each_run_has_the_same() -> None:
    """A retry, a redelivery, a takeover after a crash and another process change nothing."""
    harness = consumer()
    harness.behaviour["a"] = raising(ValueError())
    tokens = deliver(harness, event(order("a")), event(order("a")))
    harness.behaviour["a"] = raising(SystemExit())
    tokens += deliver(harness, event(order("a")))
    harness.clock.advance(Millis(600_000))
    late = order("a")
    late["attributes"]["ApproximateReceiveCount"] = "9"
    tokens += deliver(harness, event(late))
    tokens += deliver(consumer(), event(order("a", message_id="m-of-the-producers-retry")))
    assert len(tokens) == 5
    assert {*tokens} == {sha256("orders#a")}


def test_any_wrapper() -> None:
    """The same operation has the same token, however it comes."""
    text = json.dumps({"id": "a"})
    arrivals = [
        event(record(text)),
        wrapped(notification(text)),
        event(sns_record(text)),
        event(kinesis_record("a")),
        event(fifo_order("a")),
        {"id": "a"},
    ]
    assert {token_of(whole) for whole in arrivals} == {sha256("orders#a")}


OTHERS: dict[str, tuple[tuple[Any, str], tuple[Any, str]]] = {
    "two consumers": (("a", "billing"), ("a", "shipping")),
    "two keys": (("a", "billing"), ("b", "billing")),
    "case": (("a", "billing"), ("A", "billing")),
    "text and number": (("1", "billing"), (1, "billing")),
    "true and text": ((True, "billing"), ("true", "billing")),
    "composed and decomposed": (("\u00e9", "billing"), ("e\u0301", "billing")),
    "a namespace that begins another": (("a", "bill"), ("a", "billing")),
    "a part of the key in the namespace": (("b-a", "a"), ("a", "a-b")),
    "over the limit": ((LONG, "billing"), (LONG + "ü", "billing")),
    "over the limit, two consumers": ((LONG, "billing"), (LONG, "shipping")),
}
"""Two operations, each as its key and its namespace."""


@pytest.mark.parametrize("name", OTHERS)
def test_other_operations_have_others(name: str) -> None:
    """Two operations never share a token."""
    tokens = {
        token_of(event(order(key, "m-1")), namespace=namespace) for key, namespace in OTHERS[name]
    }
    assert len(tokens) == 2


def test_a_stray_copy_has_another() -> None:
    """A copy that states the key of another message gets the token of the key in its body."""
    harness = consumer()
    assert deliver(harness, event(order("b", **marked("forged a")))) == [sha256("orders#b")]


def test_hashed_keys_in_the_log_are_the_token() -> None:
    """It does not depend on how the log shows keys; a hashed key in the log leads to its token."""
    shown: dict[bool, str] = {}
    tokens: set[str] = set()
    for hash_keys in (True, False):
        harness, stream = consumer(hash_keys=hash_keys), io.StringIO()
        observer = JsonLines(ManualClock(), hash_keys=hash_keys, stream=stream)
        object.__setattr__(harness.consumer, "observer", observer)
        tokens.update(deliver(harness, event(order("a"))))
        shown[hash_keys] = json.loads(stream.getvalue().splitlines()[0])["key"]
    (token,) = tokens
    assert shown == {True: f"sha256:{token}", False: "a"}


def test_it_does_not_show() -> None:
    """The record id is no part of what a processor prints of its message."""
    harness = consumer()
    deliver(harness, event(order("a")))
    assert "orders#" not in repr(harness.messages)


class TestObserveMode:
    """Where a message without a key runs."""

    @pytest.mark.parametrize("name", ARRIVALS)
    def test_with_a_key(self, name: str) -> None:
        """A message with a key has the token that it has in enforce mode."""
        whole, key = ARRIVALS[name]
        assert deliver(consumer(key, observe_only=True), whole) == deliver(consumer(key), whole)

    @pytest.mark.parametrize(
        "whole",
        [
            event(order("a"), order("b")),
            event(fifo_order("a"), fifo_order("b")),
            wrapped(event(s3_record("a"), s3_record("b"))),
            event(record(json.dumps(notification("a"))), record("no JSON", message_id="m-2")),
            event(kinesis_record("a"), kinesis_record("b", "2")),
            event(
                kinesis_record("a"),
                kinesis_record("a", eventSourceARN="arn:aws:kinesis:eu-west-1:1:stream/other"),
            ),
            event(stream_record("a"), stream_record("b", "2")),
            event(sns_record("a"), sns_record("b", "n-2")),
        ],
    )
    def test_without_a_key(self, whole: dict[str, Any]) -> None:
        """It is the same in each delivery of a message, and not shared with another message."""
        tokens = deliver(consumer("body.nothing", observe_only=True), whole)
        assert len({*tokens}) == 2
        assert deliver(consumer("body.nothing", observe_only=True), whole) == tokens
        others = deliver(consumer("body.nothing", "shipping", observe_only=True), whole)
        assert {*others}.isdisjoint(tokens)

    @pytest.mark.parametrize("whole", [{"n": 1}, event(s3_record("a")), bus_event("a", "")])
    def test_without_a_key_and_an_id(self, whole: dict[str, Any]) -> None:
        """An event that looks like another has a new one in each run: no operation is lost."""
        harness = consumer("body.nothing", observe_only=True)
        tokens = deliver(harness, whole, whole)
        assert len({*tokens}) == 2
        assert len(harness.memory.records) == 2
