"""The guide to handlers that loop over records: each form runs, and each number is repeated."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from idempotent_lambda import errors, idempotent
from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, InMemoryQueues, ManualClock
from tests.handler.conftest import create_table, pretend
from tests.handler.events import event, key_rule, record
from tests.handler.function import TABLE, Context
from tests.handler.harness import FaultyStore, Listener
from tests.requests import settings_of

from .test_guides import rows, run, slug

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guides" / "handler-over-records.md").read_text()
ORIGINAL, PROCESSOR, DECORATED, MOVING = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

Deliver = Callable[..., list[str]]


def message(order_id: str) -> dict[str, Any]:
    """An SQS record of an order."""
    return record(json.dumps({"order_id": order_id}), message_id=f"m-{order_id}")


class Shop:
    """The forms of the guide, on one table.

    Attributes:
        charged: the orders that were charged, in order.
        failing: the orders whose charge fails.
        killing: the orders whose charge ends the process.
        store: the table.
    """

    def __init__(self, store: Any, clock: ManualClock) -> None:
        self.charged: list[str] = []
        self.failing: set[str] = set()
        self.killing: set[str] = set()
        self.store = FaultyStore(clock, store)
        self._clock = clock
        self.wiring = Wiring(settings_of(key_rule()), self.store, clock, Quiet())

    def charge(self, order: dict[str, Any]) -> None:
        """The user's function ``shop.charge``."""
        if order["order_id"] in self.killing:
            raise SystemExit
        if order["order_id"] in self.failing:
            raise ConnectionError
        self.charged.append(order["order_id"])

    def start(self, code: str) -> Deliver:
        """Start a function with this code; return a function that delivers orders to it."""
        names = run(code)
        if "process" in names:
            consumer = Consumer(
                processor=names["process"],
                transactional=False,
                settings=settings_of(key_rule(expression="body.order_id")),
                store=self.store,
                queues=InMemoryQueues(),
                clock=self._clock,
                observer=Quiet(),
            )
            names["handler"] = lambda whole, context: consumer.consume(whole, context.remaining)

        def deliver(*orders: str) -> list[str]:
            response = names["handler"](event(*map(message, orders)), Context(Millis(30_000)))
            return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]

        return deliver


class Quiet(Listener):
    """An observer of calls."""

    def report_message(self, *_: object, **__: object) -> None:
        pass

    def report_batch(self, _: object) -> None:
        pass


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop on a table in memory."""
    return open_shop(monkeypatch, InMemoryClaimStore(), ManualClock())


def open_shop(patch: pytest.MonkeyPatch, store: Any, clock: ManualClock) -> Shop:
    """A shop whose functions the snippets import, and whose table decorated functions use."""
    made = Shop(store, clock)
    module: Any = ModuleType("shop")
    module.charge = made.charge
    patch.setitem(sys.modules, "shop", module)
    patch.setattr(Wiring, "from_environment", lambda: made.wiring)
    return made


FORMS = {"original": ORIGINAL, "processor": PROCESSOR, "decorated": DECORATED}


@pytest.mark.parametrize("form", FORMS)
def test_each_message_is_charged_once(shop: Shop, form: str) -> None:
    """Delivered alone and then in a batch, a message is charged twice only as it was."""
    deliver = shop.start(FORMS[form])
    assert deliver("a") == deliver("a", "b") == []
    assert sorted(shop.charged) == (["a", "a", "b"] if form == "original" else ["a", "b"])


@pytest.mark.parametrize("form", FORMS)
def test_a_failure_is_reported_alone(shop: Shop, form: str) -> None:
    """Each form reports the message that failed, and runs it when it comes again."""
    deliver = shop.start(FORMS[form])
    shop.failing = {"b"}
    assert deliver("a", "b", "c") == ["m-b"]
    shop.failing = set()
    assert deliver("b") == []
    assert sorted(shop.charged) == ["a", "b", "c"]


def test_the_handler_is_not_decorated(shop: Shop) -> None:
    """The decorator refuses the original with every batch, and its error names the page."""
    handler = idempotent(name="all", key="event.Records[0].messageId")(run(ORIGINAL)["handler"])
    for orders in (["a"], ["a", "b"]):
        with pytest.raises(errors.ConfigurationError) as caught:
            handler(event(*map(message, orders)), Context())
        assert "docs/guides/handler-over-records.md" in str(caught.value)
    assert shop.charged == shop.store.calls == []


def test_calls_to_the_table(shop: Shop) -> None:
    """Ten new messages take as many round trips as the table says."""
    ((_, *counts),) = (row for row in rows(PAGE, "you compare") if "ten new messages" in row[0])
    for form, count in zip(("processor", "decorated"), counts, strict=True):
        shop.store.trips.clear()
        assert shop.start(FORMS[form])(*"abcdefghij") == []
        assert len(shop.store.trips) == int(count)


def test_record_ids(shop: Shop) -> None:
    """Each form writes the record that the guide names, and a move makes every key new."""
    for number, (form, identifier) in enumerate(rows(PAGE, "form"), start=1):
        shop.start(FORMS[form.split()[0]])("ORDER-1")
        assert list(shop.store.inner.records)[number - 1 :] == [identifier.strip("`")]
    assert shop.charged == ["ORDER-1", "ORDER-1"]


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in this process, with an empty table."""
    pretend(monkeypatch)
    monkeypatch.setenv("IDEMPOTENCY_TABLE", TABLE)
    with mock_aws():
        create_table(boto3.session.Session().client("dynamodb"))
        yield


@pytest.mark.usefixtures("_aws")
@pytest.mark.parametrize(("code", "charges"), [(PROCESSOR, 2), (MOVING, 1)])
def test_a_move(monkeypatch: pytest.MonkeyPatch, code: str, charges: int) -> None:
    """After a move, a completed message runs again, unless the processor reads its old record."""
    # A message whose old run failed or was interrupted runs in any case.
    clock = ManualClock()
    shop = open_shop(monkeypatch, DynamoDBClaimStore(new_client(), TABLE, clock, Quiet()), clock)
    before = shop.start(DECORATED)
    shop.failing = {"failed"}
    assert before("done", "failed") == ["m-failed"]
    shop.failing, shop.killing = set(), {"killed"}
    with pytest.raises(SystemExit):
        before("killed")
    shop.killing = set()
    after = shop.start(code)
    for order_id in ("done", "failed", "killed", "new"):
        assert after(order_id) == after(order_id) == []
    assert shop.charged.count("done") == charges
    assert [order for order in shop.charged if order != "done"] == ["failed", "killed", "new"]


def test_the_page_is_short() -> None:
    """The page shows three forms and a move, and takes no more than 125 lines."""
    assert len(PAGE.splitlines()) <= 125


def test_links() -> None:
    """Every link to a part of a page leads to a heading of it."""
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", PAGE):
        text = (ROOT / "docs" / "guides" / target).read_text()
        assert anchor in {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
