"""Functions that can be decorated, and the moment at which others are refused."""

import asyncio
import functools
import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from unittest.mock import MagicMock

import pytest

from idempotent_lambda import errors, idempotent
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory

from .shop import Context, Shop

PROVIDERS = ("stripe", "adyen")


def test_metadata() -> None:
    """The decorated function looks like the function, and is async if it is."""

    async def charge(order_id: str) -> None:
        """Charge an order."""
        del order_id

    for function, key in ((charge, "order_id"), (echoed, "x")):
        made: Any = idempotent(name=function.__name__, key=key)(function)
        assert (made.__name__, made.__doc__) == (function.__name__, function.__doc__)
        assert inspect.signature(made) == inspect.signature(function)
        assert inspect.iscoroutinefunction(made) is (function is charge)


def echoed(x: str) -> str:
    """Return what it gets."""
    return x


def test_partials_and_wrappers(shop: Shop) -> None:
    """Partial functions, and functions with another decorator that keeps their names, have keys."""
    ran = []

    def charge(currency: str, order_id: str, amount: int = 1) -> list[Any]:
        ran.append(order_id)
        return [currency, order_id, amount]

    @functools.wraps(charge)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return charge(*args, **kwargs)

    options: dict[str, Any] = {"name": "charge", "key": "order_id", "lease_seconds": 30}
    with_currency = functools.partial(charge, "EUR", amount=2)
    functools.update_wrapper(with_currency, charge)
    del with_currency.__wrapped__  # its signature is its own
    partial = shop.decorated(with_currency, **options)
    assert [partial("a"), partial(order_id="a")] == [["EUR", "a", 2]] * 2
    wrapped = shop.decorated(traced, **options)
    assert [wrapped("CHF", "b"), wrapped("CHF", order_id="b")] == [["CHF", "b", 1]] * 2
    assert ran == ["a", "b"]


def test_async_partial(memory: Shop) -> None:
    """A partial of an async function is async too."""
    ran = []

    async def charge(currency: str, order_id: str) -> str:
        ran.append(order_id)
        return currency

    options: dict[str, Any] = {"name": "charge", "key": "order_id", "lease_seconds": 30}
    made: Any = idempotent(**options, wiring=memory.wiring())(functools.partial(charge, "EUR"))
    assert [asyncio.run(made("a")), asyncio.run(made("a"))] == ["EUR", "EUR"]
    assert ran == ["a"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": ""}, "1 to 100 characters"),
        ({"name": "a#b"}, "1 to 100 characters"),
        ({"name": "x" * 101}, "1 to 100 characters"),
        ({"name": "größe"}, "1 to 100 characters"),
        ({"key": "event."}, "not a JMESPath"),
        ({"key": ""}, "not a JMESPath"),
        ({"key": "'charge'"}, "even in an empty message"),
        ({"payload": ""}, "not a JMESPath"),
        ({"key": None}, "None cannot be a key or payload: set a JMESPath expression or a function"),
        ({"key": 5}, "5 cannot be a key"),
        ({"key": True}, "True cannot be a key"),
        ({"key": ["event.id"]}, r"\['event.id'\] cannot be a key"),
        ({"key": b"event.id"}, "b'event.id' cannot be a key"),
        ({"key": {"event": "id"}}, "{'event': 'id'} cannot be a key"),
        ({"payload": 5}, "5 cannot be a key or payload: set a JMESPath expression or a function"),
        ({"payload": ("event.a", "event.b")}, "cannot be a key or payload"),
        ({"payload": False}, "False cannot be a key or payload"),
        ({"payload": "a["}, "not a JMESPath"),
        ({"results": "keep"}, 'set "store" or "discard"'),
        ({"lease_seconds": 0}, "lease_seconds is 0"),
        ({"lease_seconds": -1}, "over 0"),
        ({"lease_seconds": float("nan")}, "over 0"),
        ({"lease_seconds": float("inf")}, "at most"),
        ({"lease_seconds": "5"}, "lease_seconds is '5': set a number over 0"),
        ({"lease_seconds": [5]}, "set a number over 0"),
        ({"name": None}, "None is not a name .* 1 to 100 characters"),
        ({"name": 5}, "5 is not a name .* 1 to 100 characters"),
    ],
)
def test_wrong_options(options: dict[str, Any], problem: str) -> None:
    """The import of the module reports wrong arguments of the decorator."""
    with pytest.raises(errors.ConfigurationError, match=problem):
        idempotent(**{"name": "charge", "key": "order_id"} | options)


def test_name_is_required() -> None:
    """There is no name by default: a function's own would change with it."""
    with pytest.raises(TypeError, match="'name'"):
        idempotent(key="order_id")  # type: ignore[call-arg]


def refund(x: str) -> str:
    """Return what it gets too."""
    return x


class TestOneNameOneFunction:
    """Two functions of one name would answer for each other."""

    @pytest.fixture(params=["environment", "wiring"])
    def options(self, request: pytest.FixtureRequest, memory: Shop) -> dict[str, Any]:
        """Options of a function that uses the environment's wiring, or separate wiring."""
        own = {"wiring": memory.wiring()} if request.param == "wiring" else {}
        return {"name": "charge", "key": "x"} | own

    def test_two_functions(self, options: dict[str, Any]) -> None:
        """A second function of a name is refused when it is decorated; both are named."""
        decorate = idempotent(**options)
        decorate(echoed)
        for second in (refund, functools.partial(refund), functools.wraps(refund)(lambda x: x)):
            with pytest.raises(errors.ConfigurationError) as caught:
                decorate(second)
            text = str(caught.value)
            assert text.startswith("@idempotent of 'charge': ")
            assert f"{__name__}.echoed" in text
            assert f"{__name__}.refund" in text
            assert "give one of them another name" in text
        idempotent(**options | {"name": "refund"})(refund)

    def test_again(self, options: dict[str, Any]) -> None:
        """The same function may be decorated again: its module may be loaded again."""
        for _ in range(2):
            idempotent(**options)(echoed)
            idempotent(**options | {"key": "[x]"})(echoed)

    def test_a_factory(self, options: dict[str, Any]) -> None:
        """Functions that a factory makes are one function, unless each has its own name."""

        def make(provider: str, name: str) -> Any:
            def charge(x: str, context: Any) -> str:
                del context
                return f"{x} by {provider}"

            return idempotent(**options | {"name": name})(charge)

        if "wiring" not in options:
            assert make("stripe", "charge")
            assert make("adyen", "charge")
            return
        names = ("charge", "charge"), ("stripe", "adyen")
        results = [
            [
                make(provider, name)("a", Context())
                for provider, name in zip(PROVIDERS, pair, strict=True)
            ]
            for pair in names
        ]
        assert results == [["a by stripe", "a by stripe"], ["a by stripe", "a by adyen"]]

    def test_other_wiring(self, options: dict[str, Any], memory: Shop) -> None:
        """Functions of different wirings have different tables, and may share a name."""
        idempotent(**options)(echoed)
        idempotent(**options | {"wiring": memory.wiring()})(refund)

    def test_nothing_is_left(self, options: dict[str, Any]) -> None:
        """Functions that another test has decorated are forgotten."""
        idempotent(**options)(refund)


def test_awaitable_of_a_sync_function(clock: ManualClock) -> None:
    """A sync function that returns an awaitable has not run, and its claim is given back."""
    shop = Shop(InMemory(), "sync", clock)

    async def later() -> None:
        raise AssertionError

    with pytest.raises(errors.InvalidResultError, match="coroutine"):
        shop.function(lambda *_: later())("a")
    assert shop.record() is None
    assert shop.outcomes() == ["failed"]


def test_iterators(shop: Shop) -> None:
    """An iterator, whose work has not run, is an error, and the claim is given back."""
    for value in ((each for each in "ab"), iter([1]), map(str, [1])):
        with pytest.raises(errors.InvalidResultError, match="is not done"):
            shop.function(value, results="discard")("a")
        assert shop.record() is None


@pytest.mark.parametrize("results", ["store", "discard"])
def test_returned_work(shop: Shop, results: str) -> None:
    """A function, a future or a thread that is returned is work that has not been done."""

    def durable_step(function: Any) -> Any:
        """Wrap a step as a durable SDK does: the call returns a function of the step's context."""
        return lambda *args: lambda step: function(step, *args)

    for value in (
        lambda *_: print,
        lambda *_: functools.partial(print),
        lambda *_: Future(),
        lambda *_: threading.Thread(target=print),
        durable_step(print),
    ):
        for _ in range(2):
            with pytest.raises(errors.InvalidResultError, match="is not done") as caught:
                shop.function(value, results=results)("a")
            assert "processor" not in str(caught.value)
            assert shop.record() is None
    assert {*shop.outcomes()} == {"failed"}


def test_mocks_are_results(shop: Shop) -> None:
    """A mock, a class and an own object that can be called are results that are discarded."""
    for number, value in enumerate((MagicMock(), Shop, type("Own", (), {"__call__": print})())):
        charge = shop.function(lambda *_, value=value: value, results="discard")
        assert charge(f"k-{number}") is value
        assert shop.status(f"k-{number}") == "COMPLETED"


def test_what_is_no_handler(memory: Shop) -> None:
    """A third parameter, or a decorator that hides the parameters, makes another function."""

    def handler(event: Any, context: Any) -> Any:
        del event, context
        return {"parts": (1,)}

    def third(event: Any, context: Any, store: Any = None) -> Any:
        return store or handler(event, context)

    def hidden(*args: Any) -> Any:
        return handler(*args)

    @functools.wraps(handler)
    def shown(*args: Any) -> Any:
        return handler(*args)

    for number, function in enumerate((shown, handler, third, hidden)):
        options: Any = {"name": f"n-{number}", "key": lambda *_: "k"}
        call = memory.decorated(function, **options)
        if number < 2:
            assert call({}, Context()) == {"parts": [1]}
            continue
        with pytest.raises(errors.InvalidResultError, match="a tuple would come back as a list"):
            call({}, Context())


def test_generators() -> None:
    """Generator functions are refused when they are decorated."""

    def generator(order_id: str) -> Iterator[str]:
        yield order_id

    async def asynchronous(order_id: str) -> Any:
        yield order_id

    decorate = idempotent(name="charge", key="order_id")
    for function in (generator, asynchronous, functools.partial(generator, "a")):
        with pytest.raises(errors.ConfigurationError, match="generator"):
            decorate(function)
