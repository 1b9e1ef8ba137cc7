"""From key to record id: different keys never share a record."""

import json
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from idempotent_lambda.keys import build_function_namespace, record_id

from .events import record
from .harness import ConsumerHarness

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
SCALARS = (
    TEXTS
    | TEXTS.map("#".__add__)
    | TEXTS.map("##sha256:".__add__)
    | st.integers()
    | st.integers().map(str)
    | st.booleans()
    | st.sampled_from(["true", "false", "null", '"', '""', '["a"]', "#true", "#1", '#"a"'])
    | st.integers(1990, 2100).map(lambda size: "x" * size)
    | st.integers(990, 1100).map(lambda size: "é" * size)
)
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=4)


def typed(value: Any) -> Any:
    """A value in which 1, "1" and true differ."""
    if isinstance(value, list):
        return ("list", *map(typed, value))
    return (type(value).__name__, value)


class TestInjective:
    """Two different keys never share a record, and one key has one id."""

    @given(VALUES, VALUES)
    @example(1, "1")
    @example(one=True, other=1)
    @example(one=True, other="true")
    @example(one=False, other=0)
    @example(["a", "b"], ["ab"])
    @example(["a", "b"], '["a","b"]')
    @example(["a,b"], ["a", "b"])
    @example([1], ["1"])
    @example(["a"], "a")
    @example("#1", 1)
    @example('#"a"', "a")
    @example("x" * 2041, "x" * 2042)
    @example("x" * 3000, "x" * 3001)
    @example("x" * 3000, ["x" * 3000])
    def test_different_values(self, one: Any, other: Any) -> None:
        """Values that differ, in type or content, have different ids, over the limit too."""
        assume(typed(one) != typed(other))
        assert record_id("n", one) != record_id("n", other)

    @given(VALUES)
    def test_a_value_and_what_could_be_mistaken_for_it(self, value: Any) -> None:
        """No text that spells out another key's id or JSON shares that key's record."""
        whole = record_id("n", value)
        lookalikes: list[Any] = [
            whole,
            whole.removeprefix("n#"),
            whole.removeprefix("n##"),
            json.dumps(value),
            str(value),
            [value] if not isinstance(value, list) else value[0],
        ]
        for each in lookalikes:
            if each != "" and typed(each) != typed(value):
                assert record_id("n", each) != whole

    @given(TEXTS, TEXTS, VALUES, VALUES)
    def test_namespaces(self, one: str, other: str, value: Any, second: Any) -> None:
        """Consumers with different namespaces never share a record."""
        assume(one != other and "#" not in one + other)
        assume(len(one.encode()) <= 255 and len(other.encode()) <= 255)
        assert record_id(one, value) != record_id(other, second)

    @given(NAMES, TEXTS, VALUES, VALUES)
    @example("charge", "orders", "x" * 3000, "x" * 3000)
    @example("charge", "orders", "a", '##@charge#"a"')
    @example("charge", "orders", "a", "#@charge#a")
    @example("charge", "orders", "a", "@charge#a")
    @example("charge", "orders", "a", "charge#a")
    @example("a", "orders", ["x"], '##@a##["x"]')
    def test_functions_and_messages(self, name: str, consumer: str, one: Any, other: Any) -> None:
        """No call of a function shares a record with a message, of its consumer or another."""
        assume("#" not in consumer and len(consumer.encode()) <= 255)
        call = record_id(build_function_namespace("orders", name), one)
        assert call != record_id("orders", other)
        assert call != record_id(consumer, other)

    @given(NAMES, NAMES, VALUES, VALUES)
    @example("a", "a.b", "x", "x")
    @example("a", "b", "x" * 3000, "x" * 3000)
    def test_functions(self, one: str, other: str, value: Any, second: Any) -> None:
        """Calls of functions with different names, or of different values, share no record."""
        assume(one != other or typed(value) != typed(second))
        assert record_id(build_function_namespace("n", one), value) != record_id(
            build_function_namespace("n", other), second
        )

    @given(TEXTS, TEXTS, NAMES, VALUES, VALUES)
    def test_functions_of_consumers(
        self, one: str, other: str, name: str, value: Any, second: Any
    ) -> None:
        """Functions of one name in different consumers share no record."""
        assume(one != other and "#" not in one + other)
        assert record_id(build_function_namespace(one, name), value) != record_id(
            build_function_namespace(other, name), second
        )

    @given(VALUES)
    def test_one_value_has_one_id_that_fits(self, value: Any) -> None:
        """The id is the same each time, begins with the namespace and keeps DynamoDB's limit."""
        whole = record_id("n", value)
        assert whole == record_id("n", json.loads(json.dumps(value)))
        assert whole.startswith("n#")
        assert len(whole.encode()) <= 2048

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("9007199254740993.0", "9007199254740992.0"),
            ("0.1", "0.10000000000000000001"),
            ("1e-400", "2e-400"),
        ],
    )
    def test_numbers_that_a_float_cannot_tell_apart(self, one: str, other: str) -> None:
        """Two numbers that differ in the body never share a record: one would be swallowed."""
        harness = ConsumerHarness()
        first = record(f'{{"id": {one}}}', message_id="m-1")
        second = record(f'{{"id": {other}}}', message_id="m-2")
        harness.deliver(first)
        reported = harness.deliver(second)
        assert len(harness.ran) == 2 or reported == ["m-2"]


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("42", "orders#42"),
        (42, "orders##42"),
        (True, "orders##true"),
        (False, "orders##false"),
        (0, "orders##0"),
        ("#42", 'orders##"#42"'),
        ("a#b", "orders#a#b"),
        ("zoë ☃", "orders#zoë ☃"),
        (["a", 1, False], 'orders##["a",1,false]'),
        (["ë"], 'orders##["ë"]'),
        (12345678901234567890123, "orders##12345678901234567890123"),
    ],
)
def test_record_id(value: Any, whole: str) -> None:
    """Ids are these, for ever: a release that changes one forgets what was done."""
    assert record_id("orders", value) == whole


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("42", "orders##@charge#42"),
        (42, "orders##@charge##42"),
        ("#42", 'orders##@charge##"#42"'),
        (["a", 1], 'orders##@charge##["a",1]'),
    ],
)
def test_record_id_of_a_call(value: Any, whole: str) -> None:
    """Ids of decorated functions are these, for ever."""
    assert record_id(build_function_namespace("orders", "charge"), value) == whole


@pytest.mark.parametrize("value", ["x" * 3000, ["é" * 3000]])
def test_byte_limit_of_a_call(value: Any) -> None:
    """The longest namespace and name still leave room for a long key's hash."""
    whole = record_id(build_function_namespace("n" * 255, "f" * 100), value)
    assert whole.startswith(f"{'n' * 255}##@{'f' * 100}##sha256:")
    assert len(whole.encode()) <= 2048


@pytest.mark.parametrize("name", ["charge", "a", "x" * 100, "Orders.charge-2_b", "7"])
def test_name(name: str) -> None:
    """A function's name is 1 to 100 letters, digits, dots, underscores and hyphens."""
    assert build_function_namespace("orders", name) == f"orders##@{name}"


@pytest.mark.parametrize("name", ["", "x" * 101, "a#b", "#", "a b", "é", "a\n", "a/b", "@a", "٣"])
def test_no_name(name: str) -> None:
    """Anything else is refused, with the rule."""
    with pytest.raises(ValueError, match="must be 1 to 100 characters of A-Z a-z 0-9") as caught:
        build_function_namespace("orders", name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("value", "hashed"),
    [("x" * 2041, False), ("x" * 2042, True), ("é" * 1020, False), ("é" * 1021, True)],
)
def test_byte_limit(value: str, hashed: bool) -> None:
    """2,048 bytes of UTF-8 are kept as text; one byte more and a hash takes their place."""
    whole = record_id("orders", value)
    assert whole.startswith("orders##sha256:") is hashed
    assert (whole == f"orders#{value}") is not hashed


def test_hash_is_sha256() -> None:
    """The hash of a long key is a plain SHA-256 of its text, the same in every release."""
    digest = "e1630f843370f402870799e14abbf2b06af2d23b0153658e1211dffabc61ad8f"
    assert record_id("orders", "x" * 3000) == f"orders##sha256:{digest}"
