"""Each case of `tests/cases/results.json`: what every caller of a decorated function gets."""

import importlib
import json
import marshal
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import Millis
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory
from tests.handler.transports import name_failures

from .shop import Context, Shop

CASES = json.loads((Path(__file__).parents[2] / "cases" / "results.json").read_text())
MODULES = (
    "collections", "dataclasses", "datetime", "decimal", "enum", "http", "time", "unittest.mock",
    "uuid",
)  # fmt: skip
NAMES = {name.partition(".")[0]: importlib.import_module(name) for name in MODULES} | {
    "unittest": importlib.import_module("unittest")
}
HANDLER, INNER = "handler", "inner"
OVER = Millis(120_000)
"""Longer than any lease here."""

PLACES = [
    pytest.param(case, where, id=f"{case['kind']}: {case['name']}, {where}")
    for case in CASES
    for where in (HANDLER, INNER)
    if case.get("where", where) == where and "not_done" not in case
]


def make_value(case: dict[str, Any]) -> Any:
    """The value that the function of a case returns."""
    return eval(case["python"], dict(NAMES))  # noqa: S307  # an expression of this repository


class Desk:
    """A decorated function that returns a value, called as a handler or as an inner function."""

    def __init__(self, shop: Shop, where: str, case: dict[str, Any]) -> None:
        self._shop, self._where, self._case = shop, where, case
        self.runs = 0
        self.is_late = False

    def function(self, shop: Shop) -> Any:
        if self._where == HANDLER:

            def handle(event: Any, context: Any) -> Any:
                del event, context
                return self._run()

            decorated = shop.decorated(handle, name="charge", key="event.id")
            return lambda: decorated({"id": "a"}, Context())

        def charge(order_id: str) -> Any:
            del order_id
            return self._run()

        decorated = shop.decorated(charge, name="charge", key="order_id", lease_seconds=30)
        return lambda: decorated("a")

    def _run(self) -> Any:
        self.runs += 1
        if self.is_late:
            self.is_late = False
            self._shop.clock.advance(OVER)
            # The call that completes the key meanwhile; an async one cannot run here.
            self.call(self.function(Shop(self._shop.engine, "sync", self._shop.clock)))
        return make_value(self._case)

    def call(self, function: Any) -> Any:
        try:
            return function()
        except errors.IdempotencyError as error:
            return error


@pytest.fixture(params=["sync", "async"])
def shop(request: pytest.FixtureRequest, clock: ManualClock) -> Shop:
    """Functions of both colours in turn."""
    return Shop(InMemory(), request.param, clock)


def is_same(first: Any, second: Any) -> bool:
    """Whether two JSON values have the same parts, of exactly the same types."""
    return marshal.dumps(first, 0) == marshal.dumps(second, 0)


@pytest.mark.parametrize(("case", "where"), PLACES)
def test_what_every_caller_gets(clock: ManualClock, case: dict[str, Any], where: str) -> None:
    """The first caller, the one that lost its lease, and every later one get the same value."""
    for color in ("sync", "async"):
        for is_late in (False, True):
            with name_failures(f"{color}, late: {is_late}"):
                check_callers(Shop(InMemory(), color, clock), case, where, is_late=is_late)


def check_callers(shop: Shop, case: dict[str, Any], where: str, *, is_late: bool) -> None:
    """Three calls one after the other get the value of the case."""
    desk = Desk(shop, where, case)
    desk.is_late = is_late
    function = desk.function(shop)
    first, *later = [desk.call(function) for _ in range(3)]
    assert desk.runs == (2 if is_late else 1)
    assert shop.status() == "COMPLETED"
    if "error" in case:
        assert type(first) is (errors.LostLeaseError if is_late else errors.InvalidResultError)
        assert is_late or case["error"] in str(first)
        assert is_late or 'or set results="discard"' in str(first)
        assert [type(each) for each in later] == [errors.ResultUnavailableError] * 2
    else:
        assert all(is_same(each, case["json"]) for each in (first, *later)), (first, later)


def test_every_kind_has_siblings() -> None:
    """Each kind has at least four cases, and no two of one name at one place."""
    kinds = [case["kind"] for case in CASES]
    assert {kind for kind in kinds if kinds.count(kind) < 4} == set()
    named = [(case["kind"], case["name"], case.get("where")) for case in CASES]
    assert len({*named}) == len(named)


def test_a_result_that_is_not_stored_is_returned_as_it_is(clock: ManualClock) -> None:
    """With results discarded, and in observe mode, a handler's result is its own object."""
    value = {"items": (1, 2)}
    for options in ({"results": "discard"}, {"wiring": "observe"}):
        shop = Shop(InMemory(), "sync", clock)
        if "wiring" in options:
            options = {"wiring": shop.wiring(observe_only=True)}  # noqa: PLW2901
        handler = shop.decorated(lambda event, context: value, name="h", key="event", **options)  # noqa: ARG005
        assert handler("a", Context()) is value


def test_plain_results_are_not_copied(shop: Shop) -> None:
    """The first caller gets the object itself if it has JSON's own types only."""
    value = {"statusCode": 200, "body": [1, 1.0, True, None]}
    handler = shop.decorated(lambda event, context: value, name="h", key="event")  # noqa: ARG005
    assert handler("a", Context()) is value
    inner = shop.decorated(lambda key: value, name="i", key="key", lease_seconds=30)  # noqa: ARG005
    assert inner("a") is value


def test_a_part_fails_in_the_first_call(shop: Shop) -> None:
    """Code that needs the enumeration fails at once, not only for duplicates."""
    charge = shop.function(lambda *_: {"statusCode": NAMES["http"].HTTPStatus.OK})
    for _ in range(2):
        assert type(charge("a")["statusCode"]) is int


CONTEXT = Context()


def pair(event: Any, context: Any) -> Any:  # noqa: ARG001
    """What Lambda calls."""
    return (1,)


def test_which_calls_are_a_handlers(shop: Shop) -> None:
    """A handler has two positional parameters, and gets the context as the second."""

    class Service:
        def handle(self, event: Any, context: Any) -> Any:
            return pair(event, context)

    def optional(event: Any, context: Any, clock: Any = None) -> Any:  # noqa: ARG001
        return (1,)

    def swapped(context: Any, event: Any) -> Any:  # noqa: ARG001
        return (1,)

    def named(event: Any, *, context: Any) -> Any:  # noqa: ARG001
        return (1,)

    def starred(event: Any, *context: Any) -> Any:  # noqa: ARG001
        return (1,)

    def slashed(event: Any, context: Any, /) -> Any:  # noqa: ARG001
        return (1,)

    calls: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any], bool]] = {
        "handler": (pair, ("a", CONTEXT), {}, True),
        "by-name": (pair, (), {"context": CONTEXT, "event": "a"}, True),
        "method": (Service().handle, ("a", CONTEXT), {}, True),
        "positional": (slashed, ("a", CONTEXT), {}, True),
        "no-context": (pair, ("a", 5), {}, False),
        "three": (optional, ("a", CONTEXT), {}, False),
        "swapped": (swapped, (CONTEXT, "a"), {}, False),
        "keyword-only": (named, ("a",), {"context": CONTEXT}, False),
        "starred": (starred, ("a", CONTEXT), {}, False),
    }
    for name, (function, args, kwargs, is_handler) in calls.items():
        call = shop.decorated(function, name=name, key="event", lease_seconds=30)
        if is_handler:
            assert call(*args, **kwargs) == call(*args, **kwargs) == [1]
            continue
        with pytest.raises(errors.InvalidResultError, match="a tuple would come back as a list"):
            call(*args, **kwargs)
