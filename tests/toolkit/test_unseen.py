"""Where no side effect is seen, the error says what was seen instead."""

import importlib
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import Effects, HammerError, events, hammer

pytestmark = pytest.mark.slow

ORDER = events.sqs({"order_id": "ORDER-1"})
PAYMENTS = """
class Provider:
    def refund(self, order):
        pass


def charge(order):
    log(order)


def log(order):
    pass
"""
ORDERS = """
import json
import threading

import payments_of_test
from payments_of_test import Provider, charge


def process(message):
    json.dumps(message.body)
    charge(message.body)


def refund(message):
    Provider().refund(message.body)


def through_the_module(message):
    payments_of_test.charge(message.body)


def in_a_thread(message):
    thread = threading.Thread(target=charge, args=[message.body])
    thread.start()
    thread.join()


def swallows(message):
    try:
        charge(message.body)
    except ZeroDivisionError:
        pass
"""
RAN = (
    "  your functions that ran: "
    "orders_of_test.process, payments_of_test.charge, payments_of_test.log"
)


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that imports a function from another one."""
    for name, text in (("payments_of_test", PAYMENTS), ("orders_of_test", ORDERS)):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("orders_of_test")
    yield module
    for name in ("payments_of_test", "orders_of_test"):
        sys.modules.pop(name)


def explain(process: Any, effects: Effects | None = None) -> list[str]:
    """Return the lines of the error."""
    with pytest.raises(HammerError) as raised:
        hammer(process, ORDER, effects=effects or Effects(), key="body.order_id")
    return str(raised.value).split("\n")


def test_nothing_is_declared(orders: Any) -> None:
    """Without a declaration, the error lists the functions of the user's modules that ran."""
    assert explain(orders.process) == [
        "no side effect was seen",
        "  declared: none",
        RAN,
        '  fix: declare what must happen once: hammer.effect("module.function")',
    ]


def test_the_name_where_it_is_defined(orders: Any) -> None:
    """A function that the code has imported is to be replaced where the code finds it."""
    effects = Effects()
    with effects.patch("payments_of_test.charge"):
        assert explain(orders.process, effects)[1:] == [
            "  declared: payments_of_test.charge",
            RAN,
            "  payments_of_test.charge ran, but you replaced payments_of_test.charge",
            "  fix: replace it where the code finds it: 'orders_of_test.charge'",
        ]


def test_the_name_where_it_is_imported(orders: Any) -> None:
    """A function that the code calls through its module is to be replaced in that module."""
    effects = Effects()
    with effects.patch("orders_of_test.charge", name="pay"):
        assert explain(orders.through_the_module, effects)[-2:] == [
            "  payments_of_test.charge ran, but you replaced orders_of_test.charge",
            "  fix: replace it where the code finds it: 'payments_of_test.charge'",
        ]


def test_a_recorder_that_replaces_nothing(orders: Any) -> None:
    """A recorder that the test forgot to put in place is named."""
    effects = Effects()
    effects.of("charge")
    assert explain(orders.in_a_thread, effects)[-2:] == [
        "  payments_of_test.charge ran, but nothing replaced it with effects.of('charge')",
        "  fix: replace it where the code finds it: 'orders_of_test.charge'",
    ]
    effects = Effects()
    effects.of("refund")
    assert explain(orders.refund, effects)[-1] == (
        "  fix: replace it where the code finds it: 'payments_of_test.Provider.refund'"
    )


def test_another_function(orders: Any) -> None:
    """If nothing is near, the error says what else may be wrong."""
    effects = Effects()
    with effects.patch("orders_of_test.refund", name="give back"):
        assert explain(orders.process, effects)[1:] == [
            "  declared: orders_of_test.refund as 'give back'",
            RAN,
            "  fix: declare one of these functions, or give an event that has a side effect",
        ]


def test_a_function_that_raises(orders: Any) -> None:
    """A recorder whose own function raised is named."""
    effects = Effects()
    with effects.patch("orders_of_test.charge", lambda _: 1 / 0):
        assert explain(orders.swallows, effects)[-1] == (
            "  'charge' began, and the function that you gave for it raised an exception"
        )


def test_many_functions(orders: Any) -> None:
    """Of many functions, the first eight are listed."""
    assert orders
    functions: dict[str, Any] = {"__name__": "many"}
    text = "".join(f"def f{number}(): pass\n" for number in range(12))
    exec(compile(text, "/srv/orders/many.py", "exec"), functions)  # noqa: S102  # the text above

    def process(_: Any) -> None:
        for number in range(12):
            functions[f"f{number}"]()

    line = explain(process)[2]
    assert line.endswith("many.f5, many.f6 and 5 more")


def test_a_profiler_goes_on(orders: Any) -> None:
    """A profiler of the user runs again afterwards."""
    seen: list[str] = []

    def note(*event: Any) -> None:
        seen.append(event[1])

    sys.setprofile(note)
    threading.setprofile(note)
    try:
        explain(orders.process)
        assert (sys.getprofile(), threading.getprofile()) == (note, note)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # as documented
    assert seen
