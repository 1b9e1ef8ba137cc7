"""Arguments that are Lambda contexts, and arguments that only look like one."""

from collections import namedtuple
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import InvocationContext, Millis, read_context

from .shop import Context, Shop
from .test_results import MONSTERS


def mock_of(remaining: object, **fields: Any) -> MagicMock:
    """A mock as tests make it."""
    mock = MagicMock(**fields)
    mock.get_remaining_time_in_millis.return_value = remaining
    return mock


def context_of(remaining: object, **fields: Any) -> SimpleNamespace:
    """A context as tests make it."""
    return SimpleNamespace(get_remaining_time_in_millis=lambda: remaining, **fields)


Named = namedtuple("Named", ["get_remaining_time_in_millis", "aws_request_id"])  # noqa: PYI024


class Text(str):
    """A subclass of str."""

    __slots__ = ()


CONTEXTS: dict[str, tuple[Any, int, str]] = {
    "Lambda's": (Context(20_000), 20_000, "r-1"),
    "a namespace": (context_of(20_000, aws_request_id="r-2"), 20_000, "r-2"),
    "without an id": (context_of(20_000), 20_000, ""),
    "a named tuple": (Named(lambda: 20_000, "r-3"), 20_000, "r-3"),
    "a mock with a value": (mock_of(20_000), 20_000, ""),
    "a mock with an id": (mock_of(20_000, aws_request_id="r-4"), 20_000, "r-4"),
    "a mock of the class": (create_autospec(Context, instance=True), 0, ""),
    "a fraction of a millisecond": (context_of(20_000.7), 20_000, ""),
    "no time left": (context_of(0), 0, ""),
    "time that is over": (context_of(-5), -5, ""),
    "an id that is null": (context_of(1, aws_request_id=None), 1, ""),
    "an id of another class": (context_of(1, aws_request_id=Text("r")), 1, ""),
}
CONTEXTS["a mock of the class"][0].get_remaining_time_in_millis.return_value = 0

LOOKALIKES: dict[str, Any] = {
    "MagicMock": MagicMock(),
    "Mock": Mock(),
    "AsyncMock": AsyncMock(),
    "a mock that raises": MagicMock(get_remaining_time_in_millis=Mock(side_effect=OSError)),
    "a mock of a number": mock_of(MagicMock(spec=int)),
    "null": context_of(None),
    "true": context_of(True),  # noqa: FBT003
    "text": context_of("20000"),
    "not a number": context_of(float("nan")),
    "infinity": context_of(float("inf")),
    "no method": SimpleNamespace(get_remaining_time_in_millis=20_000),
    "a method with parameters": SimpleNamespace(get_remaining_time_in_millis=lambda _: 1),
    "a class": Context,
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_contexts(name: str) -> None:
    """A context returns a number of milliseconds; its id may be missing."""
    value, remaining, request_id = CONTEXTS[name]
    assert read_context(value) == InvocationContext(Millis(remaining), request_id)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_lookalikes(memory: Shop, name: str) -> None:
    """Without a lease, the error names the mock and says what to set; a lease is enough."""
    value = LOOKALIKES[name]
    with pytest.raises(errors.ConfigurationError) as caught:
        memory.function(lease_seconds=None)("a", value)
    text = str(caught.value)
    assert f"no argument is a Lambda context (their types: str, {type(value).__name__}):" in text
    assert "get_remaining_time_in_millis.return_value = 30000" in text
    assert memory.ran == memory.store.calls == []
    assert memory.function("done", lease_seconds=30)("a", value) == "done"
    assert [line["outcome"] for line in memory.log()] == ["completed"]


def test_no_argument(memory: Shop) -> None:
    """A function without arguments needs a lease, and the error says so."""
    call = memory.decorated(lambda: "done", name="charge", key=lambda: "k")
    with pytest.raises(errors.ConfigurationError, match=r"\(their types: none\).* lease_seconds"):
        call()


@pytest.mark.parametrize("monster", range(len(MONSTERS)))
def test_monsters(memory: Shop, monster: int) -> None:
    """An argument that raises whatever it is asked is not a context, and the call runs."""
    assert memory.function("done")("a", MONSTERS[monster]) == "done"
    with pytest.raises(errors.ConfigurationError, match="no argument is a Lambda context"):
        memory.function(lease_seconds=None)("b", MONSTERS[monster])


@pytest.mark.parametrize("client", [MagicMock(), AsyncMock()], ids=["MagicMock", "AsyncMock"])
def test_a_client_and_a_context(shop: Shop, client: Any) -> None:
    """The context counts wherever it is, and a mock before it is not even called."""

    def handler(client: Any, order_id: str, context: Any) -> str:
        del client, order_id, context
        return "done"

    call = shop.decorated(handler, name="charge", key="order_id")
    assert call(client, "a", Context()) == "done"
    assert call(client=client, context=Context(), order_id="b") == "done"
    assert [line["request_id"] for line in shop.log()] == ["r-1"] * 2
    assert client.mock_calls == []


def test_a_mock_after_the_context(shop: Shop) -> None:
    """A mock that converts to one millisecond hides no context, and neither does true."""

    def handler(order_id: str, *others: Any) -> int:
        del order_id
        return len(others)

    call = shop.decorated(handler, name="charge", key="order_id")
    assert call("a", Context(), MagicMock(), AsyncMock(), context_of(True)) == 4  # noqa: FBT003
    assert [line["request_id"] for line in shop.log()] == ["r-1"]
