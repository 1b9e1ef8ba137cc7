"""Recorders of side effects look like the functions that they replace."""

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from idempotent_lambda_toolkit.testing import Effects

SHOP = '''
import asyncio
import functools
import unittest.mock

RATE = 1.5
ran = []


def charge(order_id, amount=1, *, idempotency_key=None):
    """Charge an order."""
    ran.append("charge")


async def charge_async(order_id, token):
    ran.append("charge_async")


def plain(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def run(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return asyncio.run(function(*args, **kwargs))

    return wrapper


def with_session(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function("session", *args, **kwargs)

    return wrapper


@with_session
def save(session, order_id):
    ran.append("save")


class Caller:
    async def __call__(self, order_id):
        ran.append("Caller")


logged = plain(charge_async)
waited = run(charge_async)
partial = functools.partial(charge_async, "O-1")
mocked = unittest.mock.AsyncMock()
called = Caller()


class Client:
    def charge(self, order_id, token):
        ran.append("method")

    @staticmethod
    def of_class(order_id):
        ran.append("static")

    @classmethod
    def made(cls, order_id):
        ran.append("class")

    async def sends(self, order_id):
        ran.append("async")


class Slots:
    __slots__ = ()

    def charge(self):
        pass


class Child(Client):
    """Inherits everything."""


client = Client()
slots = Slots()
'''


@pytest.fixture
def shop() -> Iterator[Any]:
    """A module with side effects, as a user has it."""
    module: Any = ModuleType("shop_of_doubles")
    exec(SHOP, module.__dict__)  # noqa: S102  # the text above
    with mock.patch.dict(sys.modules, {"shop_of_doubles": module}):
        yield module


def patched(effects: Effects, name: str, **options: Any) -> Any:
    """Replace a function of the shop."""
    return effects.patch(f"shop_of_doubles.{name}", **options)


@pytest.mark.parametrize("name", ["charge_async", "logged", "partial", "mocked", "called"])
def test_coroutine_functions(shop: Any, name: str) -> None:
    """A function that the code awaits gets a recorder that it can await."""
    effects = Effects()
    with patched(effects, name):
        double = getattr(shop, name)
        assert inspect.iscoroutinefunction(double)
        args = ["T"] if name == "partial" else ["O-1"] if name == "called" else ["O-1", "T"]
        awaitable = double(*args)
        assert effects.calls == []
        asyncio.run(awaitable)
    assert [call.name for call in effects.calls] == [name]
    assert shop.ran == []


def test_a_decorator_that_runs_the_coroutine(shop: Any) -> None:
    """A decorator that runs a coroutine makes a plain function of it, and so is the recorder."""
    effects = Effects()
    with patched(effects, "waited"):
        assert shop.waited("O-1", "T") is None
    with patched(effects, "logged", function=lambda *_: 5):
        assert shop.logged("O-1", "T") == 5
    assert len(effects.calls) == 2


def test_a_function_that_returns_an_awaitable() -> None:
    """An awaitable from a plain function is done when it is awaited."""
    effects = Effects()

    async def reply() -> int:
        return 7

    def returns_it() -> Any:
        return reply()

    async def call(double: Callable[..., Any]) -> Any:
        return await double()

    for function in (
        reply,
        returns_it,
        functools.partial(reply),
        mock.AsyncMock(return_value=7),
    ):
        assert asyncio.run(call(effects.of("ask", function))) == 7
    assert len(effects.calls) == 4


@pytest.mark.parametrize("name", ["Client", "Child"])
def test_methods(shop: Any, name: str) -> None:
    """A method that is replaced on its class, also on a child, keeps its kind."""
    effects, kind = Effects(), getattr(shop, name)
    with (
        patched(effects, f"{name}.charge", token="token"),
        patched(effects, f"{name}.of_class"),
        patched(effects, f"{name}.made", function=lambda cls, order: (cls, order)),
        patched(effects, f"{name}.sends"),
    ):
        kind().charge("O-1", "T")
        kind().of_class("O-1")
        kind.of_class("O-1")
        assert kind.made("O-1") == kind().made("O-1") == (kind, "O-1")
        asyncio.run(kind().sends("O-1"))
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'token'"):
            kind().charge("O-1")
    names = ["charge", "of_class", "of_class", "made", "made", "sends"]
    assert [call.name for call in effects.calls] == names
    assert effects.calls[0].token == "'T'"
    assert shop.ran == []
    kind().charge("O-1", "T")
    kind.of_class("O-1")
    assert shop.ran == ["method", "static"]


def test_the_method_of_an_object(shop: Any) -> None:
    """A method of an object in a module gets no self."""
    effects = Effects()
    with patched(effects, "client.charge", token="token"):
        shop.client.charge("O-1", "T")
        shop.Client().charge("O-2", "T")
    assert [(call.args, call.token) for call in effects.calls] == [(("O-1", "T"), "'T'")]
    assert shop.ran == ["method"]


@pytest.mark.parametrize(
    "arguments", [(), ("O-1", 1, "key"), ("O-1", 1, 2, 3)], ids=["few", "keyword", "many"]
)
def test_wrong_arguments(shop: Any, arguments: tuple[Any, ...]) -> None:
    """A call that the real function refuses raises the same error, and is no side effect."""
    effects = Effects()
    with pytest.raises(TypeError) as real:
        shop.charge(*arguments)
    with patched(effects, "charge"), pytest.raises(TypeError) as raised:
        shop.charge(*arguments)
    assert str(raised.value) == str(real.value)
    assert (effects.calls, shop.ran) == ([], [])


def test_wrong_arguments_of_a_coroutine(shop: Any) -> None:
    """A coroutine function refuses wrong arguments too."""
    with patched(Effects(), "charge_async"), pytest.raises(TypeError, match="'token'"):
        asyncio.run(shop.charge_async("O-1"))


def test_the_signature(shop: Any) -> None:
    """Code that looks at a recorder sees the real name, text and signature."""
    real = shop.charge
    with patched(Effects(), "charge"):
        assert inspect.signature(shop.charge) == inspect.signature(real)
        assert (shop.charge.__name__, shop.charge.__doc__) == ("charge", "Charge an order.")


def test_a_decorator_that_adds_an_argument(shop: Any) -> None:
    """A decorator may pass more arguments than it gets: then its own signature counts."""
    effects = Effects()
    with patched(effects, "save"):
        shop.save("O-1")
    assert len(effects.calls) == 1


def test_functions_in_c() -> None:
    """A function without a signature takes every call."""
    effects = Effects()
    effects.of("least", like=min)(1, 2, 3, four=5)
    effects.of("update", like={}.update, token="id")(id=7)
    assert [call.token for call in effects.calls] == [None, "7"]


@pytest.mark.parametrize(
    ("args", "kwargs", "token"),
    [
        (("O-1",), {"idempotency_key": "K"}, "'K'"),
        (("O-1", 2), {}, None),
    ],
)
def test_tokens(shop: Any, args: Any, kwargs: Any, token: str | None) -> None:
    """A token is found by the name of its parameter."""
    effects = Effects()
    with patched(effects, "charge", token="idempotency_key"):
        shop.charge(*args, **kwargs)
    assert effects.calls[0].token == token


def test_tokens_by_position(shop: Any) -> None:
    """A token by position, or by default, is found through the real signature."""
    effects = Effects()
    with patched(effects, "logged", token="token"):
        asyncio.run(shop.logged("O-1", "T"))
    with patched(effects, "charge", token="amount", function=lambda *_, **__: None):
        shop.charge("O-1", 7)
        shop.charge("O-1")
    assert [call.token for call in effects.calls] == ["'T'", "7", "1"]


def test_a_token_that_does_not_exist(shop: Any) -> None:
    """A token that is not a parameter is refused, with the names of the parameters."""
    with pytest.raises(ValueError, match=r"no parameter 'key', its token: .*order_id, amount, id"):
        patched(Effects(), "charge", token="key").__enter__()
    with pytest.raises(ValueError, match="no parameter 'key'"):
        Effects().of("charge", lambda order_id: None, token="key")  # noqa: ARG005
    assert Effects().of("charge", lambda **_: 7, token="key")(key=1) == 7
    assert "charge" in shop.charge.__name__


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("charge", "names no module: write the name under which your code finds it"),
        ("shop_of_double.charge", "no module 'shop_of_double': did you mean 'shop_of_doubles'"),
        ("shop_of_doubles.chrage", "has no 'chrage': did you mean 'shop_of_doubles.charge'"),
        ("shop_of_doubles.Cleint.charge", "has no 'Cleint': did you mean 'shop_of_doubles.Client"),
        ("shop_of_doubles.Client.chrage", "the class 'shop_of_doubles.Client' has no 'chrage'"),
        ("shop_of_doubles.client.chrage", "the Client 'shop_of_doubles.client' has no 'chrage'"),
        ("shop_of_doubles.zzzzzz", "has no 'zzzzzz': write the name as your code has it"),
        ("shop_of_doubles.RATE", "is a value of type float: name a function or a method"),
        (
            "shop_of_doubles.slots.charge",
            "takes no attributes: name the method of its class, Slots",
        ),
        ("importlib.metadatas.version", "has no 'metadatas': did you mean 'importlib.metadata'"),
    ],
)
def test_targets_that_do_not_exist(shop: Any, target: str, message: str) -> None:
    """An unknown target is refused, with the part that is missing and names that are near."""
    assert shop.RATE
    with pytest.raises(ValueError, match=message) as raised:
        Effects().patch(target).__enter__()
    assert repr(target) in str(raised.value)


def test_submodules() -> None:
    """A module that nobody has imported yet is imported, as by monkeypatch."""
    sys.modules.pop("wsgiref.validate", None)
    with Effects().patch("wsgiref.validate.validator"):
        assert "wsgiref.validate" in sys.modules


def test_an_import_that_fails(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that cannot import something else raises its own error."""
    (tmp_path / "broken_shop.py").write_text("import not_installed_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_installed_at_all"):
        Effects().patch("broken_shop.charge").__enter__()


def test_shared_needs_a_token() -> None:
    """A shared receiver is declared with its token."""
    with pytest.raises(ValueError, match="is shared and has no token"):
        Effects().of("charge", shared=True)
