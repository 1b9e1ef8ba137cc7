"""The processors and handlers that this repository shows are idempotent."""

import importlib.util
import re
import runpy
import sys
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import Effects, events, hammer

ROOT = Path(__file__).parents[2]
BODY = {
    "order_id": "ORDER-1",
    "deposit_id": "DEPOSIT-1",
    "movement_id": "MOVEMENT-1",
    "account_id": "ACCOUNT-1",
    "parcel_id": "PARCEL-1",
    "place": "Hamburg",
    "amount_cents": 1999,
    "currency": "EUR",
    "lines": [{"name": "Tea", "quantity": 2, "price_cents": 450}],
}
ROW = {"order_id": "ORDER-1", "parcel_id": "PARCEL-1", "state": "sent", "amount_cents": 1999}
SQS, PLACED = events.sqs(BODY), events.eventbridge(BODY)
REQUEST = {
    "version": "2.0",
    "rawPath": "/",
    "rawQueryString": "",
    "headers": {"idempotency-key": "KEY-1"},
    "requestContext": {
        "authorizer": {"iam": {"callerId": "AROACKCEVSQ6C2EXAMPLE:session"}},
        "http": {"method": "POST"},
    },
    "body": '{"order_id": "ORDER-1", "amount_cents": 1999}',
}
EITHER = "body.order_id || dynamodb.NewImage.order_id.S"
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

EXAMPLES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "quickstart": ("quickstart/src/orders.py", "ledger.put_item", SQS, {"key": "body.order_id"}),
    "dependencies": (
        "dependencies/src/invoices.py",
        "invoices.put_item",
        SQS,
        {"key": "body.order_id"},
    ),
    "fifo": (
        "fifo/src/accounts.py",
        "accounts.update_item",
        events.fifo(BODY),
        {"key": "body.movement_id"},
    ),
    "billing": (
        "sns-fanout/src/billing.py",
        "work.table.put_item",
        events.sns_in_sqs(BODY),
        {"key": "body.order_id"},
    ),
    "shipping": (
        "sns-fanout/src/shipping.py",
        "work.table.put_item",
        events.sns_in_sqs(BODY, raw=True),
        {"key": "body.order_id"},
    ),
    "scans": (
        "streams/src/timelines.py",
        "timelines.update_item",
        events.kinesis(BODY),
        {"retries": False},
    ),
    "states": (
        "streams/src/timelines.py",
        "timelines.update_item",
        events.dynamodb(ROW, keys=("order_id",)),
        {},
    ),
    "existing-handler": ("existing-handler/src/orders.py", "ledger.put_item", PLACED, {}),
    "http-api": ("http-api/src/payments.py", "ledger.put_item", REQUEST, {}),
    "exactly-once": (
        "exactly-once/src/balances.py",
        "",
        SQS,
        {"key": "body.deposit_id", "exactly_once": True},
    ),
    "complete": ("complete/src/orders.py", "ledger.put_item", SQS, {"key": EITHER}),
    "complete, rows": (
        "complete/src/orders.py",
        "ledger.put_item",
        events.dynamodb(ROW, keys=("order_id",)),
        {"key": EITHER},
    ),
}
"""The file, its effect, an event, and options of `hammer`."""


class Anything(dict[str, str]):
    """An environment in which every variable is set."""

    def __missing__(self, name: str) -> str:
        return name


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An example's module, which finds its neighbours and layers."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.syspath_prepend(path.parents[1] / "layer" / "python")
    for wheel in (ROOT / ".wheels").glob("*.whl"):
        monkeypatch.syspath_prepend(wheel)
    for name in ("work", "receipts", "shop", "shop.prices"):
        # No other example, and no later test, may find this example's neighbours.
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr("os.environ", Anything())
    return module


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_leaves_no_modules(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an example imports from its own directory is gone after its test."""
    before = {*sys.modules}
    with monkeypatch.context() as patch:
        loaded(ROOT / "examples" / EXAMPLES[name][0], patch)
    files = [str(getattr(sys.modules[name], "__file__", "")) for name in {*sys.modules} - before]
    assert [file for file in files if file.startswith(str(ROOT / "examples"))] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example does its effect once, whatever happens."""
    path, effect, event, options = EXAMPLES[name]
    module, effects = loaded(ROOT / "examples" / path, monkeypatch), Effects()
    if effect:
        *owners, last = effect.split(".")
        owner: Any = module
        for each in owners:
            owner = getattr(owner, each)
        monkeypatch.setattr(owner, last, effects.of(last))
    function = getattr(module, "process", None) or module.handler
    if name == "http-api":
        function = function.__wrapped__  # without the responses of @respond_to_errors
    report = hammer(function, event, effects=effects, **options)
    assert report.passed, report
    assert len(report.effects) == 1


def test_every_example_is_hammered() -> None:
    """No example that has code is left out."""
    hammered = {path for path, *_ in EXAMPLES.values()}
    there = (ROOT / "examples").glob("*/src/*.py")
    shown = {path.relative_to(ROOT / "examples").as_posix() for path in there}
    assert shown - hammered == {"sns-fanout/src/work.py"}


@pytest.mark.parametrize("place", range(len(SNIPPETS)))
def test_readme(place: int, tmp_path: Path) -> None:
    """So do the README's processor, handler and transaction."""
    path, effects = tmp_path / "snippet.py", Effects()
    path.write_text(SNIPPETS[place])
    names = runpy.run_path(str(path))
    function = names.get("process") or names["handler"]
    function = getattr(function, "__wrapped__", function)
    if "transaction" not in signature(function).parameters:
        function.__globals__["print"] = effects.of("charge")
    event, options = SQS, {"key": "body.order_id"}
    if "handler" in names:
        event, options = PLACED, {}
    report = hammer(names.get("process") or names["handler"], event, effects=effects, **options)
    assert report.passed, report


def test_readme_has_the_three_ways() -> None:
    """These are the README's three ways to use the package."""
    ways = ("def process(message):", "@idempotent", "def process(message, transaction):")
    assert [sum(way in each for each in SNIPPETS) for way in ways] == [1, 1, 1]
