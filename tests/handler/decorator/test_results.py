"""Later calls get the first result, if they are the same operation."""

import functools
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest

from idempotent_lambda import errors
from idempotent_lambda.calls.results import MAX_RESULT_BYTES
from idempotent_lambda.clock import Millis
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory
from tests.handler.test_log import UnspeakableError

from .shop import Shop


class Currency(StrEnum):
    """A text that is more than one."""

    EUR = "EUR"


class Size(IntEnum):
    """A number that is more than one."""

    SMALL = 1


class Text(str):
    """A subclass of str."""

    __slots__ = ()


class Pair(NamedTuple):
    """A tuple with names."""

    one: int
    two: int


FAITHFUL: list[Any] = [
    None, False, True, 0, "", [], {}, -0.0, 0.0, 1, 1.0, 0.1, 1e300, 2**200, -(2**63), "a",
    "Grüße 🎈 \u2028 \x00", "\ud800", {"a": [None, {"b": [[], {}, "", 0, False]}], "": 1},
    [[[[[1]]]]], {"ß": "名"}, "x" * (MAX_RESULT_BYTES - 2),
]  # fmt: skip


def test_faithful_results(shop: Shop) -> None:
    """A duplicate gets exactly what the first call returned, falsy values included."""
    for number, value in enumerate(FAITHFUL):
        charge = shop.function(lambda *_, value=value: value)
        first, second = charge(number), charge(number)
        assert first is value
        assert (type(second), repr(second)) == (type(value), repr(value))
    assert len(shop.ran) == len(FAITHFUL)


def test_results_are_copies(shop: Shop) -> None:
    """A caller that changes its result changes no other caller's."""
    charge = shop.function(lambda *_: {"items": [1]})
    for _ in range(3):
        result = charge("a")
        assert result == {"items": [1]}
        result["items"].append(2)


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    return functools.reduce(lambda inner, _: [inner], range(levels), [])


UNFAITHFUL: list[Any] = [
    (1, 2), [(1,)], {1, 2}, frozenset(), {1: "a"}, {None: 1}, {True: 1}, {1: "a", "1": "b"},
    Decimal("1.0"), float("nan"), float("inf"), [float("-inf")], Pair(1, 2), b"a",
    bytearray(b"a"), object(), "\ud83d\ude00", {"\ud83d\ude00": 1}, deep(100_000), 10**5000, 1j,
    memoryview(b"x"),
    "x" * (MAX_RESULT_BYTES - 1), "é" * (MAX_RESULT_BYTES // 6 + 1),
]  # fmt: skip


def test_unfaithful_results(shop: Shop) -> None:
    """A result that JSON changes, or that is too large, completes, is refused and never repeats."""
    for number, value in enumerate(UNFAITHFUL):
        charge = shop.function(lambda *_, value=value: value)
        with pytest.raises(errors.InvalidResultError, match='results="discard"'):
            charge(number)
        with pytest.raises(errors.ResultUnavailableError, match=f"'{number}'"):
            charge(number)
    assert len(shop.ran) == len(UNFAITHFUL)
    assert shop.outcomes() == ["completed", "duplicate"] * len(UNFAITHFUL)
    assert shop.log()[0]["errors"][0]["type"] == "InvalidResultError"


def has_only_json_types(value: Any) -> bool:
    """Whether a value consists of exactly the types that a JSON parser returns."""
    if type(value) is list:
        return all(map(has_only_json_types, value))
    if type(value) is dict:
        return all(type(key) is str and has_only_json_types(value[key]) for key in value)
    return type(value) in {str, int, float, bool, type(None)}


EQUAL: list[Any] = [
    Currency.EUR, Size.SMALL, {"c": Currency.EUR}, {Currency.EUR: 1}, Text("a"), [Text("a")],
]  # fmt: skip


def test_equal_results(shop: Shop) -> None:
    """A result that JSON's own types equal is stored, and every caller gets those types."""
    for number, value in enumerate(EQUAL):
        charge = shop.function(lambda *_, value=value: value)
        first, second = charge(number), charge(number)
        assert first == second == value
        assert has_only_json_types(first)
        assert has_only_json_types(second)
    assert len(shop.ran) == len(EQUAL)


def test_cyclic_and_hostile_results(shop: Shop) -> None:
    """A result that contains itself, or that raises when it is looked at, costs no completion."""
    cycle: list[Any] = []
    cycle.append(cycle)

    class Hostile(dict[str, int]):
        def items(self) -> Any:
            raise MemoryError

    for key, value in {"cycle": cycle, "hostile": Hostile(a=1)}.items():
        with pytest.raises(errors.InvalidResultError):
            shop.function(lambda *_, value=value: value)(key)
        assert shop.status(key) == "COMPLETED"


class Monster:
    """An object that raises whatever it is asked."""

    def __init__(self, error: BaseException) -> None:
        object.__setattr__(self, "error", error)

    def _raises(self, *_: object) -> Any:
        raise object.__getattribute__(self, "error")

    __class__ = property(_raises)  # type: ignore[assignment]
    __eq__ = __iter__ = __len__ = __bool__ = __str__ = __repr__ = __getattr__ = _raises
    __hash__ = None  # type: ignore[assignment]


class Evil(dict[str, int]):
    """An object that raises when it is written."""

    def items(self) -> Any:
        raise UnspeakableError(RuntimeError())


MONSTERS: list[Any] = [
    Monster(RuntimeError()), Monster(UnspeakableError(KeyError())), [Evil(a=1)],
]  # fmt: skip


def test_monsters(shop: Shop) -> None:
    """A result that raises whatever it is asked, even in its errors, is done and then refused."""
    for number, monster in enumerate(MONSTERS):
        with pytest.raises(errors.InvalidResultError):
            shop.function(lambda *_, monster=monster: monster)(number)
        assert shop.status(f"#{number}") == "COMPLETED"
    assert shop.outcomes() == ["completed"] * len(MONSTERS)


def test_discarded_monsters(clock: ManualClock) -> None:
    """Where results are discarded nothing is asked of them."""
    shop = Shop(InMemory(), "sync", clock)
    for number, monster in enumerate(MONSTERS):
        charge = shop.function(lambda *_, monster=monster: monster, results="discard")
        assert charge(number) is monster
    assert shop.outcomes() == ["completed"] * len(MONSTERS)


def test_generator_that_does_not_close(shop: Shop) -> None:
    """A generator that refuses to be closed is still not a result."""

    def refusing() -> Any:
        try:
            yield
        except GeneratorExit:
            yield

    running = refusing()
    next(running)
    with pytest.raises(errors.InvalidResultError, match="is not done"):
        shop.function(running)("a")
    assert shop.record() is None


def test_discarded_results(shop: Shop) -> None:
    """With results discarded anything may be returned, and duplicates get None."""
    for number, value in enumerate([*UNFAITHFUL, "text"]):
        charge = shop.function(lambda *_, value=value: value, results="discard")
        assert charge(number) is value
        assert charge(number) is None
    assert len(shop.ran) == len(UNFAITHFUL) + 1
    record = shop.record("#0")
    assert record is not None
    assert record.result is None


def test_results_changed_their_mind(shop: Shop) -> None:
    """A result that was discarded is unavailable later, and one that was stored is not given."""
    discarding = shop.function("x", results="discard")
    storing = shop.function("x")
    discarding("a")
    with pytest.raises(errors.ResultUnavailableError):
        storing("a")
    storing("b")
    assert discarding("b") is None
    assert len(shop.ran) == 2


def test_expired(shop: Shop) -> None:
    """After the retention the function runs again, and its new result replaces the old one."""
    results = iter(["old", "new"])
    charge = shop.function(lambda *_: next(results))
    assert [charge("a"), charge("a")] == ["old", "old"]
    shop.clock.advance(Millis(3_601_000))
    assert [charge("a"), charge("a")] == ["new", "new"]


def test_payload(shop: Shop) -> None:
    """The same payload is replayed; another under the same key is an error and does not run."""
    charge = shop.function("ok", payload="amount")
    assert [charge("a", {"x": 1, "y": 2}), charge("a", {"y": 2, "x": 1})] == ["ok", "ok"]
    with pytest.raises(errors.PayloadMismatchError, match="'a'"):
        charge("a", {"x": 1, "y": 3})
    assert len(shop.ran) == 1
    assert shop.outcomes() == ["completed", "duplicate", "rejected"]
    record = shop.record()
    assert record is not None
    assert str(record.payload_hash).startswith("v1:")


def test_payload_by_function(shop: Shop) -> None:
    """A payload may be found by a function, and 1, true and "1" are three payloads."""
    charge = shop.function("ok", payload=lambda order_id, amount: [order_id, amount])
    charge("a", 1)
    for other in (True, "1", 1.5, None):
        with pytest.raises(errors.PayloadMismatchError):
            charge("a", other)
    assert charge("a", 1) == "ok"


def test_no_payload_to_compare(shop: Shop) -> None:
    """A record without a payload hash is not a mismatch, and neither is a call without a check."""
    plain, checked = shop.function("plain"), shop.function("checked", payload="amount")
    plain("a")
    assert checked("a", 5) == "plain"
    checked("b", 5)
    assert plain("b", 6) == "checked"


def test_payload_of_stale(shop: Shop) -> None:
    """An interrupted call is taken over with its own payload only."""
    charge = shop.function("ok", payload="amount")
    with pytest.raises(SystemExit):
        shop.function(SystemExit(), payload="amount")("a", 1)
    shop.clock.advance(Millis(60_000))
    with pytest.raises(errors.PayloadMismatchError):
        charge("a", 2)
    assert charge("a", 1) == "ok"
    assert shop.ran == [("a", 1), ("a", 1)]


@pytest.mark.parametrize(
    ("payload", "amount", "error"),
    [
        ("amount", None, errors.UnsupportedKeyError),
        ("amount", object(), errors.UnsupportedKeyError),
        ("amount", {1: 1, "1": 1}, errors.UnsupportedKeyError),
        ("amount", deep(100_000), errors.UnsupportedKeyError),
        ("amount.value", 5, errors.UnsupportedKeyError),
        ("length(amount)", 5, errors.MissingKeyError),
        (lambda _, amount: amount["x"], {}, errors.MissingKeyError),
    ],
)
def test_no_payload(shop: Shop, payload: Any, amount: Any, error: type[Exception]) -> None:
    """A payload that is not found, or is not JSON, is an error, not a call without a check."""
    with pytest.raises(error):
        shop.function(payload=payload)("a", amount)
    assert shop.ran == []
    assert shop.store.calls == []
    assert shop.outcomes() == ["rejected"]
