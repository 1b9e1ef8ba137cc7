"""The README's snippets run as they stand; its tables and docs/sources.md are true."""

import json
import re
import runpy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import BatchFailedError
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.response import build_response
from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from scripts.support.emulator import Emulator
from scripts.support.terraform import Terraform, environment
from tests.handler.events import (
    bus_event,
    event,
    fifo_order,
    key_rule,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
)
from tests.handler.harness import ConsumerHarness
from tests.handler.test_cost import COSTS
from tests.inputs import read_inputs
from tests.requests import settings_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROSE = " ".join(README.split())
SOURCES_PAGE = (ROOT / "docs" / "sources.md").read_text()
EXAMPLES_PAGE = (ROOT / "examples" / "README.md").read_text()


PROCESSOR, DECORATED, TRANSACTIONAL = "process(message):", "@idempotent", "process(message, "
ORDER = {"order_id": "ORDER-1", "amount_cents": 1999}


def snippet(language: str, holding: str = "") -> str:
    """The README's only snippet in a language that holds a text."""
    snippets: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (snippet,) = (each for each in snippets if holding in each)
    return snippet


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Runs the Python snippet that holds a text; the names that it defines."""

    def run(holding: str) -> dict[str, Any]:
        path = tmp_path / "orders.py"
        path.write_text(snippet("python", holding))
        return runpy.run_path(str(path))

    return run


Run = Callable[[str], dict[str, Any]]


def test_processor(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The processor of the README processes a message."""
    run(PROCESSOR)["process"](SimpleNamespace(body=ORDER))
    assert capsys.readouterr().out == "charging 1999 cents for ORDER-1\n"


class Unheard:
    """An observer that nobody asks."""

    def report_message(self, *_: object, **__: object) -> None:
        pass

    report_batch = report_batch_calls_unavailable = report_visibility_change_failed = report_message


class Context:
    """Lambda's, of an invocation that has just begun."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def test_decorator(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The decorated handler charges once, and who asks again gets the first answer."""
    wiring = Wiring(
        settings=settings_of(key_rule()),
        store=InMemoryClaimStore(),
        clock=ManualClock(),
        observer=Unheard(),
    )
    monkeypatch.setattr(Wiring, "from_environment", lambda: wiring)
    handler = run(DECORATED)["handler"]
    answers = [handler({"detail": ORDER}, Context()) for _ in range(3)]
    assert answers == [{"charged_cents": 1999}] * 3
    assert capsys.readouterr().out == "charging 1999 cents for ORDER-1\n"


@mock_aws
def test_transaction(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transactional processor adds a deposit to its balance once, however often it comes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client: Any = botocore.session.get_session().create_client("dynamodb", "eu-central-1")
    key = {"AttributeName": "account_id"}
    client.create_table(
        TableName="balances",
        AttributeDefinitions=[key | {"AttributeType": "S"}],
        KeySchema=[key | {"KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    harness = ConsumerHarness(key="body.deposit_id", transactional=True)
    harness.memory.commit = lambda actions: client.transact_write_items(TransactItems=list(actions))
    for deposit_id in ("d-1", "d-1", "d-2"):
        harness.behaviour[deposit_id] = run(TRANSACTIONAL)["process"]
        body = {"deposit_id": deposit_id, "account_id": "a", "amount_cents": 5}
        assert harness.deliver(record(json.dumps(body), message_id=f"m-{len(harness.ran)}")) == []
    assert client.scan(TableName="balances")["Items"] == [
        {"account_id": {"S": "a"}, "balance_cents": {"N": "10"}}
    ]


def test_it_is_short() -> None:
    """It has at most 200 lines and 1,800 words, and a whole consumer begins before line 40."""
    assert len(README.splitlines()) <= 200
    assert len(README.split()) <= 1800
    assert README.partition("```hcl")[0].count("\n") < 40


def test_snippets_are_short() -> None:
    """Code of more than a dozen lines is an example, in a separate directory."""
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(snippets) == 3
    assert max(len(each.splitlines()) for each in snippets) <= 12


def table(page: str, header: str) -> list[list[str]]:
    """The cells of the page's table whose first column has a header, without the headers."""
    rows = re.split(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\|\n", page, flags=re.MULTILINE)[1]
    lines = re.match(r"(?:\|.*\|\n)+", rows)
    assert lines
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in lines[0].splitlines()]


def versioned() -> dict[str, Any]:
    """A notification of S3 with every part of its key."""
    of: dict[str, Any] = s3_record()
    of["s3"]["object"]["versionId"] = "v-1"
    return of


def queued(body: object) -> dict[str, Any]:
    """Two messages of a queue that hold an event."""
    return event(*(record(json.dumps(body), message_id=each) for each in ("m-1", "m-2")))


ORDERED = (("1", "a"), ("2", "b"))
ARRIVALS: dict[str, dict[str, Any]] = {
    "SQS standard queue": event(order("a"), order("b")),
    "SQS FIFO queue": event(fifo_order("a", "x"), fifo_order("b", "y")),
    "SNS through SQS": queued(notification("hello")),
    "SNS through SQS, raw": event(order("a"), order("b")),
    "EventBridge through SQS": queued(bus_event("a")),
    "S3 through SQS": queued({"Records": [versioned()]}),
    "Kinesis": event(*(kinesis_record(each, place) for place, each in ORDERED)),
    "DynamoDB Streams": event(*(stream_record(each, place) for place, each in ORDERED)),
    "SNS, straight": event(sns_record("hello")),
    "S3, straight": event(versioned()),
    "EventBridge, straight": bus_event("a"),
    "any other invocation": {"id": "a"},
}
"""What Lambda hands over, by the name that the page of sources gives it."""

SOURCES = {row[0]: row[1:] for row in table(SOURCES_PAGE, "source")}


def fields_of(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything in an event that has a name, with its place; JSON in texts too."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*path, name), each
            yield from fields_of(each, *path, name)
    if isinstance(value, list):
        for each in value:
            yield from fields_of(each, *path)


def found(whole: Any, field: str) -> Any:
    """What the first field of an event holds whose place ends so."""
    parts = tuple(field.split("."))
    return next(each for place, each in fields_of(whole) if place[-len(parts) :] == parts)


def reported(deliveries: tuple[Delivery, ...]) -> str:
    """Describe the response to Lambda if all messages fail, in the words of the page of sources."""
    try:
        response: Any = build_response(deliveries, deliveries)
    except BatchFailedError:
        return "an error"
    named = [each["itemIdentifier"] for each in response["batchItemFailures"]]
    assert named[0] == deliveries[0].id
    return "the first of them" if len(named) < len(deliveries) else "each of them"


def order_of(deliveries: tuple[Delivery, ...]) -> str:
    """The order in which messages are run, as the page of sources says it."""
    groups = {each.group for each in deliveries}
    if None in groups:
        return "any"
    return "per message group" if len(groups) == len(deliveries) else "per shard"


@pytest.mark.parametrize("source", ARRIVALS)
def test_source(source: str) -> None:
    """Each row of the table of sources says what the code does with such an event."""
    whole, (setting, key, response, order_rule, example) = ARRIVALS[source], SOURCES[source]
    deliveries = read_event(whole, UNWRAP_CHOICES)
    values = [found(whole, field) for field in re.findall(r"`([\w.]+)`", key)]
    key_found = deliveries[0].default_key
    parts = key_found if isinstance(key_found, list) else [key_found]
    assert values == [part for part in parts if key_found]
    assert reported(deliveries) == response
    assert order_of(deliveries) == order_rule
    inputs = read_inputs()
    for variable, attribute in re.findall(r"`(\w+)\.?(\w*)`", setting):
        paths = {attribute.path for attribute in inputs[variable].attributes}
        assert attribute in {"", *paths}
    directories = re.findall(r"\(\.\./(examples/[\w-]+/)\)", example)
    assert directories
    assert all((ROOT / each / "main.tf").exists() for each in directories)


def test_every_source() -> None:
    """The table has every way in which messages come, and every source of the code."""
    assert list(SOURCES) == list(ARRIVALS)
    arrived = {
        each.source for whole in ARRIVALS.values() for each in read_event(whole, UNWRAP_CHOICES)
    }
    assert arrived == set(Source)


def test_the_run_of_the_demo() -> None:
    """The figures next to the picture come from the run that it was drawn from."""
    run = json.loads((ROOT / "docs" / "pictures" / "demo.json").read_text())
    ours, naive = run["ours"], run["naive"]
    figures = (naive["charged_twice"], ours["unique"], ours["interrupted_repeats"])
    reported = r"Without the module (\d+) of (\d+) orders .+ With it (\d+) were: in each,"
    (found,) = re.findall(reported, PROSE)
    assert tuple(map(int, found)) == figures
    assert ours["charged_twice"] == 0


def test_every_example() -> None:
    """Every example but the first and three more is a scenario, and their page leads to all."""
    examples = {path.parent.name for path in (ROOT / "examples").glob("*/main.tf")}
    folder = ROOT / "tests" / "end_to_end" / "scenarios"
    scenarios = {path.name for path in (folder / "terraform").iterdir() if path.is_dir()}
    assert scenarios == examples - {"quickstart", "complete", "dependencies", "http-api"}
    attacked = [re.findall(r"`([\w-]+)`", row[0])[0] for row in table(EXAMPLES_PAGE, "example")]
    assert set(attacked) == scenarios
    assert all((folder / f"test_{name.replace('-', '_')}.py").exists() for name in attacked)
    assert set(re.findall(r"\(([\w-]+)/\)", EXAMPLES_PAGE)) == examples


@pytest.mark.terraform
@pytest.mark.emulator
def test_stack(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """The README's module block plans 11 resources, and as many without the line for the key."""
    concurrent = tmp_path / "terraform-aws-idempotent-lambda"
    shutil.copytree(ROOT, concurrent, ignore=shutil.ignore_patterns(".*", "build", "tests"))
    stack = tmp_path / "stack"
    (stack / "src").mkdir(parents=True)
    (stack / "src" / "orders.py").write_text(snippet("python", PROCESSOR))
    block = snippet("hcl", "module")
    least = block.replace('\n  idempotency = { key = "body.order_id" }\n', "")
    (module,) = re.findall(r"^module .*?^}$", least, re.DOTALL | re.MULTILINE)
    assert [each.split()[0] for each in module.splitlines()[1:-1]] == [
        *("source", "name", "code", "processor")
    ]
    (stack / "main.tf").write_text(least)
    terraform = Terraform(directory=stack, environment=environment(emulator.environment(account)))
    terraform.init()
    assert "Plan: 12 to add" in terraform.run("plan", "-input=false")
    (stack / "main.tf").write_text(block)
    (stack / "shown.tf").write_text('output "shown" {\n  value = module.orders.environment\n}\n')
    planned = terraform.run("plan", "-input=false", "-no-color")
    assert "Plan: 12 to add" in planned
    assert re.search(r'\+ IDEMPOTENCY_KEY += "body.order_id"', planned)


def test_costs() -> None:
    """The README's round trips and units come from docs/performance.json."""
    cases = json.loads((ROOT / "docs" / "performance.json").read_text())["cases"]
    for row, case in (
        ("first deliveries: claim and completion", "base"),
        ("duplicates: sent again by the producer", "100 % duplicates"),
        ("duplicates: delivered again by the queue", "100 % duplicates redelivered"),
    ):
        found = [cases[case]["ours"][each] for each in ("round_trips", "write_units", "read_units")]
        assert f"| {' | '.join([row, *(f'{each:.0f}' for each in found)])} |" in README
    together = 'first deliveries of one FIFO group, or with `on_interrupted = "park"`'
    for row, delivered in (
        (together, "first, of one group"),
        (together, "first, park mode"),
        (
            "first deliveries with a transaction each; add 2 units per item",
            "first, in transactions",
        ),
    ):
        ((*_, writes, reads, trips),) = (each for each in COSTS if each[:2] == (delivered, 10))
        assert f"| {row} | {trips} | {writes} | {reads} |" in README
    both = [cases["base"][each]["round_trips"] for each in ("powertools", "ours")]
    claim = re.search(
        r"(\d+) round trips for a batch of ten, where this package makes (\d+)", PROSE
    )
    assert claim
    assert list(claim.groups()) == [f"{each:.0f}" for each in both]


def test_links() -> None:
    """Every relative link of the documentation leads to a file."""
    top = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")]
    pages = [*top, *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    ]
    assert len(links) > 10
    assert [
        (page.name, target) for page, target in links if not (page.parent / target).exists()
    ] == []
