"""Key expressions: the functions of this package, and no influence of the order of fields."""

import hashlib
import json
import random
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda.errors import MessageError, MissingKeyError
from idempotent_lambda.expressions import CompiledExpression, _KeyFunctions
from idempotent_lambda.keys import KeyRule, compile_expression
from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.sources.event import read_event

from .events import event, key_rule, kinesis_record, record
from .harness import ConsumerHarness


def find(expression: str, body: object) -> Any:
    """What an expression finds in a message with this body."""
    return compile_expression(expression).search({"body": body})


def failure(expression: str, body: object) -> str:
    """The error of a message with this body."""
    with pytest.raises(MissingKeyError) as caught:
        key_rule(expression=expression).for_document({"body": body})
    return str(caught.value)


def digest(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


class TestText:
    """`lower`, `trim` and `nfc` bring the spellings of one text together."""

    @pytest.mark.parametrize(
        ("expression", "spellings"),
        [
            ("lower(body)", ["6F9619FF-8B86", "6f9619ff-8b86", "6f9619FF-8b86"]),
            ("lower(body)", ["JÖRG", "jörg"]),
            ("trim(body)", ["a b", " a b", "a b\n", "\t a b\r\n", "\u00a0a b\u3000"]),
            ("nfc(body)", ["caf\u00e9", "cafe\u0301"]),
            ("nfc(body)", ["\u00c5", "\u212b", "A\u030a"]),
            ("nfc(body)", ["\uac01", "\u1100\u1161\u11a8"]),
            ("lower(trim(nfc(body)))", [" CAFE\u0301", "caf\u00e9 "]),
        ],
    )
    def test_one_text(self, expression: str, spellings: list[str]) -> None:
        """All spellings become the same text."""
        assert len({find(expression, spelling) for spelling in spellings}) == 1

    @pytest.mark.parametrize(
        ("expression", "texts"),
        [
            ("lower(body)", ["a", "a ", "\u00e1", "a\u0301"]),
            ("trim(body)", ["a b", "a  b", "A b", "\u200ba b"]),
            ("nfc(body)", ["e", "\u00e9", "E", "e "]),
        ],
    )
    def test_other_texts(self, expression: str, texts: list[str]) -> None:
        """A function changes what its name says, and nothing else."""
        assert len({find(expression, text) for text in texts}) == len(texts)

    @pytest.mark.parametrize("function", ["lower", "trim", "nfc"])
    @pytest.mark.parametrize(
        ("value", "name"),
        [
            (7, "number"),
            (1.5, "number"),
            (True, "boolean"),
            ([], "array"),
            (["A"], "array"),
            ({"a": "SECRET"}, "object"),
            (b"SECRET", "bytes"),
        ],
    )
    def test_not_text(self, function: str, value: object, name: str) -> None:
        """Anything else is an error with the function and the type, without the value."""
        text = failure(f"{function}(body)", value)
        assert f"finds nothing: {function}() takes string or null, and gets {name}; " in text
        assert "SECRET" not in text

    @pytest.mark.parametrize("part", ["e\u0301\u0323", "a", "\u1100\u1161\u11a8", "\U0001d15e"])
    def test_long_text(self, part: str) -> None:
        """Unicode can make `nfc` slow, so it refuses a long text before it looks at it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(unicodedata, "normalize", Mock(side_effect=AssertionError))
            text = failure("nfc(body.a)", {"a": (part * 1001)[:1001]})
        assert (
            "finds nothing: nfc() takes at most 1000 characters (let the producer normalize), and "
            "gets 1001; every message needs "
        ) in text

    @pytest.mark.parametrize("part", ["e\u0301\u0323", "\u00e9", "a"])
    def test_longest_text(self, part: str) -> None:
        """A text of 1000 characters is normalized."""
        text = (part * 1000)[:1000]
        assert find("nfc(body)", text) == unicodedata.normalize("NFC", text)

    def test_blanks_are_missing(self) -> None:
        """A text of blanks is as missing as an empty text."""
        assert "finds an empty text" in failure("trim(body.id)", {"id": " \t\n"})


class TestHash:
    """`sha256` brings the spellings of one JSON value together."""

    @pytest.mark.parametrize(
        "spellings",
        [
            ['{"a": 1, "b": [true, null]}', '{"b":[true,null],"a":1}'],
            ['{"a": {"x": 1, "y": 2}}', '{"a": {"y": 2, "x": 1}}'],
            ["[1]", "[1.0]", "[1e0]", "[10E-1]", "[ 1 ]"],
            ["[0]", "[-0]", "[0.0]", "[-0.0]", "[0e9]"],
            ["[1e22]", "[10000000000000000000000]", "[1.0e22]"],
            ["[1e23]", "[10e22]", "[100000000000000000000000.0]"],
            ["[9007199254740992.0]", "[9007199254740993.0]", "[9007199254740992]"],
            ["[0.1]", "[1e-1]", "[0.10]", "[0.1000000000000000055]"],
            ['["\\u00e9"]', '["\u00e9"]'],
            ['["\\ud83d\\ude00"]', '["\U0001f600"]'],
            ['["a/b"]', '["a\\/b"]'],
            ['{"a": 1}', '{"a": 2, "a": 1}'],
        ],
    )
    def test_one_value(self, spellings: list[str]) -> None:
        """All spellings have the same hash of 64 digits."""
        (found,) = {find("sha256(body)", json.loads(spelling)) for spelling in spellings}
        assert len(found) == 64
        assert int(found, 16) >= 0

    def test_other_values(self) -> None:
        """Values that differ have different hashes, whole numbers even beyond double precision."""
        values: list[Any] = [
            "a", "A", " a", '"a"', "1", 1, 2, 1.5, True, False, "true", [1], ["1"], [[1]], {"a": 1},
            {"a": "1"}, {"a": 1, "b": None}, {"a": [1]}, {"b": 1}, "\u00e9", "e\u0301", "\ud800",
            2**53, 2**53 + 1, 10**30, 10**30 + 1, 0, 0.1, 0.2, b"\xff", b"\xfe", "\\ud800",
        ]  # fmt: skip
        assert len({find("sha256(body)", value) for value in values}) == len(values)

    def test_it_can_be_repeated(self) -> None:
        """Other languages can make the hash: sorted names, no blanks, ASCII."""
        found = find("sha256(body)", {"b": [1.0, 0.5, None], "a": "\u00e9"})
        assert found == digest('{"a":"\\u00e9","b":[1,0.5,null]}')
        assert find("sha256(body)", "A-1") == digest('"A-1"')
        assert find("sha256(body)", b"\xff\xfe") == hashlib.sha256(b"\xff\xfe").hexdigest()

    @pytest.mark.parametrize(
        "value",
        [
            "", b"", [], [None], ["a", None], ["a", ""], ["a", []], ["a", [None]], ["a", {"b": ""}],
            {}, {"a": None}, {"a": "", "b": None}, {"a": [], "b": {"c": ""}}, [{"a": {}}],
        ],
    )  # fmt: skip
    def test_void(self, value: object) -> None:
        """A value that identifies nothing has no hash, so that it stays missing."""
        assert find("sha256(body)", value) is None
        assert "finds nothing; " in failure("sha256(body)", value)

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ([float("nan")], "Out of range"),
            ({"a": {"b": float("-inf")}}, "Out of range"),
            ({"a": Decimal(1)}, "Decimal"),
            ({"a", "b"}, "set"),
            ({1: "SECRET", "a": "SECRET"}, "not supported"),
            ({"a": b"SECRET"}, "bytes"),
        ],
    )
    def test_not_json(self, value: object, found: str) -> None:
        """A value that is not JSON is an error that names the reason, without the value."""
        text = failure("sha256(body)", value)
        assert "sha256() takes JSON, and gets a value that is not (" in text
        assert found in text
        assert "SECRET" not in text

    def test_reference(self) -> None:
        """Neither is an expression of JMESPath."""
        assert "sha256() takes JSON" in failure("sha256(&body)", {})

    @pytest.mark.parametrize("function", ["sha256", "to_string"])
    def test_deep_value(self, function: str) -> None:
        """A value that is nested too deeply rejects its message, and nothing worse."""
        deep: list[Any] = ["SECRET"]
        for _ in range(200_000):
            deep = [deep]
        text = failure(f"body && {function}(body)", deep)
        assert "finds nothing: a value is nested too deeply; " in text
        while deep[0] != "SECRET":  # Python cannot free it at once
            (deep,) = deep

    def test_large_body(self) -> None:
        """A body as large as SQS accepts has a hash, as any other."""
        items = [{"sku": f"s-{number}", "price": 0.5, "count": 1.0} for number in range(20_000)]
        other = [dict(reversed(item.items())) for item in items]
        assert find("sha256(body)", {"items": items}) == find("sha256(body)", {"items": other})

    @pytest.mark.parametrize(
        "part", ["1e308", "1.5e300", "5e22", "9e22", "\u0301", '"\ufdfa"', "-1e99", "1" * 4300]
    )
    def test_size_of_what_is_hashed(self, part: str) -> None:
        """What a producer sends never becomes many times as large."""
        hashed: list[bytes] = []
        real = hashlib.sha256
        body = f"[{','.join([part] * 1000)}]" if part != "\u0301" else f'["{part * 1000}"]'
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hashlib, "sha256", lambda data: hashed.append(data) or real(data))
            find("sha256(body)", json.loads(body))
        assert len(hashed[0]) <= 6 * len(body)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("1e23", "100000000000000000000000"),
            ("9007199254740993", "9007199254740993.0"),
            ("9007199254740993", "9007199254740992"),
            ("1e300", "1" + "0" * 300),
        ],
    )
    def test_numbers_beyond_a_double(self, one: str, other: str) -> None:
        """Digits without a point and an exponent are exact, and all other numbers are doubles."""
        assert find("sha256(body)", [json.loads(one)]) != find("sha256(body)", [json.loads(other)])

    def test_bytes_from_a_stream(self) -> None:
        """Kinesis data that is not UTF-8 has a key, too."""
        (delivery,) = read_event(event(kinesis_record(b"\xff\xfe")))
        found = find_key(key_rule(expression="sha256(body)"), delivery).text
        assert found == hashlib.sha256(b"\xff\xfe").hexdigest()


@pytest.mark.parametrize("function", ["lower", "trim", "nfc", "sha256"])
@pytest.mark.parametrize("argument", ["body.id", "body.a.b", "none.id", "`null`"])
def test_null_in_null_out(function: str, argument: str) -> None:
    """A missing field stays missing, alone and as a part."""
    for body in ({}, {"id": None}, [], "text"):
        assert find(f"{function}({argument})", body) is None
        assert "finds nothing; " in failure(f"{function}({argument})", body)
        assert "part that is not a key" in failure(f"[`1`, {function}({argument})]", body)


@pytest.mark.parametrize("expression", ["*", "keys(@)[*].to_string(@)", "values(@)"])
def test_names_that_are_not_text(expression: str) -> None:
    """A decorated function may get a dict of Python, whose keys are of any type."""
    found = [
        compile_expression(f"body.o && body.o.{expression}").search({"body": {"o": given}})
        for given in ({1: "a", "b": "c", None: "d"}, {None: "d", "b": "c", 1: "a"})
    ]
    assert found[0] == found[1] != []


@pytest.mark.parametrize(
    "expression",
    [
        "sha256(@)",
        "sha256(*)",
        "sha256(keys(@))",
        "keys(@)",
        "join(',', keys(@))",
        "lower('ORDER')",
        "nfc(type(body))",
        "trim(to_string(body.id))",
        "sha256(to_string(body.id))",
        "sha256([type(body)])",
    ],
)
def test_keys_of_every_message(expression: str) -> None:
    """An expression that finds a key in a message without its fields is refused at the start."""
    with pytest.raises(ValueError, match="finds a key even in an empty message"):
        compile_expression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "sha256(body)",
        "sha256([body.tenant, body.items])",
        "sha256({tenant: body.tenant, items: body.items})",
        "lower(trim(nfc(body.id)))",
        "[lower(body.tenant), body.id]",
        "lower(body.id || body.orderId)",
        "body.id && to_string(body.id)",
        "body.lines[*].sha256(@)",
        "map(&lower(@), body.ids)",
    ],
)
def test_keys_of_some_messages(expression: str) -> None:
    """An expression over fields is accepted, whatever functions it calls."""
    rule = key_rule(expression=expression)
    with pytest.raises(MissingKeyError):
        rule.for_document({})


@pytest.mark.parametrize(
    "expression",
    [
        "body.id && lowr(body.id)",
        "body.id || lowr(body.id)",
        "body.items[?nosuch(@)].id",
        "body.items[1:2].nosuch(@)",
        "body.*.nosuch(@)",
        "map(&nosuch(@), body.ids)",
        "[body.id, {x: nosuch(body.x)}.x]",
        "body.id && !nosuch(body.id)",
        "sort_by(body.items, &nosuch(@))[0].id",
        "lower(LOWER(body.id))",
    ],
)
def test_unknown_functions(expression: str) -> None:
    """A misspelled function is refused at the start, wherever it is, not at each message."""
    with pytest.raises(
        ValueError, match=r"is not a JMESPath expression: Unknown function: \w+\(\)"
    ):
        compile_expression(expression)


def test_texts_of_numbers() -> None:
    """`to_string` brings 8 and "8" together, and a message without a number stays without a key."""
    expression = "body.id && to_string(body.id)"
    assert find(expression, {"id": 8}) == find(expression, {"id": "8"}) == "8"
    assert find(expression, {"id": 0}) == "0"
    assert "finds nothing" in failure(expression, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": {"d": 2, "c": [3, 4.0]}}, '{"a":{"c":[3,4.0],"d":2},"b":1}'),
        (["\u00e9", True, None], '["\\u00e9",true,null]'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02 00:00:00+00:00"'),
        ({"b": Decimal("1.0"), "a": 2}, '{"a":2,"b":"1.0"}'),
    ],
)
def test_text_of_other_values(value: object, text: str) -> None:
    """`to_string` writes what the language says, with the fields in the order of their names."""
    assert find("body && to_string(body)", value) == text


@pytest.mark.parametrize("value", [{"a", "b"}, [frozenset()], object(), [object()]])
def test_text_that_differs_between_processes(value: object) -> None:
    """A value of Python whose text another process cannot repeat is refused."""
    assert "to_string() takes a value with one spelling" in failure(
        "body && to_string(body)", value
    )


ORDER_SHOWN = ["body.*", "*", "keys(body)", "values(body)", "body && to_string(body)"]


@pytest.mark.parametrize("expression", ORDER_SHOWN)
def test_order_of_fields(expression: str) -> None:
    """Two spellings of an object have one key, in the order of the names."""
    ones, others = {"a": "1", "b": "2", "c": "3"}, {"c": "3", "b": "2", "a": "1"}
    assert find(expression, ones) == find(expression, others)


@pytest.mark.parametrize("expression", ["body[*]", "body", "body[].a", "reverse(body)", "body[1:]"])
def test_order_of_arrays(expression: str) -> None:
    """The order of an array stays as the producer sent it, and means something."""
    body = [{"a": "2"}, {"a": "1"}, {"a": "3"}]
    assert find(expression, body) == jmespath.search(expression, {"body": body})
    assert find(expression, body) != find(expression, sorted(body, key=str))


NAMES = st.sampled_from(["a", "b", "c", "id", "A", "\u00e9", "", "a b", "10", "9"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, -0.0, 1e22, 0.1, 0.2, 0.3])
    | st.sampled_from(["", "a", "b", "A ", "10", "9", "e\u0301", "\ud800"])
)
VALUES = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(NAMES, parts, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=5)
CORPUS = [
    "*", "a.*", "*.*", "*[]", "*.a", "*[0]", "a.* | [0]", "*[?a]", "[*, a]", "*.{x: a}.x",
    "{x: *, y: a}.x", "@.* | [-1]", "a || *", "a && *", "!a", "*[].b", "*.*[]",
    "abs(a)", "avg(*)", "avg(values(@))", "sum(*)", "sum(values(a))", "ceil(a)", "floor(a)",
    "contains(*, 'a')", "contains(a, b)", "ends_with(a, 'a')", "starts_with(a, 'a')", "keys(@)",
    "keys(a)", "length(a)", "values(@)", "values(a)", "values(a)[0]", "join('-', keys(@))",
    "join('', *)", "map(&to_string(@), *)", "map(&*, *)", "max(*)", "max(keys(@))",
    "min(values(a))", "max_by(*, &a)", "min_by(*, &a)", "min_by(values(a), &b)", "sort_by(*, &a)",
    "sort_by(*, &b)[0]", "sort(*)", "sort(keys(@))", "reverse(*)", "reverse(keys(a))",
    "merge(a, b)", "merge(@, a)",
    "to_string(merge(b, a))", "keys(merge(@, a))", "values(merge(a, @))", "not_null(a, *)",
    "not_null(to_string(a), b)", "to_array(@)", "to_array(a)", "to_string(@)", "to_string(a)",
    "to_string(*)", "to_string([a, b])", "to_string({x: a, y: b})", "to_number(a)", "type(a)",
    "to_array(to_string(a))", "lower(to_string(@))", "trim(join(' ', keys(@)))", "nfc(a)",
    "trim(a)", "sha256(@)", "sha256(a)", "sha256(*)", "sha256([a, b])", "sha256({x: a, y: *})",
    "map(&sha256(@), *)", "sha256(to_string(@))", "a == b", 'a != `{"a": 1, "b": 2}`',
    "*[?@ == `{}`]", "a < b", '`{"b": 1, "a": 2}`.*', 'to_string(`{"b": 1, "a": 2}`)',
]  # fmt: skip
"""Expressions that call all functions, and list fields in all ways."""


def shuffle(value: Any, dice: random.Random) -> Any:
    """The same JSON, with the fields of each object in another order."""
    if isinstance(value, list):
        return [shuffle(part, dice) for part in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    dice.shuffle(names)
    return {name: shuffle(value[name], dice) for name in names}


def end(expression: str, document: dict[str, Any]) -> object:
    """The key or the error of a document, whether or not the expression could be set."""
    try:
        return KeyRule("orders", expression, CompiledExpression(expression)).for_document(document)
    except MessageError as error:
        return str(error)


@given(document=DOCUMENTS, dice=st.randoms(use_true_random=False))
def test_no_order_of_fields_is_seen(document: dict[str, Any], dice: random.Random) -> None:
    """However fields are ordered, at every level, all expressions find the same key or error."""
    other = shuffle(document, dice)
    assert [end(each, document) for each in CORPUS] == [end(each, other) for each in CORPUS]


def test_the_corpus_calls_every_function() -> None:
    """Each function of JMESPath, and each of ours, is in the corpus."""
    names = set(_KeyFunctions.FUNCTION_TABLE)
    assert names >= {"lower", "trim", "nfc", "sha256", "to_string", "merge"}
    assert [name for name in sorted(names) if not any(f"{name}(" in each for each in CORPUS)] == []


@given(document=DOCUMENTS)
def test_the_language_stays(document: dict[str, Any]) -> None:
    """Where names are in order, an expression finds what the reference implementation finds."""
    ordered = json.loads(json.dumps(document, sort_keys=True))
    for expression in CORPUS:
        if not re.search("sha256|lower|trim|nfc|merge|`{", expression):
            assert outcome(_search, expression, ordered) == outcome(
                jmespath.search, expression, ordered
            )


def outcome(search: Callable[[str, object], object], expression: str, document: object) -> str:
    """What a search finds, or the type of its error."""
    try:
        return repr(search(expression, document))
    except Exception as error:  # noqa: BLE001  # jmespath lets Python's own errors through
        return type(error).__name__


def _search(expression: str, document: object) -> object:
    return CompiledExpression(expression).search(document)


def test_one_message_of_a_batch() -> None:
    """A function that cannot take a value rejects that message alone."""
    harness = ConsumerHarness(key="lower(body.id)")
    numbers, texts = record('{"id": 7}', message_id="m-7"), record('{"id": "A"}', message_id="m-a")
    assert harness.deliver(numbers, texts) == ["m-7"]
    assert harness.ran == ["a"]


def test_hostile_message_of_a_batch() -> None:
    """A text that Unicode would make slow is rejected, and the other messages run."""
    harness = ConsumerHarness(key="nfc(body.id)")
    slow = json.dumps({"id": "e" + "\u0301\u0323" * 250_000})
    assert harness.deliver(
        record(slow, message_id="m-slow"), record('{"id": "A"}', message_id="m-a")
    ) == ["m-slow"]
    assert harness.ran == ["A"]
