"""Which results can be stored as JSON from which the same value is read again."""

import json
import marshal
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from idempotent_lambda.calls.results import (
    MAX_NESTED_LEVELS,
    MAX_RESULT_BYTES,
    decode_result,
    encode_result,
)

from .test_results import Currency, Monster, Pair, Size, Text, deep, has_only_json_types


class Whole(int):
    """A subclass of int."""


class Fraction(float):
    """A subclass of float."""


class Items(list[Any]):
    """A subclass of list."""


# Surrogates too, and the characters that JSON escapes.
TEXTS = st.text(st.characters() | st.sampled_from('\ud83d\ude00"\\\x00\u2028'), max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**300), max_value=2**300)
    | st.floats()
    | st.sampled_from([-0.0, 0.0, 1.0, 1, True, 5e-324, 1e308])
    | TEXTS
)
ODD = (
    st.sampled_from([Currency.EUR, Size.SMALL, Pair(1, 2), b"a", 1j, ...])
    | TEXTS.map(Text)
    | st.integers().map(Whole)
    | st.floats(allow_nan=False).map(Fraction)
)
KEYS = TEXTS | st.sampled_from([None, True, 1, 1.5, "1", "true", Currency.EUR, Text("a"), (1,)])


def parts(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values that hold others."""
    texts, odd = st.dictionaries(TEXTS, inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)
    lists = st.lists(inner, max_size=4)
    rare = lists.map(tuple) | lists.map(Items) | texts.map(OrderedDict) | odd
    return lists | texts | st.one_of(lists, texts, lists, texts, rare)


VALUES = st.recursive(SCALARS | st.one_of(SCALARS, SCALARS, ODD), parts, max_leaves=12)


def encode_by_marshal(value: Any) -> str:
    """The JSON of a value if what is read again has the bytes of the value in another notation."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if marshal.dumps(json.loads(text), 0) != marshal.dumps(value, 0):
        raise ValueError("JSON would change it")
    return text


def encode_by_equality(value: Any) -> str:
    """The JSON of a value if what is read again is equal to the value."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if json.loads(text) != value:
        raise ValueError("JSON would change it")
    return text


def stored(value: object, encode: Callable[[object], Any] = encode_result) -> str | None:
    """What is stored of a value; None if it is refused."""
    try:
        encoded = encode(value)
    except (TypeError, ValueError, RecursionError):
        return None
    text: str = encoded[0] if isinstance(encoded, tuple) else encoded
    return text


@settings(deadline=None, max_examples=500)
@given(VALUES)
@example({"b": 1, "a": 2})
@example({"\ud83d\ude00": 1, "😀": 1})
@example({1: 1, "1": 1})
@example([1, 1.0, True, -0.0, 0.0])
@example(float("nan"))
def test_as_strict_as_bytes(value: object) -> None:
    """A result is stored exactly if it is equal to what JSON gives back.

    If it has JSON's own types, that is the case if both have the same bytes in another notation.
    """
    assert stored(value) == stored(value, encode_by_equality)
    if has_only_json_types(value):
        assert stored(value) == stored(value, encode_by_marshal)


@settings(deadline=None)
@given(VALUES.filter(lambda value: stored(value) is not None))
def test_round_trip(value: object) -> None:
    """A stored result that is read looks the same: types, signs, and the order of keys."""
    text, first = encode_result(value)
    later = decode_result(text)
    assert repr(later) == repr(first)
    assert has_only_json_types(later)
    assert (first is value) == has_only_json_types(value)


OTHERS: list[Any] = [
    (), [()], {"a": (1,)}, {1: 1}, {"a": {None: 1}}, {"a": 1, Text("b"): 2}, Whole(1), Items(),
    [Fraction(1.5)], OrderedDict(), b"a", 1j, object(), type, Monster(RuntimeError()),
    [{"a": Monster(MemoryError())}],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(OTHERS)))
def test_other_types(number: int) -> None:
    """A value that is not exactly of a JSON type is refused, or read back for the first caller."""
    for of_handler in (True, False):
        with suppress(ValueError):
            text, first = encode_result(OTHERS[number], of_handler=of_handler)
            assert first is not OTHERS[number]
            assert has_only_json_types(first)
            assert repr(first) == repr(json.loads(text))


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "a", [], {}, [[], {}], {"a": {"b": [None, False]}, "": -0.0}]
)
def test_json_types(value: object) -> None:
    """Every JSON value is accepted, and returned as the same object."""
    for of_handler in (True, False):
        assert encode_result(value, of_handler=of_handler)[1] is value


@pytest.fixture
def _deep_stack() -> Iterator[None]:
    """Let the JSON parser go as deep as it is asked."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("_deep_stack")
@pytest.mark.parametrize("innermost", [[], [1], {"a": 1}])
def test_levels(innermost: Any) -> None:
    """A result has at most so many levels, its innermost values counted."""
    value, levels = innermost, 2 if innermost else 1
    while levels < MAX_NESTED_LEVELS:
        value, levels = [value], levels + 1
    assert stored(value) == stored(value, encode_by_marshal) is not None
    assert stored([value]) is stored([value], encode_by_marshal) is None


def test_as_deep_as_the_stack() -> None:
    """A result is stored as it is or refused, whatever depth of the stack is left."""
    for levels in range(800, 1100):
        value = deep(levels)
        assert stored(value) in (None, stored(value, encode_by_marshal))
    assert stored(deep(900)) is not None


@pytest.mark.parametrize("text", [None, "", "no JSON", "[" * 100_000, {"NULL": True}])
def test_nothing_to_decode(text: Any) -> None:
    """A record without a result, or with a damaged one, gives none."""
    with pytest.raises((TypeError, ValueError, RecursionError)):
        decode_result(text)


@pytest.mark.parametrize("size", [MAX_RESULT_BYTES - 2, MAX_RESULT_BYTES - 1])
def test_size(size: int) -> None:
    """The limit is one of JSON, its quotes counted."""
    value = "x" * size
    if size == MAX_RESULT_BYTES - 2:
        assert decode_result(encode_result(value)[0]) == value
    else:
        with pytest.raises(ValueError, match=f"it has over {MAX_RESULT_BYTES} bytes"):
            encode_result(value)
