"""A handler's result is written as Lambda's own runtime client writes it."""

import decimal
import enum
import http
import json
import re
import sys
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction as Ratio
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from idempotent_lambda import errors, idempotent
from idempotent_lambda.calls.results import encode_result
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory

from .shop import Context, Shop
from .test_results import Currency, Evil, Monster, Pair, Size, Text, deep, has_only_json_types
from .test_stored_results import KEYS, TEXTS, VALUES, Fraction, Items, Whole

if sys.platform != "linux":
    pytest.skip("awslambdaric has wheels for Linux only", allow_module_level=True)

from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller, to_json

Refused = object()


class Lying(dict[str, int]):
    """A dict that iterates over other keys, and has other items."""

    def __iter__(self) -> Any:
        return iter(["other"])

    def items(self) -> Any:
        return [("listed", 1)]


class Counting(list[int]):
    """A list that iterates over other parts."""

    def __iter__(self) -> Any:
        return iter([7, 8])


class Seven(int):
    """A number that becomes another."""

    def __int__(self) -> int:
        return 7


class Half(float):
    """A number that becomes another."""

    def __float__(self) -> float:
        return 0.5

    def __repr__(self) -> str:
        return "half"


class Liar(str):
    """A text with another text."""

    __slots__ = ()

    def __str__(self) -> str:
        return "lie"


class Fields:
    """An object with fields, as a named tuple has them."""

    def __init__(self, fields: Any) -> None:
        self._fields = fields

    def _asdict(self) -> Any:
        if isinstance(self._fields, Exception):
            raise self._fields
        return self._fields


class ForJson:
    """An object with the method of a setting that is off."""

    def for_json(self) -> int:
        return 1


@dataclass
class Row:
    """A row."""

    id: str = "a"


class Named(Pair):
    """A named tuple with more names."""


def chain(levels: int) -> Any:
    """An ordered dict in an ordered dict."""
    value: Any = 1
    for _ in range(levels):
        value = OrderedDict(a=value)
    return value


def cycle(empty: Any, add: Callable[[Any, Any], None]) -> Any:
    """A value that contains itself."""
    add(empty, empty)
    return empty


SHARED = [1]
MIXED = namedtuple("MIXED", "type class_", rename=True)  # noqa: PYI024  # by the function, as older code makes it
D = decimal.Decimal
TABLE: list[Any] = [
    None, True, 0, -0.0, 1e300, 5e-324, "", "Grüße \u2028\x00\x7f", "\ud83d\ude00", [], {},
    (), (1, (2, [()])), Pair(1, 2), [Named((1,), {})], MIXED(1, 2), {"a": Pair(Pair(1, 2), 3)},
    Pair, [Pair], sys.version_info[:3], sys.float_info, datetime.now(UTC).timetuple(),
    http.HTTPStatus.OK, Currency.EUR, Size.SMALL, enum.IntFlag("F", "A B")(3),
    enum.Enum("E", "A").A, enum.Enum("S", {"A": "a"}, type=str).A, {Currency.EUR: Size.SMALL},
    {Size.SMALL: Currency.EUR}, OrderedDict(b=1, a=2), Counter("aab"), defaultdict(list, a=[1]),
    UserDict(a=1), deque([1]), chain(600), Lying(a=1), Lying(), Counting([1]), Counting(),
    Items([Items()]), {"a": Evil(a=1)}, Evil(), Text("a"), Liar("a"), {Liar("a"): 1}, Whole(5),
    Fraction(0.1), Seven(1), Half(1), {Seven(1): 1}, {Half(1): 1}, {1: "a", "1": "b"},
    {"1": "a", 1: "b", 2: "c"}, {None: 1, True: 2, False: 3, 1.5: 4, 10**20: 5},
    {float("nan"): 1, float("-inf"): 2}, {(1,): 1}, {Pair(1, 2): 1}, {D(1): 1}, {b"a": 1},
    {b"\xff": 1}, {frozenset(): 1}, D("1.10"), D("1E+2"), D("-0"), D("0E-10"), D(2**100),
    D("0.1234567890123456789"), [D("NaN")][:0], {"body": b"Gr\xc3\xbc\xc3\x9fe"}, [b"\xff"],
    [bytearray(b"a")], [memoryview(b"a")], Fields({"a": (1,)}), [Fields({1: 2})], Fields([1]),
    Fields(None), Fields(ValueError()), Fields(TypeError()), Fields(OrderedDict()),
    Fields(Lying(a=1)), Fields, ForJson(), Row(), [MagicMock()], object(), type, len, ..., 1j,
    range(3), {1}, frozenset(), date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC), UUID(int=1),
    Ratio(1, 3), 10**5000, 2**64, -(2**63) - 1, [SHARED, SHARED, {"a": SHARED}],
    cycle([], list.append), cycle(OrderedDict(), lambda one, other: one.update(a=other)),
    [Monster(RuntimeError())], deep(100_000),
]  # fmt: skip

REFUSED: dict[str, tuple[Any, str]] = {
    "NaN": (float("nan"), "not JSON: callers cannot read it"),
    "infinity": ([float("inf")], "not JSON: callers cannot read it"),
    "Decimal NaN": ({"a": D("NaN")}, "not JSON: callers cannot read it"),
    "Decimal sNaN": (D("sNaN"), "not JSON: callers cannot read it"),
    "Decimal infinity": ((D("-Infinity"),), "not JSON: callers cannot read it"),
    "Decimal beyond floats": (D("1E+400"), "reads back as infinity, which is not JSON"),
    "bytes alone": (b"a", "the client sends them as they are, without to_json"),
    "lone surrogate": ({"a": ["\ud800"]}, "from Python 3.12 on the client fails to send it"),
    "lone surrogate in a key": (
        {"\udfff\ud83d": 1},
        "from Python 3.12 on the client fails to send it",
    ),
    "lone surrogate in a tuple": (("a\udc00",), "from Python 3.12 on the client fails to send it"),
}
"""What the runtime client writes, and we refuse, with the reason."""


def written(value: Any, encode: Callable[[Any], str]) -> Any:
    """The JSON value that is sent; `Refused` if the value cannot be written."""
    try:
        text = encode(value)
    except Exception:  # noqa: BLE001  # the value's own code may raise anything
        return Refused
    return json.loads(text)


def encode_of_handler(value: Any) -> str:
    """The JSON that is stored of a handler's result."""
    return encode_result(value, of_handler=True)[0]


def is_same(first: Any, second: Any) -> bool:
    """Whether two JSON values have the same parts, types, signs and order of keys."""
    return repr(first) == repr(second)


@pytest.mark.parametrize("place", range(len(TABLE)))
def test_the_table(place: int) -> None:
    """Both write the same JSON value, or both refuse."""
    value = TABLE[place]
    assert is_same(written(value, encode_of_handler), written(value, to_json))


@pytest.mark.parametrize("name", REFUSED)
def test_the_differences(name: str) -> None:
    """The client writes each of these, and we refuse it for a reason."""
    value, reason = REFUSED[name]
    assert reason
    assert written(value, encode_of_handler) is Refused
    assert written(value, to_json) is not Refused


def test_bytes_by_themselves() -> None:
    """The client sends a result that is bytes as it is, so it is not the JSON of a handler."""
    assert LambdaMarshaller().marshal_response(b"a") == (b"a", "application/unknown")


ODD = st.sampled_from(
    [D("1.5"), D(3), D("1E+2"), Pair(1, (2,)), (), b"a", b"\xff", Seven(1), {1}, Lying(a=1), Row()]
)
FINITE = VALUES.filter(lambda value: "nan" not in repr(value) and "inf" not in repr(value))
RESULTS = st.recursive(
    FINITE | ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.tuples(inner, inner).map(lambda both: Pair(*both))
        | st.dictionaries(KEYS | st.sampled_from([b"a", 1, "1", Size.SMALL]), inner, max_size=3)
        | st.dictionaries(TEXTS, inner, max_size=3).map(Fields)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=500)
@given(RESULTS)
@example({1: (), "1": Pair(1, 2)})
def test_any_result(value: object) -> None:
    """Of any value both write the same JSON value, or both refuse."""
    if issubclass(type(value), bytes):
        return
    sent = written(value, to_json)
    if sent is not Refused and re.search("[\ud800-\udfff]", json.dumps(sent, ensure_ascii=False)):
        sent = Refused  # see "lone surrogate"
    assert is_same(written(value, encode_of_handler), sent)


def test_what_newer_clients_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.12 on the client writes UTF-8, which has no half of a surrogate pair."""
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    for name, (value, reason) in REFUSED.items():
        if "fails to send" in reason:
            with pytest.raises(UnicodeEncodeError):
                to_json(value).encode()
            assert "surrogate" in name
    for value in ("Grüße 😀", {"名": ["é"]}):
        assert to_json(value).encode()
        assert encode_result(value, of_handler=True)[1] is value


def call(function: Callable[..., Any], *args: Any) -> Any:
    """What a caller gets: a value, or an error of the package."""
    try:
        return function(*args)
    except errors.IdempotencyError as error:
        return error


def check_callers(value: object, *, as_handler: bool) -> None:
    """Every caller gets one JSON value, or the first learns that the call is done without one.

    Whatever the function returns, the call is completed, and runs once.
    """
    shop = Shop(InMemory(), "sync", ManualClock())
    options: Any = {"name": "charge", "key": "event", "lease_seconds": 30, "wiring": shop.wiring()}
    runs = []

    def run(event: Any, context: Any) -> Any:  # noqa: ARG001
        runs.append(event)
        return value

    function = idempotent(**options)(run)
    answers = [call(function, "a", Context() if as_handler else None) for _ in range(3)]
    record = shop.record()
    assert record is not None
    assert (record.status, len(runs)) == ("COMPLETED", 1)
    if record.result is None:
        no_result = errors.ResultUnavailableError
        kinds = [type(each) for each in answers]
        assert kinds == [errors.InvalidResultError, no_result, no_result]
        assert "the call is done, but its result cannot be stored" in str(answers[0])
    else:
        assert {repr(each) for each in answers} == {repr(json.loads(record.result))}
        assert all(has_only_json_types(each) for each in answers)


@settings(deadline=None, max_examples=200)
@given(VALUES | RESULTS, st.booleans())
def test_all_callers_get_the_same(value: object, as_handler: bool) -> None:
    """Any value is one JSON value for all callers, or completes and is refused."""
    check_callers(value, as_handler=as_handler)


def doubled(levels: int) -> Any:
    """A small value whose JSON has a billion parts."""
    value: Any = (1,)
    for _ in range(levels):
        value = [value, value]
    return value


class Unequal(dict[str, int]):
    """A dict that raises when it is compared."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


class Alike(OrderedDict[str, int]):
    """A dict that is equal to everything, and has other items each time."""

    __hash__ = None  # type: ignore[assignment]
    reads = 0

    def __eq__(self, other: object) -> bool:
        return True

    def items(self) -> Any:
        self.reads += 1
        return [("reads", self.reads)]


class Endless(list[int]):
    """A list that never ends."""

    def __iter__(self) -> Any:
        while True:
            yield 1


HOSTILE = [
    Monster(RuntimeError()), [Monster(MemoryError())], {"a": Monster(RecursionError())}, Evil(a=1),
    cycle([], list.append), cycle({}, lambda one, other: one.update(a=(other,))),
    cycle([], lambda one, other: one.extend([other, other])), deep(100_000), chain(5000),
    doubled(30), [SHARED] * 300_000, Unequal(a=1), [Unequal()], Alike(a=1), Endless([1]),
    Fields(Monster(RuntimeError())), {"a": Fields(Evil(a=1))}, "x" * 300_000,
    ["x" * 200_000] * 200_000, {"a" * 300: Fields(None)},
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(HOSTILE)))
@pytest.mark.parametrize("as_handler", [True, False])
def test_hostile_results(place: int, as_handler: bool) -> None:
    """A value that lies, raises, contains itself or never ends does no harm."""
    check_callers(HOSTILE[place], as_handler=as_handler)
