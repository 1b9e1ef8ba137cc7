"""From delivery to key and record id: injective, or an error that says what to do."""

import json
from enum import Enum, IntEnum
from typing import Any

import pytest

from idempotent_lambda.errors import (
    MessageError,
    MissingKeyError,
    UndecodableBodyError,
    UnreadableRecordError,
    UnsupportedKeyError,
)
from idempotent_lambda.keys import Key, KeyRule, record_id
from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.sources.event import read_event

from .events import (
    STREAM_ARN,
    bus_event,
    event,
    fifo_order,
    key_rule,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
    unwrapped,
)
from .harness import ConsumerHarness


def key(expression: str, body: Any, **changes: Any) -> Key:
    """The key of a message with this body: text as it is, anything else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    (delivery,) = read_event(event(record(text, **changes)))
    return find_key(key_rule(expression=expression), delivery)


UPLOAD = ["orders", "orders/a.json", "null", "0A", "ObjectCreated:Put"]


def default_key(whole: Any) -> Key:
    """The key of an event's only message, without an expression."""
    (delivery,) = unwrapped(whole)
    return find_key(key_rule(), delivery)


def versioned(version: str | None) -> dict[str, Any]:
    """An upload to a bucket with, or suspended, versions."""
    whole: dict[str, Any] = s3_record()
    whole["s3"]["object"]["versionId"] = version
    return whole


class TestPreset:
    """Without an expression the key is what every repetition of the event shares."""

    @pytest.mark.parametrize(
        ("whole", "value"),
        [
            (event(record("no JSON", message_id="3d7b-1")), "3d7b-1"),
            (event(fifo_order("a")), "m-a"),
            (event(record(json.dumps(notification("x", "n-7")))), "n-7"),
            (event(sns_record("x", "n-7")), "n-7"),
            (event(record(json.dumps(bus_event("a", "b-7")))), "b-7"),
            (bus_event("a", "b-7"), "b-7"),
            (event(record(json.dumps(event(s3_record())))), UPLOAD),
            (event(s3_record()), UPLOAD),
            (event(versioned("v7")), [*UPLOAD[:2], "v7", *UPLOAD[3:]]),
            (event(versioned(None)), UPLOAD),
            (event(s3_record(sequencer=None)), [*UPLOAD[:3], "R1", UPLOAD[4]]),
            (event(kinesis_record("a", "9")), [STREAM_ARN, "shardId-000000000000:9"]),
            (event(stream_record("a", "9")), "e-9"),
        ],
    )
    def test_sources(self, whole: Any, value: Any) -> None:
        """Each source has its own default key, and a body does not need to be JSON."""
        assert default_key(whole).record_id == record_id("orders", value)

    def test_a_new_delivery_of_the_same_thing(self) -> None:
        """A notification that SNS sends to the queue again is a new message with the same key."""
        body = json.dumps(notification("x"))
        assert default_key(event(record(body))) == default_key(
            event(record(body, message_id="m-2"))
        )

    @pytest.mark.parametrize(
        "other",
        [
            s3_record("orders/b.json"),
            s3_record(sequencer="0B"),
            s3_record(eventName="ObjectRemoved:Delete"),
            s3_record(sequencer=None, responseElements={"x-amz-request-id": "0B"}),
            versioned("v1"),
        ],
    )
    def test_different_uploads(self, other: dict[str, Any]) -> None:
        """Two events of a bucket that differ in object, version, time or kind have two keys."""
        assert default_key(event(s3_record())) != default_key(event(other))

    def test_one_stream_beside_another(self) -> None:
        """Kinesis counts in each stream, so the same number in another one is another key."""
        arn = f"{STREAM_ARN}-2"
        assert default_key(event(kinesis_record("a"))) != default_key(
            event(kinesis_record("a", eventSourceARN=arn))
        )

    @pytest.mark.parametrize(
        "whole",
        [
            {"order_id": "o-1"},
            {},
            {"id": "o-1"},
            event(kinesis_record("a", eventID=None)),
            event(s3_record(sequencer=None, responseElements={})),
            {"detail-type": "x", "detail": {}},
        ],
    )
    def test_none(self, whole: Any) -> None:
        """An event without an id that its repetitions share is an error that asks for a key."""
        with pytest.raises(MissingKeyError) as caught:
            default_key(whole)
        assert str(caught.value) == (
            "this event has no id that its repetitions share: set idempotency.key (a field of a "
            "JSON body is body.name)"
        )
        assert caught.value.expression is None

    @pytest.mark.parametrize(
        "whole",
        [
            event(order("o-1")),
            event(fifo_order("o-1")),
            event(record(json.dumps(notification('{"id": "o-1"}')))),
            event(sns_record('{"id": "o-1"}')),
            event(kinesis_record("o-1")),
            {"id": "o-1"},
        ],
    )
    def test_an_expression_comes_first(self, whole: Any) -> None:
        """One expression over the body has the same key from every source."""
        (delivery,) = unwrapped(whole)
        assert find_key(key_rule(expression="body.id"), delivery) == Key("o-1", "orders#o-1")

    @pytest.mark.parametrize(
        "whole", [bus_event("o-1"), event(record(json.dumps(bus_event("o-1"))))]
    )
    def test_an_expression_over_the_bus(self, whole: Any) -> None:
        """The body of an EventBridge event is all of it, on both ways."""
        (delivery,) = unwrapped(whole)
        assert find_key(key_rule(expression="body.detail.id"), delivery).text == "o-1"


MISSING = [None, "", [], {}, {"a": 1}, ["a", None], ["a", ""], ["a", []], ["a", ["b"]], ["a", {}]]


class Plan(str, Enum):  # noqa: UP042  # formats as its name, unlike its value
    """A text with a name."""

    MONTHLY = "monthly"


class Rank(IntEnum):
    """A number with a name."""

    FIRST = 1


class TestValues:
    """Keys that are given, or found in arguments of a function."""

    def test_arguments(self) -> None:
        """An expression finds the key in a function's arguments."""
        rule = key_rule("orders", "event.order.id")
        assert rule.for_document({"event": {"order": {"id": 7}}, "n": object()}) == Key(
            "7", "orders##7"
        )

    def test_nothing_in_arguments(self) -> None:
        """Arguments without it have no key."""
        with pytest.raises(MissingKeyError, match=r"'event\.id' finds nothing"):
            key_rule("orders", "event.id").for_document({"event": {}})

    @pytest.mark.parametrize(
        ("value", "whole"),
        [
            ("a", "orders#a"),
            (7, "orders##7"),
            (["a", 7], 'orders##["a",7]'),
            (Plan.MONTHLY, "orders#monthly"),
            ([Plan.MONTHLY], 'orders##["monthly"]'),
            (Rank.FIRST, "orders##1"),
        ],
    )
    def test_given(self, value: Any, whole: str) -> None:
        """A value makes the key that a message with this value would have, name or no name."""
        assert KeyRule("orders", "the function").for_value(value).record_id == whole

    @pytest.mark.parametrize("value", MISSING)
    def test_missing(self, value: object) -> None:
        """A value that is not a key in a message is not a key here either."""
        with pytest.raises(MissingKeyError, match="'the function' finds"):
            KeyRule("orders", "the function").for_value(value)

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (1.0, "a number that is not whole"),
            (b"a", "a value of type bytes"),
            (("a", 1), "a value of type tuple"),
            ({"a"}, "a value of type set"),
            (["a", b"b"], "a value of type bytes"),
            (object(), "a value of type object"),
            (float("nan"), "a number that is not whole"),
        ],
    )
    def test_unsupported(self, value: object, found: str) -> None:
        """Anything else in Python is refused by its type, without its value."""
        with pytest.raises(UnsupportedKeyError, match=f"the key holds {found}: send it as text"):
            KeyRule("orders", "the function").for_value(value)

    @pytest.mark.parametrize("expression", ["body", "[body, eventID]", "length(body)", "body.id"])
    def test_bytes(self, expression: str) -> None:
        """Kinesis data that is not text is not a key, and rejects its message alone."""
        (delivery,) = read_event(event(kinesis_record(b"\xff\xfe")))
        with pytest.raises(MessageError):
            find_key(key_rule(expression=expression), delivery)


class TestFound:
    """The key that an expression finds."""

    def test_message_id(self) -> None:
        """The key may be the id of the message."""
        found = key("messageId", "no JSON", message_id="3d7b-1")
        assert found == Key("3d7b-1", "orders#3d7b-1")

    def test_body(self) -> None:
        """The body is decoded, so that an expression reaches into it."""
        assert key("body.order.id", {"order": {"id": "7"}}) == Key("7", "orders#7")

    def test_attributes(self) -> None:
        """Message attributes are in reach, in the record's own shape, with any body."""
        attributes = {"trace": {"stringValue": "t-1", "dataType": "String"}}
        found = key("messageAttributes.trace.stringValue", "x", messageAttributes=attributes)
        assert found.record_id == "orders#t-1"

    def test_system_attributes(self) -> None:
        """So are the attributes of SQS."""
        assert key("attributes.SenderId", {}).text == "AIDAIENQZJOLO23YVJ4VO"

    def test_composite(self) -> None:
        """Several parts make one key."""
        found = key("[body.tenant, body.id]", {"tenant": "acme", "id": 7})
        assert found == Key('["acme",7]', 'orders##["acme",7]')

    @pytest.mark.parametrize(("value", "text"), [(0, "0"), (False, "false")])
    def test_false_and_zero_are_values(self, value: object, text: str) -> None:
        """Zero and false are keys like any other, not missing ones."""
        assert key("body.id", {"id": value}).text == text

    def test_body_of_text(self) -> None:
        """A body that is not JSON is text, and may be the key itself."""
        assert key("body", "order 7") == Key("order 7", "orders#order 7")


class TestMissing:
    """No key, no effect."""

    @pytest.mark.parametrize("value", MISSING)
    def test_missing(self, value: object) -> None:
        """Null, an empty text, an object, or an array with such a part is not a key."""
        with pytest.raises(MissingKeyError, match=r"'body\.id'"):
            key("body.id", {"id": value})

    @pytest.mark.parametrize("body", [{}, [], {"ID": 1}])
    def test_not_there(self, body: object) -> None:
        """A body without the place the expression names has no key."""
        with pytest.raises(MissingKeyError, match="finds nothing"):
            key("body.id", body)

    @pytest.mark.parametrize("body", [{"a": "x"}, {"b": "x"}, {}])
    def test_part_of_a_composite(self, body: object) -> None:
        """A composite needs every part."""
        with pytest.raises(MissingKeyError, match="part that is not a key"):
            key("[body.a, body.b]", body)

    @pytest.mark.parametrize(
        "body", ["", "{", "plain", "{'id': 1}", "\ufeffplain", "null", "7", '"text"']
    )
    def test_body_is_not_json(self, body: str) -> None:
        """If the key needs a field of the body and the body is a text, the error says so."""
        with pytest.raises(UndecodableBodyError, match=r"because the body is an? (empty )?text"):
            key("body.id", body)

    @pytest.mark.parametrize(
        "expression", ["message_attributes.OrderId", "attributes.SenderID", "wrapped.somebody"]
    )
    def test_body_is_not_asked_for(self, expression: str) -> None:
        """A plain body is not blamed for what an expression seeks elsewhere."""
        with pytest.raises(MissingKeyError, match=r"finds nothing.*; every message"):
            key(expression, "plain")

    def test_nesting_that_cannot_be_decoded(self) -> None:
        """A body nested too deep to read is refused, and nothing worse happens."""
        with pytest.raises(UnreadableRecordError, match="more levels"):
            key("body.id", "[" * 100_000)

    def test_number_too_long_to_read(self) -> None:
        """A number of 5,000 digits is refused by Python, and so is its message."""
        with pytest.raises(UnreadableRecordError, match=r"9{40}\.\.\. at body\.id"):
            key("body.id", '{"id": ' + "9" * 5000 + "}")

    @pytest.mark.parametrize(
        ("expression", "body"),
        [
            ("length(body.id)", {}),
            ("join('-', [body.a, body.b])", {"a": "x"}),
            ("contains(body.text, body.number)", {"text": "abc", "number": 1}),
            ("floor(to_number(body.n))", {"n": "nan"}),
            ("ceil(to_number(body.n))", {"n": "inf"}),
            ("abs(to_number(body.n))", {"n": "nan"}),
        ],
    )
    def test_function_that_cannot_take_the_value(self, expression: str, body: object) -> None:
        """A value that a JMESPath function chokes on rejects its message, not the batch."""
        with pytest.raises(MessageError):
            key(expression, body)


class TestUnsupported:
    """Found, but not fit to be a key."""

    @pytest.mark.parametrize(
        "value", ["\ud800", "ab\udfff", ["x", "\ud800"], "x" * 3000 + "\ud800"]
    )
    def test_lone_surrogate(self, value: object) -> None:
        """A lone surrogate is not text, so it is refused and never replaced."""
        with pytest.raises(UnsupportedKeyError, match="lone surrogate"):
            key("body.id", {"id": value})

    def test_pair_of_surrogates_is_text(self) -> None:
        """An escaped pair of surrogates is one character."""
        assert key("body.id", '{"id": "\\ud83d\\ude00"}').record_id == "orders#😀"

    def test_infinite(self) -> None:
        """A number beyond a double is refused wherever it is in a body."""
        with pytest.raises(UnreadableRecordError, match=r"1e999 at body\.id"):
            key("body.id", '{"id": 1e999}')


SECRET = "4111-1111-1111-1111"


@pytest.mark.parametrize(
    ("expression", "body"),
    [
        ("body.id", {"card": SECRET}),
        ("body", {"card": SECRET}),
        ("[body.card, body.id]", {"card": SECRET}),
        ("body.id", f'{{"card": "{SECRET}", '),
        ("body.id", SECRET),
        ("body.id", {"id": SECRET + "\ud800"}),
        ("length(body.none)", {"card": SECRET}),
        ("abs(body.card)", {"card": SECRET}),
    ],
)
def test_errors_never_quote_the_body(expression: str, body: object) -> None:
    """The error of a message without a usable key shows no value of its body."""
    with pytest.raises(MessageError) as caught:
        key(expression, body)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_errors_name_input_rule_and_remedy() -> None:
    """A missing key names the expression, the rule and what to correct."""
    with pytest.raises(MissingKeyError) as caught:
        key("body.order_id", {})
    assert str(caught.value) == (
        "key expression 'body.order_id' finds nothing (the body is an object); every message needs "
        "a non-empty text, a whole number, true or false, or an array of these: correct the "
        "producer or the expression, idempotency.key (a field of a JSON body is body.name, a field "
        "of its wrapper is wrapped.name)"
    )
    assert caught.value.expression == "body.order_id"


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("sns", notification('{"id": "a"}')),
        ("events", bus_event("a")),
        ("s3", event(s3_record())),
        ("pipes", stream_record("a")),
    ],
)
def test_a_wrapped_body_is_named(service: str, body: Any) -> None:
    """Where a wrapper would come off by a setting, the error names the setting."""
    with pytest.raises(MissingKeyError) as caught:
        key("body.order_id", body)
    assert f'queue.unwrap = ["{service}"]' in str(caught.value)


def test_a_missing_body_is_not_blamed_on_the_key() -> None:
    """The key of a message is its id, whether or not it has a body."""
    broken = order("a")
    del broken["body"]
    (delivery,) = read_event(event(broken))
    assert find_key(key_rule(expression="messageId"), delivery).text == "m-a"


def test_a_missing_body_is_named() -> None:
    """A record without a body is said to have none, if its key should be there."""
    broken = order("a")
    del broken["body"]
    (delivery,) = read_event(event(broken))
    with pytest.raises(UndecodableBodyError, match="because the body is missing"):
        find_key(key_rule(expression="body.id"), delivery)


class TestCompile:
    """Rules that can never find a key are refused when the function starts."""

    @pytest.mark.parametrize("namespace", ["", "a#b", "#", "x" * 256, "é" * 128])
    def test_namespace(self, namespace: str) -> None:
        """A namespace is 1 to 255 bytes of text without the separator."""
        with pytest.raises(ValueError, match="1 to 255 bytes of text without '#'"):
            key_rule(namespace)

    @pytest.mark.parametrize("namespace", ["x", "x" * 255, "é" * 127, "orders/v1"])
    def test_namespace_within_limits(self, namespace: str) -> None:
        """Anything else is a namespace."""
        rule = key_rule(namespace)
        assert rule.namespace == namespace

    @pytest.mark.parametrize(
        "expression", ["", " ", "[", "a b", "body.order-id", "body.", "'", "`"]
    )
    def test_syntax(self, expression: str) -> None:
        """An invalid JMESPath expression is refused, and the error quotes it."""
        with pytest.raises(ValueError, match="not a JMESPath expression") as caught:
            key_rule(expression=expression)
        assert repr(expression) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "expression", ["'body.id'", "`7`", "body.id || 'none'", "to_string(body.id)"]
    )
    def test_expressions_that_find_a_key_in_nothing(self, expression: str) -> None:
        """A constant would be the key of every message without one, and swallow all but one."""
        with pytest.raises(ValueError, match=r"JMESPath|constant|without"):
            key_rule(expression=expression)

    @pytest.mark.parametrize("expression", ["nosuch(body)", "length()", "&body.id"])
    def test_expressions_that_never_find_a_key(self, expression: str) -> None:
        """An unknown function or a bare reference fails at cold start, not at every message."""
        with pytest.raises(ValueError, match="JMESPath"):
            key_rule(expression=expression)


def test_number_beyond_what_python_writes() -> None:
    """A number of more digits than Python turns into text has no key, and costs no neighbour."""
    harness = ConsumerHarness(key="sum(body.xs)")
    digits = int("9" * 4300)
    wide = record(json.dumps({"xs": [digits, digits]}), message_id="m-wide")
    plain = record(json.dumps({"xs": [1, 2]}), message_id="m-plain")
    assert harness.deliver(wide, plain) == ["m-wide"]
    assert harness.outcomes == {"m-wide": "rejected", "m-plain": "completed"}
    (error,) = harness.histories["m-wide"].errors
    assert isinstance(error, UnsupportedKeyError)
    assert "key expression 'sum(body.xs)'" in str(error)
