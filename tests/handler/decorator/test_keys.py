"""Two calls are the same operation if their keys are equal."""

import functools
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import EpochMillis, EpochSeconds
from idempotent_lambda.protocol.record import Owner, Record
from tests.handler.events import key_rule
from tests.handler.harness import START
from tests.handler.test_log import UnspeakableError

from .shop import Shop
from .test_results import Monster

ORDER = {"detail": {"order_id": "a", "tenant": "t", "number": 7}}


@pytest.mark.parametrize(
    ("key", "arguments", "keywords", "expected"),
    [
        ("event.detail.order_id", (ORDER, None), {}, "a"),
        ("event.detail.order_id", (), {"context": None, "event": ORDER}, "a"),
        ("[event.detail.tenant, event.detail.order_id]", (ORDER,), {}, '#["t","a"]'),
        ("event.detail.number", (ORDER,), {}, "#7"),
        ("part", (ORDER,), {}, "#3"),
        ("part", (ORDER, None, 4), {}, "#4"),
        ("more.trace", (ORDER,), {"trace": "x"}, "x"),
        (lambda event, *_, **__: event["detail"]["order_id"], (ORDER,), {}, "a"),
        (lambda event, *_, **__: [event["detail"]["tenant"], 1], (ORDER,), {}, '#["t",1]'),
        (lambda event, *_, **__: (event["detail"]["tenant"], 1), (ORDER,), {}, '#["t",1]'),
        (
            lambda _, __, part, **more: part + more["trace"],
            (ORDER,),
            {"part": "#", "trace": "x"},
            '#"#x"',
        ),
    ],
)
def test_keys(shop: Shop, key: Any, arguments: Any, keywords: Any, expected: str) -> None:
    """A key is found in positional, named and default arguments, by JMESPath and by a function."""
    ran = []

    def handler(event: Any, context: Any = None, part: Any = 3, **more: Any) -> None:
        ran.append((event, context, part, more))

    decorated = shop.decorated(handler, name="charge", key=key, lease_seconds=30)
    for _ in range(2):
        assert decorated(*arguments, **keywords) is None
    assert len(ran) == 1
    record = shop.record(expected)
    assert record is not None
    assert record.status == "COMPLETED"


def test_same_key_however_called(shop: Shop) -> None:
    """A call by position and one by name are the same call, and a later result is the first's."""
    charge = shop.function(lambda _, amount: {"amount": amount})
    first = charge("a", 5)
    assert charge(amount=5, order_id="a") == first == {"amount": 5}
    assert shop.ran == [("a", 5)]
    assert charge("b") == {"amount": 1}
    assert shop.outcomes() == ["completed", "duplicate", "completed"]


def test_numbers_and_texts_differ(shop: Shop) -> None:
    """Keys of different types never meet."""
    charge = shop.function(lambda order_id, _: [order_id])
    for key in (1, "1", True, "true", [1], ["1"], "[1]"):
        assert charge(key) == [key]
    assert len(shop.ran) == 7


@pytest.mark.parametrize(
    ("key", "order_id", "found"),
    [
        ("order_id", None, "nothing"),
        ("order_id", "", "an empty text"),
        ("order_id", {}, "an object"),
        ("order_id", [], "an array that is empty"),
        ("order_id.id", object(), "nothing"),
        ("[order_id.a, order_id.b]", {"a": 1}, "a part that is not a key"),
        ("length(order_id)", 1, r"length\(\) takes string or array or object, and gets number"),
        ("abs(order_id)", None, r"abs\(\) takes number, and gets null"),
        (lambda order_id, _: order_id["id"], {}, "KeyError"),
        (lambda *_: None, "a", "nothing"),
    ],
)
def test_missing_keys(shop: Shop, key: Any, order_id: Any, found: str) -> None:
    """Without a key nothing runs, no request reaches the table, and the log says why."""
    charge = shop.function(key=key)
    with pytest.raises(errors.MissingKeyError, match=found) as caught:
        charge(order_id)
    assert "every call needs a non-empty text" in str(caught.value)
    assert "the expression, the key of @idempotent" in str(caught.value)
    assert shop.ran == []
    assert shop.store.calls == []
    (line,) = shop.log()
    assert (line["outcome"], line["key"]) == ("rejected", None)
    assert [each["type"] for each in line["errors"]] == ["MissingKeyError"]


@pytest.mark.parametrize(
    ("order_id", "found"),
    [
        (1.5, "not whole"),
        (Decimal(1), "Decimal"),
        (object(), "object"),
        (b"a", "bytes"),
        ({"a"}, "set"),
        ([1, 2.0], "not whole"),
        ("\ud800", "surrogate"),
    ],
)
def test_unsupported_keys(shop: Shop, order_id: Any, found: str) -> None:
    """A value with several spellings, or none, is not a key: an error names it and nothing runs."""
    with pytest.raises(errors.UnsupportedKeyError, match=found):
        shop.function()(order_id)
    assert shop.ran == []
    assert shop.outcomes() == ["rejected"]


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    return functools.reduce(lambda inner, _: [inner], range(depth), [])


class Pieces(list[Any]):
    """A list that raises when it is read."""

    def __iter__(self) -> Any:
        raise UnspeakableError(RuntimeError())


MONSTERS: list[Any] = [
    10**5000, [10**5000], 1.5, Monster(RuntimeError()), [Monster(RuntimeError())],
    Monster(UnspeakableError(KeyError())), Pieces("a"), nested(100_000),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(MONSTERS)))
@pytest.mark.parametrize("callable_", [True, False])
def test_monsters(shop: Shop, number: int, callable_: bool) -> None:
    """A key that cannot be written, or raises whatever it is asked, is an error of the key."""
    key: Any = (lambda order_id, _: order_id[0]) if callable_ else "order_id[0]"
    with pytest.raises((errors.MissingKeyError, errors.UnsupportedKeyError)) as caught:
        shop.function(key=key)([MONSTERS[number]])
    assert "key expression" in str(caught.value)
    assert shop.ran == shop.store.calls == []
    assert shop.outcomes() == ["rejected"]


@pytest.mark.parametrize("number", range(len(MONSTERS)))
def test_monstrous_payloads(shop: Shop, number: int) -> None:
    """A payload that cannot be written is an error too; a number that is not whole is valid."""
    charge = shop.function("ok", payload=lambda _, amount: amount[0])
    if number == MONSTERS.index(1.5):
        assert charge("a", [1.5]) == "ok"
        return
    with pytest.raises((errors.MissingKeyError, errors.UnsupportedKeyError)):
        charge("a", [MONSTERS[number]])
    assert shop.ran == shop.store.calls == []
    assert shop.outcomes() == ["rejected"]


def test_raising_selectors(shop: Shop) -> None:
    """A function that finds no key, or no payload, because it raises, is an error of the key."""

    def raising(*_: Any) -> Any:
        raise UnspeakableError(RuntimeError())

    for options in ({"key": raising}, {"payload": raising}):
        with pytest.raises(errors.MissingKeyError, match="UnspeakableError"):
            shop.function(**options)("a")
    assert shop.ran == shop.store.calls == []


def test_texts_of_their_own_type(shop: Shop) -> None:
    """A key whose type changes what it does as a text is taken as the text that it holds."""
    charge = shop.function(lambda *_: 1)
    assert charge(Sly("a")) == charge("a") == 1
    assert len(shop.ran) == 1


class Sly(str):
    """A text that does not behave as one."""

    __slots__ = ()

    def __radd__(self, _: object) -> str:
        raise RuntimeError

    startswith = encode = __getitem__ = __bool__ = __len__ = __radd__  # type: ignore[assignment]


def test_wrong_arguments(shop: Shop) -> None:
    """A call that the function cannot take is Python's own error, and asks nothing."""
    with pytest.raises(TypeError, match="missing a required argument"):
        shop.function()()
    assert shop.store.calls == []


def test_long_key(shop: Shop) -> None:
    """A key beyond DynamoDB's limit is kept apart from its neighbours all the same."""
    charge = shop.function(lambda order_id, _: order_id[-1])
    keys = ["x" * 5000 + each for each in "ab"]
    assert [charge(each) for each in (*keys, *keys)] == ["a", "b", "a", "b"]
    assert len(shop.ran) == 2


def test_renamed(shop: Shop) -> None:
    """A function that is renamed, moved or given other parameters keeps its keys."""
    first = shop.function({"charge": 1})
    assert first("a") == {"charge": 1}

    def debit(context: object, order: dict[str, str]) -> None:
        raise AssertionError(context, order)

    debit.__module__, debit.__qualname__ = "elsewhere", "Ledger.debit"
    moved = shop.decorated(debit, name="charge", key="order.id", lease_seconds=30)
    assert moved(None, {"id": "a"}) == {"charge": 1}


def test_functions_apart(shop: Shop) -> None:
    """Functions of different names share neither keys nor results, nor does a message's record."""
    shop.engine.put(
        Record(
            id="orders#a",
            status="COMPLETED",
            owner=Owner("batch"),
            created_at=EpochMillis(START),
            expires_at=EpochSeconds(START // 1000 + 3600),
        )
    )
    charge, refund = shop.function("charged"), shop.function("refunded", name="refund")
    assert [charge("a"), refund("a"), charge("a"), refund("a")] == ["charged", "refunded"] * 2
    assert len(shop.ran) == 2


def test_namespaces_apart(shop: Shop) -> None:
    """Two consumers with one table and equal functions never meet."""
    one, other = (
        shop.function(each, key_rule=key_rule(namespace=each)) for each in ("orders", "invoices")
    )
    assert [one("a"), other("a"), one("a")] == ["orders", "invoices", "orders"]


def test_nested(shop: Shop) -> None:
    """A function that calls another with the same key is replayed apart from it."""
    inner = shop.function(lambda order_id, _: f"inner {order_id}", name="inner")

    def through(order_id: Any, _: Any) -> Any:
        if shop.colour == "sync":
            return [inner(order_id)]
        with ThreadPoolExecutor(1) as pool:  # in a thread, where it has a separate event loop
            return [pool.submit(inner, order_id).result()]

    outer = shop.function(through, name="outer")
    assert [outer("a"), outer("a"), inner("a")] == [["inner a"], ["inner a"], "inner a"]
    assert len(shop.ran) == 2


def test_itself(shop: Shop) -> None:
    """A function that calls itself with its own key gets an error, and runs only once."""

    def again(order_id: Any, _: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(charge, order_id).result()

    charge = shop.function(again)
    with pytest.raises(errors.AlreadyInProgressError):
        charge("a")
    assert len(shop.ran) == 1
    assert shop.record() is None


def test_methods(shop: Shop) -> None:
    """A method is decorated like a function, and its object is not a part of the key."""
    ran = []

    class Ledger:
        def charge(self, order_id: str) -> str:
            ran.append(self)
            return order_id.upper()

    Ledger.charge = shop.decorated(Ledger.charge, name="charge", key="order_id", lease_seconds=30)  # type: ignore[method-assign]
    one, other = Ledger(), Ledger()
    assert [one.charge("a"), other.charge("a")] == ["A", "A"]
    assert ran == [one]
