"""The tests run the guides' code, repeat their counts, and check the names that they use."""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import hcl2
import pytest

from benchmarks.headline import TARGETS
from idempotent_lambda import AlreadyInProgressError
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.protocol.record import Record, Status
from idempotent_lambda.sources.event import read_event
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from scripts.inputs import Variable
from tests.handler.events import event, key_rule, record
from tests.handler.harness import ConsumerHarness
from tests.inputs import read_inputs
from tests.requests import settings_of

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
KEY, RETENTION, HANDLER, EXACTLY = (
    (GUIDES / f"{name}.md").read_text()
    for name in ("choose-a-key", "choose-retention", "existing-handler", "what-exactly-once-means")
)
FAQ = (ROOT / "docs" / "faq.md").read_text()
PAGES = {"key": KEY, "retention": RETENTION, "handler": HANDLER, "exactly": EXACTLY, "faq": FAQ}


def snippets(page: str, language: str) -> list[str]:
    """The snippets of a page in a language, without what indents them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def snippet(page: str, language: str, holding: str = "") -> str:
    """The only snippet of a page in a language that holds a text."""
    (found,) = (each for each in snippets(page, language) if holding in each)
    return found


def run(code: str, **names: Any) -> dict[str, Any]:
    """Run a snippet with these names in place of the user's; return the names that it defines."""
    exec(code, names)  # noqa: S102  # a snippet of ours is run unchanged
    return names


def rows(page: str, header: str) -> list[list[str]]:
    """The cells of the table whose first column has a header, without its headers."""
    table = re.split(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\|\n", page, flags=re.MULTILINE)[1]
    lines = re.match(r"(?:\|.*\|\n)+", table)
    assert lines
    cells = [re.split(r"(?<!\\)\|", line[1:-1]) for line in lines[0].splitlines()]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


@pytest.mark.parametrize("name", PAGES)
def test_guides_are_short(name: str) -> None:
    """No guide takes more than 90 lines, and the questions no more than 80."""
    assert len(PAGES[name].splitlines()) <= (80 if name == "faq" else 90)


BODY = json.loads(snippet(KEY, "json"))
CHOICES = rows(KEY, "run once for")


def message(body: dict[str, Any], message_id: str = "m-1") -> dict[str, Any]:
    """A message with this body, and the order's id as an attribute."""
    attribute = {"stringValue": "ORDER-1", "dataType": "String"}
    whole = record(json.dumps(body), message_id=message_id)
    return whole | {"messageAttributes": {"OrderId": attribute}}


@pytest.mark.parametrize(("what", "key", "record_id"), CHOICES)
def test_each_expression_finds_the_key(what: str, key: str, record_id: str) -> None:
    """Of the example message each expression makes the record that the guide shows."""
    assert what.startswith("each ")
    rule = key_rule(expression=None if key == "none" else key.strip("`"))
    (delivery,) = read_event(event(message(BODY)))
    assert find_key(rule, delivery).record_id == record_id.strip("`")


def test_what_older_producers_say_is_found_too() -> None:
    """The expression with two names takes either."""
    (key,) = (each.strip("`") for _, each, _ in CHOICES if "orderId" in each)
    older = {"orderId": "ORDER-1"}
    (delivery,) = read_event(event(message(older)))
    assert find_key(key_rule(expression=key), delivery).text == "ORDER-1"


def test_an_expression_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """The snippet shows what an expression finds, and it is what the package finds."""
    run(snippet(KEY, "python", "compile_expression"))
    assert capsys.readouterr().out == "['acme', 'ORDER-1']\n"


RETRY = BODY | {"sent_at": "2026-01-02T12:45:08Z"}
ANOTHER = BODY | {"order_id": "ORDER-2"}
CANCELLED = BODY | {"type": "cancelled"}


def runs(key: str, first: dict[str, Any], second: dict[str, Any]) -> int:
    """How often the processor runs for two messages."""
    harness = ConsumerHarness(key=None if key == "none" else key.strip("`"))
    assert harness.deliver(message(first, "m-1")) == harness.deliver(message(second, "m-2")) == []
    return len(harness.ran)


PAIRS = {"tenant": ANOTHER, "sent_at": RETRY, "none": RETRY, "cancellations": CANCELLED}
"""What comes second, by a word of the row."""


@pytest.mark.parametrize("row", rows(KEY, "key"), ids=lambda row: row[0])
def test_too_wide_and_too_narrow(row: list[str]) -> None:
    """A key that is too wide loses the second operation, one that is too narrow repeats it."""
    cell, verdict, _ = row
    (second,) = (pair for word, pair in PAIRS.items() if word in cell)
    (key,) = re.findall(r"`([^`]+)`|^(none)", cell)
    assert runs("".join(key), BODY, second) == (1 if verdict.startswith("too wide") else 2)


@pytest.mark.parametrize(
    ("key", "first", "second", "expected"),
    [
        ("body.order_id", BODY, RETRY, 1),
        ("[body.tenant, body.order_id]", BODY, ANOTHER, 2),
        ("[body.type, body.order_id]", BODY | {"type": "placed"}, CANCELLED, 2),
    ],
)
def test_neither_too_wide_nor_too_narrow(
    key: str, first: dict[str, Any], second: dict[str, Any], expected: int
) -> None:
    """The keys that the guide recommends run each operation once, and never run a retry."""
    assert f"`{key}`" in KEY
    assert runs(key, first, second) == expected


def test_a_key_that_the_producer_makes() -> None:
    """Both attempts of the snippet are one operation."""
    attempts = run(snippet(KEY, "python", "uuid"))["attempts"]
    harness = ConsumerHarness(key="body.order_id")
    for number, body in enumerate(attempts):
        assert harness.deliver(record(body, message_id=f"m-{number}")) == []
    assert len(harness.ran) == 1


def default(variable: str, attribute: str) -> int:
    """The default of an attribute of the module, in seconds."""
    (found,) = (each for each in read_inputs()[variable].attributes if each.path == attribute)
    return int(found.default)


def test_the_default_retention_is_the_sum() -> None:
    """The lives of a message are the defaults of the module, and their sum is 22 days."""
    days = [int(re.findall(r"(\d+) days", row[2])[0]) for row in rows(RETENTION, "period")]
    queue = default("queue", "message_retention_seconds")
    dead_letters = default("queue", "dead_letter_queue.message_retention_seconds")
    assert [each * 86400 for each in days[:3]] == [queue, dead_letters, queue]
    assert sum(days[:3]) == days[3]
    assert default("streams", "maximum_record_age_seconds") <= queue


def size_of(item: Record) -> int:
    """What DynamoDB stores of a record, by its rule, in bytes."""
    stored = {name: getattr(item, name) for name in Record.__slots__}
    return 100 + sum(
        len(name) + (len(value) if isinstance(value, str) else -(-len(str(value)) // 2) + 1)
        for name, value in stored.items()
        if value is not None
    )


def test_the_cost_of_keeping() -> None:
    """The guide's figures follow from the size of a record and the prices of its snippet."""
    harness = ConsumerHarness(key="body.id")
    key = "8d2b8d4e-2f1b-4a30-9d3c-6d6a1c0b7a11"
    assert harness.deliver(record(json.dumps({"id": key}))) == []
    completed = harness.memory.records[f"orders#{key}"]
    assert completed.status == Status.COMPLETED
    # Owner tokens of the harness are shorter than real ones, of 16 bytes in hexadecimal.
    size = size_of(completed) + 32 - len(completed.owner)
    assert 240 < size < int(re.findall(r"under (\d+) bytes", RETENTION)[0]) == 260
    per_day = run(snippet(RETENTION, "python"))["dollars_per_day"]
    for kept, dollars in rows(RETENTION, "kept for"):
        figure = per_day * int(kept.split()[0])
        digits = len(dollars.partition(".")[2])
        assert f"{figure:.{digits}f}" == dollars
        if kept.startswith("22 "):
            assert f"about ${dollars}" in " ".join(FAQ.split())
    # Half a year of it, and the writes, of which performance.md has the price.
    assert "| base | 1.25 (1.25) |" in (ROOT / "docs" / "performance.md").read_text()
    assert per_day * 183 < 1.25


GRACE = Millis(60_000)
"""Longer than a lease."""


class Context:
    """Lambda's, of an invocation that has just begun."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def wiring(monkeypatch: pytest.MonkeyPatch) -> Wiring:
    """A table in memory for decorated functions."""
    made = Wiring(settings_of(key_rule()), InMemoryClaimStore(), ManualClock(), Mock())
    monkeypatch.setattr(Wiring, "from_environment", lambda: made)
    return made


@pytest.mark.parametrize(("holding", "charges"), [("\ndef handler", 2), ("@idempotent", 1)])
@pytest.mark.usefixtures("wiring")
def test_one_line_more(holding: str, charges: int) -> None:
    """The handler charges twice as it was, and once with one line more, answering the same."""
    charged: list[tuple[str, int]] = []

    def charge(*order: Any) -> str:
        charged.append(order)
        return f"charge-{len(charged)}"

    before, after = snippets(HANDLER, "python")
    assert after.endswith(before)
    code = after if holding in after and holding.startswith("@") else before
    handler = run(code, charge=charge)["handler"]
    placed = {"detail": {"order_id": "ORDER-1", "amount_cents": 1999}}
    answers = [handler(placed, Context()) for _ in range(2)]
    assert len(charged) == charges
    assert answers == [{"charge_id": "charge-1"}, {"charge_id": f"charge-{charges}"}]


def test_the_key_may_be_a_callable(wiring: Wiring) -> None:
    """The callable of the guide finds the same key as its expression."""
    (code,) = re.findall(r"`key=(lambda [^`]+)`", HANDLER)
    decorated = snippet(HANDLER, "python", "@idempotent")
    assert '"event.detail.order_id"' in decorated
    placed = {"detail": {"order_id": "ORDER-1", "amount_cents": 1999}}
    for text in (decorated, decorated.replace('"event.detail.order_id"', code)):
        run(text, charge=lambda *_: "c")["handler"](placed, Context())
    assert list(wiring.store.records) == ["orders##@charge#ORDER-1"]  # type: ignore[attr-defined]


def test_what_callers_see(wiring: Wiring) -> None:
    """Each row of the guide's table is what such a call gets."""
    what: list[Any] = []

    def charge(*_: Any) -> Any:
        does = what.pop(0)
        return does() if callable(does) else does

    def call(order_id: str) -> Any:
        detail = {"order_id": order_id, "amount_cents": 1999}
        return handler({"detail": detail}, Context())

    def fail(error: BaseException) -> Any:
        raise error

    def in_progress() -> str:
        with pytest.raises(AlreadyInProgressError):
            call("a")
        return "known"

    assert [row[0] for row in rows(HANDLER, "call")] == [
        "the first",
        "a later one",
        "one while another runs",
        "one after an exception",
        "one after a kill",
    ]
    handler = run(snippet(HANDLER, "python", "@idempotent"), charge=charge)["handler"]
    what[:] = [in_progress]
    assert call("a") == call("a") == {"charge_id": "known"}
    what[:] = [lambda: fail(ConnectionError()), "again"]
    with pytest.raises(ConnectionError):
        call("b")
    assert call("b") == {"charge_id": "again"}
    what[:] = [lambda: fail(SystemExit()), "after the lease"]
    with pytest.raises(SystemExit):
        call("c")
    with pytest.raises(AlreadyInProgressError):
        call("c")
    wiring.clock.sleep(GRACE)
    assert call("c") == {"charge_id": "after the lease"}
    assert what == []


KILLS = {
    "before the side effect": 1,
    "after the side effect, before its completion": 2,
    "after its completion": 3,
    "not at all, and delivered three times": 4,
}


def effects_of(kind: str, point: int) -> int:
    """How often the effect happens whose process is killed there, and delivered again after."""
    harness = ConsumerHarness(
        key="body.id", park_interrupted=kind == "parked", transactional=kind == "transaction"
    )
    effects: list[str] = []
    harness.memory.commit = lambda actions: effects.extend(str(each) for each in actions)

    def effect(given: Any, transaction: Any) -> None:
        if transaction is not None:
            transaction.put("done", {"id": given.key})
        elif kind != "token" or given.idempotency_token not in effects:
            effects.append(given.idempotency_token)

    def process(given: Any, transaction: Any = None) -> None:
        first = len(harness.ran) == 1
        if first and point == 1:
            raise SystemExit
        effect(given, transaction)
        if first and point == 2:
            raise SystemExit

    harness.behaviour["a"] = process
    for _ in range(3):
        with contextlib.suppress(SystemExit):
            harness.deliver("a")
        harness.clock.advance(GRACE)
    return len(effects)


@pytest.mark.parametrize("row", rows(EXACTLY, "killed"), ids=lambda row: row[0])
def test_how_often_an_effect_happens(row: list[str]) -> None:
    """The guide's table of kills is what happens."""
    where, *counts = row
    kinds = ("default", "parked", "token", "transaction")
    assert f"| killed | {' | '.join(kinds)} |" in EXACTLY
    assert [effects_of(kind, KILLS[where]) for kind in kinds] == [int(each) for each in counts]


def test_every_kill_is_told() -> None:
    """The table has all of them."""
    assert [row[0] for row in rows(EXACTLY, "killed")] == list(KILLS)


def test_the_token_is_the_same_in_each_run() -> None:
    """The processor of the guide passes on the same token in every run."""
    charges: list[dict[str, Any]] = []

    def charge(amount_cents: int, **token: str) -> None:
        charges.append({"amount_cents": amount_cents, **token})
        raise ConnectionError

    payments = SimpleNamespace(charge=charge)
    harness = ConsumerHarness(key="body.id")
    harness.behaviour["a"] = run(snippet(EXACTLY, "python", "payments"), payments=payments)[
        "process"
    ]
    for _ in range(2):
        harness.deliver(record(json.dumps({"id": "a", "amount_cents": 5})))
    token = hashlib.sha256(b"orders#a").hexdigest()
    assert charges == [{"amount_cents": 5, "idempotency_key": token}] * 2
    assert len({each.owner for each in harness.messages}) == 2


def test_the_transaction_is_committed_once() -> None:
    """The processor of the guide adds a deposit with its completion, and once."""
    committed: list[Any] = []
    harness = ConsumerHarness(key="body.id", transactional=True)
    harness.memory.commit = committed.extend
    harness.behaviour["a"] = run(snippet(EXACTLY, "python", "transaction"))["process"]
    deposit = json.dumps({"id": "a", "account_id": "x", "amount_cents": 5})
    assert harness.deliver(record(deposit)) == harness.deliver(record(deposit)) == []
    (action,) = committed
    assert action["Update"]["TableName"] == "balances"
    assert action["Update"]["ExpressionAttributeValues"] == {":amount": {"N": "5"}}


def set_in(page: str) -> Iterator[str]:
    """The paths of all attributes of the module that a page sets, in blocks and in the text."""
    texts = re.findall(r"`((?:%s) = \{[^`]*\})`" % "|".join(read_inputs()), page)  # noqa: UP031
    for text in texts:
        yield from paths_in(hcl2.loads(text.replace("…", "null") + "\n"))
    for block in snippets(page, "hcl"):
        for module in hcl2.loads(block).get("module", []):
            (arguments,) = module.values()
            yield from paths_in({k: v for k, v in arguments.items() if k != "source"})


def paths_in(value: Any, *path: str) -> Iterator[str]:
    """The paths of a value's attributes."""
    if isinstance(value, dict):
        for name, each in value.items():
            if not name.startswith("__"):
                yield ".".join((*path, name))
                yield from paths_in(each, *path, name)


def declared(inputs: dict[str, Variable]) -> set[str]:
    """The variables of the module and their attributes, by path."""
    return {
        path
        for name, each in inputs.items()
        for path in (name, *(f"{name}.{attribute.path}" for attribute in each.attributes))
    }


@pytest.mark.parametrize("name", PAGES)
def test_what_is_set_exists(name: str) -> None:
    """Every attribute that a page sets is one of the module's."""
    # The names in maps are the user's.
    used = {
        re.sub(r"^(streams|allowed_triggers)\.[^.]+", r"\1", each) for each in set_in(PAGES[name])
    }
    assert used or name == "faq"
    assert used - declared(read_inputs()) == set()


@pytest.mark.parametrize("name", PAGES)
def test_what_is_named_exists(name: str) -> None:
    """Every `variable.attribute` in the text is one of the module's."""
    named = re.findall(r"`((?:%s)\.[a-z_.]+)`" % "|".join(read_inputs()), PAGES[name])  # noqa: UP031
    assert set(named) - declared(read_inputs()) == set()


ANCHOR = re.compile(r"\]\(([^)#:\s]*)#([^)\s]+)\)")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", PAGES)
def test_anchors(name: str) -> None:
    """Every link to a part of a page leads to a heading of it."""
    folder = ROOT / "docs" if name == "faq" else GUIDES
    broken = []
    for target, anchor in ANCHOR.findall(PAGES[name]):
        text = (folder / target).read_text() if target else PAGES[name]
        if anchor not in {slug(each) for each in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}:
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_the_cold_start_of_the_questions() -> None:
    """The page gives the cold start the limit that the benchmark has."""
    (more,) = re.findall(r"at most (\d+) %\s+more CPU than a bare boto3 client", FAQ)
    assert TARGETS["cold_start_vs_boto3"].limit == 1 + int(more) / 100
