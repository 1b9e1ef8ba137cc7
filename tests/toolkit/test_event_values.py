"""What producers send arrives as Lambda delivers it, and what a source cannot carry is refused."""

import base64
import json
import math
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from boto3.dynamodb.types import Binary, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from idempotent_lambda_toolkit.testing import events
from tests.handler.events import unwrapped

NUMBERS = {"price": Decimal("12.50"), "count": 3, "rate": 0.5}
QUEUED = (events.sqs, events.fifo, lambda body, **given: events.sns_in_sqs(body, raw=True, **given))
PUBLISHED = (events.sns, events.sns_in_sqs)


class Colour(str, Enum):  # noqa: UP042  # its str() is not its text, unlike a StrEnum's
    """A text that is a member of an enum."""

    RED = "red"


@pytest.mark.parametrize("make", [*QUEUED, *PUBLISHED])
def test_message_attributes_have_the_type_of_their_value(make: Callable[..., Any]) -> None:
    """Text is a String, a number a Number, and bytes are Binary: the consumer reads base64."""
    attributes = {"tenant": "acme", "colour": Colour.RED, "raw": b"\x00\xff", **NUMBERS}
    (delivery,) = unwrapped(make("x", message_attributes=attributes))
    assert delivery.message_attributes == {
        "tenant": "acme",
        "colour": "red",
        "raw": "AP8=",
        "price": "12.50",
        "count": "3",
        "rate": "0.5",
    }


@pytest.mark.parametrize("make", QUEUED)
def test_data_types_of_queued_attributes(make: Callable[..., Any]) -> None:
    """A queue names the data type of an attribute, and has bytes in a field for them."""
    event = make("x", message_attributes={"raw": bytearray(b"a"), "price": Decimal(1)})
    found = event["Records"][0]["messageAttributes"]
    assert {name: part["dataType"] for name, part in found.items()} == {
        "raw": "Binary",
        "price": "Number",
    }
    assert ("stringValue" in found["raw"], found["raw"]["binaryValue"]) == (False, "YQ==")
    assert ("binaryValue" in found["price"], found["price"]["stringValue"]) == (False, "1")


TEXTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PAYLOADS = st.dictionaries(TEXTS, st.integers() | FINITE | TEXTS | st.tuples(TEXTS), max_size=3)
NUMERALS = st.integers(-(10**30), 10**30) | st.decimals(-1000, 1000, places=3)
PARTS = st.binary(max_size=4) | TEXTS | NUMERALS | st.none() | st.booleans()
SETS = (
    st.sets(st.binary(max_size=4), min_size=1, max_size=3)
    | st.sets(TEXTS, min_size=1, max_size=3)
    | st.sets(NUMERALS, min_size=1, max_size=3)
)
ITEMS = st.dictionaries(
    TEXTS.filter(lambda name: name != "id"),
    st.recursive(
        PARTS | SETS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)


@settings(max_examples=50, deadline=None)
@given(body=VALUES | TEXTS, payload=PAYLOADS, item=ITEMS, data=st.binary(max_size=8))
def test_every_event_is_json(body: Any, payload: Any, item: Any, data: bytes) -> None:
    """Lambda decodes JSON, so an event has nothing that JSON does not have."""
    for event in (
        events.sqs(body, message_attributes={"raw": data or b"-"}),
        events.fifo(body),
        events.sns_in_sqs(body),
        events.sns(body, message_attributes={"raw": data or b"-"}),
        events.kinesis(body, data),
        events.eventbridge(payload),
        events.eventbridge_in_sqs(payload),
        events.direct(payload),
        events.dynamodb({"id": 1, **item}),
    ):
        assert json.loads(json.dumps(event)) == event
        for again in (events.redelivered(event), events.resent(event)):
            assert json.loads(json.dumps(again)) == again


def normalize(attribute: Any, read_binary: Callable[[Any], str]) -> Any:
    """An attribute whose numbers are equal if they are written differently, and its sets sorted."""
    ((kind, value),) = attribute.items()
    match kind:
        case "M":
            value = {name: normalize(part, read_binary) for name, part in value.items()}
        case "L":
            value = [normalize(part, read_binary) for part in value]
        case "N":
            value = Decimal(value)
        case "B":
            value = read_binary(value)
        case "NS":
            value = sorted(map(Decimal, value))
        case "BS":
            value = sorted(map(read_binary, value))
        case "SS":
            value = sorted(value)
    return kind, value


@settings(max_examples=50, deadline=None)
@given(item=ITEMS)
def test_items_are_what_boto3_writes(item: Any) -> None:
    """An item has the types that boto3 gives its values, with bytes as base64."""
    (record,) = events.dynamodb({"id": "a", **item})["Records"]
    written = TypeSerializer().serialize({"id": "a", **item})
    assert normalize({"M": record["dynamodb"]["NewImage"]}, str) == normalize(
        written, lambda value: base64.b64encode(value).decode()
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("1.10"), "1.1"),
        (Decimal("1E+2"), "100"),
        (Decimal("-0.0"), "0"),
        (100, "100"),
        (10**37 + 1, "1" + "0" * 36 + "1"),
        (10**100, "1" + "0" * 100),
        (Decimal("1E-130"), "0." + "0" * 129 + "1"),
    ],
)
def test_numbers_have_no_zeros_at_their_ends(number: Any, text: str) -> None:
    """DynamoDB removes the zeros at the ends of a number."""
    (record,) = events.dynamodb({"id": number})["Records"]
    assert record["dynamodb"]["Keys"] == {"id": {"N": text}}


def test_binary_keys_and_the_class_of_boto3() -> None:
    """Bytes may be a key, and boto3 has a class for bytes."""
    (record,) = events.dynamodb({"id": b"\xff", "b": Binary(b"a"), "m": bytearray(b"b")})["Records"]
    assert record["dynamodb"]["Keys"] == {"id": {"B": "/w=="}}
    assert (record["dynamodb"]["NewImage"]["b"], record["dynamodb"]["NewImage"]["m"]) == (
        {"B": "YQ=="},
        {"B": "Yg=="},
    )


def nest(levels: int) -> Any:
    """A list in so many lists."""
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


def test_an_item_has_at_most_32_levels() -> None:
    """DynamoDB holds a value in 32 lists or mappings, and in no more."""
    events.dynamodb({"id": "a", "b": nest(32)})
    with pytest.raises(ValueError, match="nested in more than 32 lists"):
        events.dynamodb({"id": "a", "b": nest(33)})


def test_a_mapping_is_an_object() -> None:
    """A payload and a detail may be any mapping."""
    payload = MappingProxyType({"a": (1, 2)})
    assert events.direct(payload) == {"a": [1, 2]}
    assert events.eventbridge(payload)["detail"] == {"a": [1, 2]}


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "bytes in SQS": (
        lambda: events.sqs(b"a"),
        r"body is bytes, and SQS carries text: send .*base64",
    ),
    "bytes in SNS": (lambda: events.sns(b"a"), "body is bytes, and SNS carries text"),
    "bytes in SNS in SQS": (lambda: events.sns_in_sqs(b"a"), "body is bytes, and SNS carries text"),
    "bytes inside": (lambda: events.sqs({"a": b"a"}), "body cannot be sent as JSON .*bytes"),
    "Decimal inside": (
        lambda: events.kinesis({"a": Decimal(1)}),
        "cannot be sent as JSON .*Decimal",
    ),
    "long number": (lambda: events.sqs({"a": 10**5000}), "cannot be sent as JSON .*4300 digits"),
    "too deep": (lambda: events.sqs(nest(100_000)), "nested too deeply"),
    "empty in SQS": (lambda: events.sqs(""), "empty text, which SQS refuses"),
    "empty in SNS": (lambda: events.sns(""), "empty text, which SNS refuses"),
    "control in SQS": (lambda: events.sqs("ab\0"), r"U\+0000 at character 2, which SQS refuses"),
    "surrogate in SQS": (lambda: events.fifo("\ud800"), r"U\+D800 at character 0"),
    "surrogate in Kinesis": (lambda: events.kinesis("\ud800"), r"U\+D800 .* which Kinesis refuses"),
    "list as detail": (lambda: events.eventbridge([1]), "detail is of type list: .*JSON object"),
    "text as detail": (lambda: events.eventbridge_in_sqs("x"), "detail is of type str"),
    "NaN in detail": (lambda: events.eventbridge({"a": math.nan}), "detail cannot be sent as JSON"),
    "bytes in a payload": (lambda: events.direct({"a": b"a"}), "payload cannot be sent as JSON"),
    "list as payload": (lambda: events.direct([1]), "payload is of type list"),  # type: ignore[arg-type]
    "FIFO name": (lambda: events.sqs("x", queue="a.fifo"), "use events.fifo"),
    "standard name": (lambda: events.fifo("x", queue="a"), "'a' is not the name of a FIFO queue"),
    "blank in a key": (lambda: events.s3("red flower.jpg"), r"use 'red\+flower.jpg'"),
    "percent in a key": (lambda: events.s3_in_sqs("in/100%.jpg"), "use 'in/100%25.jpg'"),
    "s3: in a type": (lambda: events.s3("a", event_name="s3:ObjectCreated:Put"), "without s3:"),
    "half a type": (lambda: events.s3("a", event_name="ObjectCreated"), "use a captured event"),
    "other type": (lambda: events.s3("a", event_name="ObjectRestore:Post"), "use a captured event"),
    "float": (
        lambda: events.dynamodb({"id": "a", "b": {"c": [1.5]}}),
        r"b.c\[0\] .*Decimal\('1.5'\)",
    ),
    "date": (
        lambda: events.dynamodb({"id": "a", "b": object()}),
        "b is of type object, .* use text",
    ),
    "path": (lambda: events.dynamodb({"id": "a", "b": Path("x")}), "b is of type .*Path"),
    "path in SQS": (lambda: events.sqs(Path("x")), "cannot be sent as JSON .*Path"),
    "set of bool": (lambda: events.dynamodb({"id": "a", "b": {True}}), "b is a set of bool"),
    "empty set": (
        lambda: events.dynamodb({"id": "a", "b": set()}),
        "b is a set of nothing: .*Write a list",
    ),
    "mixed set": (lambda: events.dynamodb({"id": "a", "b": {1, "x"}}), "b is a set of int, str"),
    "set of None": (
        lambda: events.dynamodb({"id": "a", "b": {None}}),
        "b is a set of NoneType",
    ),
    "39 digits": (lambda: events.dynamodb({"id": 10**38 + 1}), "id is a number .*38 digits"),
    "small number": (lambda: events.dynamodb({"id": Decimal("1E-131")}), "id is a number .*1E-130"),
    "39 digits in a set": (
        lambda: events.dynamodb({"id": 1, "b": {10**38 + 1}}),
        "b is a number .*38 digits",
    ),
    "NaN in DynamoDB": (lambda: events.dynamodb({"id": Decimal("NaN")}), "id is a number"),
    "number as a name": (
        lambda: events.dynamodb({"id": "a", "m": {1: 2}}),
        "m has the attribute name 1",
    ),
    "text as item": (lambda: events.dynamodb("a"), "item is of type str"),  # type: ignore[arg-type]
    "no key": (
        lambda: events.dynamodb({"order": "a"}),
        r"no attribute 'id'.*keys=\(\"order_id\",\)",
    ),
    "text as keys": (lambda: events.dynamodb({"id": 1}, keys="id"), "keys is 'id'"),  # type: ignore[arg-type]
    "no keys": (lambda: events.dynamodb({"id": 1}, keys=()), r"keys is \(\): .*one or two"),
    "empty key": (lambda: events.dynamodb({"id": ""}), "'id' is empty"),
    "list as a key": (lambda: events.dynamodb({"id": [1]}), "'id' is of type L"),
    "no Records": (lambda: events.batch(events.direct({})), "leave out the event without Records"),
    "too many attributes": (
        lambda: events.sqs("x", message_attributes={f"a{i}": "b" for i in range(11)}),
        "11 message attributes, and SQS takes 10",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_source_cannot_carry_is_refused(name: str) -> None:
    """The error names the input, the rule and what to send instead."""
    make, text = REFUSED[name]
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("make", [*QUEUED, *PUBLISHED])
@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"a": ""}, "attribute 'a' is empty"),
        ({"a": b""}, "attribute 'a' is empty"),
        ({"a": None}, "attribute 'a' is of type NoneType"),
        ({"a": True}, "attribute 'a' is of type bool"),
        ({"a": ["b"]}, "attribute 'a' is of type list"),
        ({"a": math.inf}, "attribute 'a' is a number"),
        ({"a": Decimal("NaN")}, "attribute 'a' is a number"),
        ({"a": 10**38 + 1}, "attribute 'a' is a number .*38 digits"),
        ({"a": 10**5000}, "attribute 'a' is a number"),
        ({"a": Decimal("1E+127")}, "attribute 'a' is a number"),
        ({"a": "\ud800"}, r"attribute 'a' has U\+D800"),
        ({"a b": "c"}, "attribute 'a b' has a name"),
        ({"AWS.a": "c"}, "attribute 'AWS.a' has a name"),
        ({".a": "c"}, "attribute '.a' has a name"),
        ({"a.": "c"}, "attribute 'a.' has a name"),
        ({"a..b": "c"}, "attribute 'a..b' has a name"),
        ({1: "c"}, "attribute 1 has a name"),
    ],
)
def test_a_wrong_attribute_is_refused(make: Callable[..., Any], attributes: Any, text: str) -> None:
    """The error names the attribute and the rule."""
    with pytest.raises(ValueError, match=text):
        make("x", message_attributes=attributes)
