"""Any text that a producer may send: what the processor gets of it, and which record it has."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.payload import decode_payload
from tests.handler.events import event, key_rule, kinesis_record, record, sns_record

BYTE_ORDER_MARK = "\ufeff"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(), parts, max_size=4),
    max_leaves=12,
)
PIECES = st.sampled_from([
    *'{}[]":,-+.eE019 \t\r\n\ufeff\u00a0\\', "NaN", "Infinity", "1e400", "null", "true", '"a"',
    '"SubscribeURL"', '"Type"', '{"a":', "[[",
])  # fmt: skip
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(PIECES, max_size=12).map("".join)
    | st.tuples(
        st.sampled_from(["", " ", BYTE_ORDER_MARK, "\n" + BYTE_ORDER_MARK, BYTE_ORDER_MARK + " "]),
        JSON_VALUES.map(json.dumps),
        st.sampled_from(["", "\n", "x", "}"]),
    ).map("".join)
)


def read_json(text: str) -> Any:
    """The object or array that a text is; None for any other text.

    A second reading of the rule: json.loads, and whatever is not JSON shows when it is written.
    """
    try:
        value = json.loads(text.removeprefix(BYTE_ORDER_MARK))
        json.dumps(value, allow_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def deliver(text: str) -> list[Delivery]:
    """A text on several transports."""
    events = (
        event(record(text)),
        event(sns_record(text)),
        event(kinesis_record(text.encode())),
    )
    return [delivery for whole in events for delivery in read_event(whole)]


@given(TEXTS)
@example("12e4")
@example("\ufeff{}")
@example('[1, {"a": 1e400}]')
@example("")
def test_a_text_or_its_json(text: str) -> None:
    """A body is the text itself or the object or array that it is, never anything else."""
    expected = read_json(text)
    for delivery in deliver(text):
        if expected is None:
            assert type(delivery.body) is str
            assert delivery.body == text
            assert delivery.body_problem is not None
        else:
            assert delivery.body_problem is None
            assert json.dumps(delivery.body) == json.dumps(expected)


@given(TEXTS)
def test_only_documents_are_refused(text: str) -> None:
    """A text that does not begin like an object or array is never refused."""
    payload = decode_payload(text)
    begins = text.removeprefix(BYTE_ORDER_MARK).lstrip(" \t\r\n")[:1] in ("{", "[")
    if payload.unreadable:
        assert begins


@given(TEXTS, TEXTS)
@example("123", " 123")
@example("0", "-0")
@example("abc", '"abc"')
@example('["a"]x', '["a"] x')
def test_two_texts_are_two_records(one: str, other: str) -> None:
    """Two different texts that are not documents never share a record with the key ``body``."""
    if not one or not other or one == other:
        return
    if read_json(one) is not None or read_json(other) is not None:
        return
    rule = key_rule(expression="body")
    found = []
    for text in (one, other):
        (delivery,) = read_event(event(record(text)))
        if delivery.unreadable:
            return
        found.append(find_key(rule, delivery).record_id)
    assert found[0] != found[1]


@given(st.binary() | st.binary().map(lambda data: b"\xf3\x89\x9a\xc2" + data))
def test_bytes(data: bytes) -> None:
    """Bytes are text if they are UTF-8 and stay bytes otherwise; an aggregate is refused."""
    (delivery,) = read_event(event(kinesis_record(data)))
    try:
        assert (delivery.body, delivery.unreadable) == decode_payload(data.decode())[::2]
    except UnicodeDecodeError:
        assert delivery.body == data
        assert bool(delivery.unreadable) is data.startswith(b"\xf3\x89\x9a\xc2")
