"""The migration guides: each snippet is run unchanged, the old code's and the new code's."""

import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from scripts.golden import POLICIES, list_documents, plan_runs
from scripts.support.emulator import ROOT
from scripts.support.terraform import Terraform
from tests.handler.function import Context
from tests.module.stacks import copy_module
from tests.waiting import SECONDS

from .conftest import NewCode, OldCode, order, sqs

pytestmark = pytest.mark.slow

GUIDES = {
    name: (ROOT / "docs" / "guides" / f"move-from-{name}.md").read_text()
    for name in ("powertools", "a-hand-written-check")
}


def snippet(guide: str, language: str, holding: str = "") -> str:
    """The only snippet of a guide in a language that holds a text."""
    snippets: list[str] = re.findall(rf"```{language}\n(.*?)```", GUIDES[guide], re.DOTALL)
    (found,) = (each for each in snippets if holding in each)
    return found


Load = Callable[..., Any]


@pytest.fixture
def load(new: NewCode, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Runs a Python snippet as the user's module, with the test's clock; the module."""

    def load(guide: str, holding: str, prefix: str | None = None) -> Any:
        shop: Any = types.ModuleType("shop")
        shop.charge = new.charge
        monkeypatch.setitem(sys.modules, "shop", shop)
        module = types.ModuleType("orders")
        if prefix:  # a snippet that goes on from another
            exec(snippet(guide, "python", "def process(message)"), vars(module))  # noqa: S102  # the guide's own
            vars(module)["idempotent"] = idempotent
            vars(module)["before"] = replace(vars(module)["before"], prefix=prefix)
        exec(snippet(guide, "python", holding), vars(module))  # noqa: S102  # the guide's own
        vars(module)["before"] = replace(vars(module)["before"], clock=new.clock)
        return module

    return load


def run_command(guide: str, environment: dict[str, str]) -> str:
    """Run the only command of a guide; return its output."""
    (command,) = re.findall(r"`(aws [^`]+)`", GUIDES[guide])
    words = shlex.split(command.replace("\n", " "))
    cli = Path(sys.executable).with_name("aws")
    return subprocess.run(
        [cli, *words[1:]],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        check=True,
        text=True,
        timeout=SECONDS,
    ).stdout


@pytest.fixture
def old_tables(clients: Any) -> Iterator[None]:
    """The old tables, under the names that the guides give them."""
    keys = {"orders-old": "id", "orders-seen": "messageId"}
    for name, key in keys.items():
        clients[1].create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    yield
    for name in keys:
        clients[1].delete_table(TableName=name)


HANDLER = """
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer, IdempotencyConfig, idempotent
)
from shop import charge

store = DynamoDBPersistenceLayer(table_name="orders-old")

@idempotent(config=IdempotencyConfig(event_key_jmespath="order_id"), persistence_store=store)
def handler(event, context):
    return charge(event)
"""


@pytest.mark.emulator
@pytest.mark.usefixtures("old_tables")
def test_powertools(old: OldCode, new: NewCode, load: Load) -> None:
    """The guide's processor skips what the guide's old code has charged, and waits for it."""
    code = snippet("powertools", "python", "aws_lambda_powertools")
    process = load("powertools", "def process(message)").process
    assert old.call(code, "batch", sqs(order("A")))["answer"] == {"batchItemFailures": []}
    assert new.deliver(process, order("A"), order("B")) == []
    assert old.call(code, "batch", sqs(order("C")), behaviour="hold") == {"holding": True}
    assert new.deliver(process, order("C")) == ["m-C"]
    old.go_on("return")
    assert new.deliver(process, order("C")) == []
    assert (old.charged(), new.charged) == ([order("A"), order("C")], [order("B")])


@pytest.mark.emulator
@pytest.mark.usefixtures("old_tables")
def test_powertools_handler(
    old: OldCode, new: NewCode, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide's decorated handler gives the answer of the old one, then its own."""
    monkeypatch.setattr(Wiring, "from_environment", lambda: new.wiring)
    first = old.call(HANDLER, "handler", order("A"))["answer"]
    handler = load("powertools", "@idempotent(", prefix="orders-function.app.handler").handler
    assert handler(order("A"), Context()) == first
    assert handler(order("B"), Context()) == {"charged": order("B"), "by": "the new code"}
    assert new.charged == [order("B")]


@pytest.mark.emulator
@pytest.mark.usefixtures("old_tables")
def test_powertools_ids_are_compared(old: OldCode, load: Load, clients: Any) -> None:
    """The guide's two ways to an id of the old table lead to the same one."""
    code = snippet("powertools", "python", "aws_lambda_powertools")
    old.call(code, "batch", sqs(order("ORDER-1")))
    module = load("powertools", "def process(message)")
    printed = eval('before.id_of("ORDER-1")', vars(module))  # noqa: S307  # the guide's own
    assert 'before.id_of("ORDER-1")' in GUIDES["powertools"]
    assert json.loads(run_command("powertools", clients[2])) == [printed]


@pytest.mark.emulator
@pytest.mark.usefixtures("old_tables")
def test_hand_written(old: OldCode, new: NewCode, load: Load) -> None:
    """The guide's processor skips what the guide's old code has begun, done or not."""
    code = snippet("a-hand-written-check", "python", "boto3")
    process = load("a-hand-written-check", "def process(message)").process
    old.call(code, "handler", sqs(order("A")))
    assert "ValueError" in old.call(code, "handler", sqs(order("F")), behaviour="raise")["error"]
    # Long after its expiry, as long as TTL leaves the item there.
    new.clock.advance(Millis(3600_000))
    assert new.deliver(process, order("A"), order("B"), order("F")) == []
    assert old.call(code, "handler", sqs(order("A"), order("F"))) == {"answer": None}
    assert (old.charged(), new.charged) == ([order("A")], [order("B")])


@pytest.mark.emulator
@pytest.mark.usefixtures("old_tables")
def test_hand_written_with_an_expiry(old: OldCode, new: NewCode, load: Load) -> None:
    """With the guide's option an item counts until its expiry, as in a check that compares it."""
    code = snippet("a-hand-written-check", "python", "boto3")
    module = load("a-hand-written-check", "def process(message)")
    assert '- `expiry="ttl"`' in GUIDES["a-hand-written-check"]
    module.before = replace(module.before, expiry="ttl")
    old.call(code, "handler", sqs(order("A")))
    assert new.deliver(module.process, order("A")) == []
    assert new.charged == []
    later = order("A2")
    old.call(code, "handler", sqs(later))
    new.clock.advance(Millis(60_000))
    assert new.deliver(module.process, later) == []
    assert new.charged == [later]


@pytest.mark.emulator
@pytest.mark.usefixtures("old_tables")
def test_hand_written_items_are_kept(clients: Any) -> None:
    """The guide's command turns the deletion of old items off."""
    ttl = {"AttributeName": "ttl", "Enabled": True}
    clients[1].update_time_to_live(TableName="orders-seen", TimeToLiveSpecification=ttl)
    run_command("a-hand-written-check", clients[2])
    found = clients[1].describe_time_to_live(TableName="orders-seen")
    assert found["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


@pytest.mark.terraform
def test_statements(tmp_path: Path) -> None:
    """The guides' blocks allow the role what the records are read with, on the old table alone."""
    checkout = copy_module(tmp_path / "checkout")
    runs = "".join(
        f'\nrun "{guide}" {{\n  command = plan\n\n  variables {{\n{snippet(guide, "hcl")}  }}\n}}\n'
        for guide in GUIDES
    )
    configurations = checkout / POLICIES / "configurations.tftest.hcl"
    common = configurations.read_text().partition("\nrun ")[0]
    configurations.write_text(common + runs)
    module = Terraform(directory=checkout)
    module.init("-backend=false")
    for guide, plan in plan_runs(module).items():
        (found,) = [
            statement
            for document in list_documents(plan).values()
            for statement in document.get("Statement", ())
            if "table/orders-old" in str(statement) or "table/orders-seen" in str(statement)
        ]
        name = "orders-old" if guide == "powertools" else "orders-seen"
        assert found["Effect"] == "Allow"
        assert found["Action"] == ["dynamodb:GetItem"]
        assert found["Resource"] == [f"arn:aws:dynamodb:eu-central-1:123456789012:table/{name}"]


def test_guides_are_short() -> None:
    """A guide is read in a few minutes: at most 80 lines."""
    assert [name for name, text in GUIDES.items() if len(text.splitlines()) > 80] == []
