"""A plan warns of key expressions that find nothing, and of no expression that finds something."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import hcl2
import pytest

from idempotent_lambda.keys import KeyRule, compile_expression
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.source import Source
from idempotent_lambda_toolkit.cli.doctor import key_roots
from scripts.support.terraform import Terraform
from tests.module.stacks import ROOT

EVERY = "every source"
SERVICES = {
    "sqs": Source.SQS,
    "kinesis": Source.KINESIS,
    "dynamodb": Source.DYNAMODB,
    "sns": Source.SNS,
    "s3": Source.S3,
    "events": Source.EVENTBRIDGE,
}
ALL_SOURCES = {
    "streams": {"a": {"source": "kinesis"}, "b": {"source": "dynamodb"}},
    "allowed_triggers": {"a": {"service": "sns"}, "b": {"service": "s3"}},
}
STUB = """
variable "idempotency" {
  type = object({ key = string })
}
variable "processor" {
  type = string
}
variable "queue" {
  type = bool
}
variable "streams" {
  type = map(object({ source = string }))
}
variable "allowed_triggers" {
  type = map(object({ service = string }))
}
locals {
  has_queue = var.queue
}
"""
STACK = """
module "key" {
  source           = "./stub"
  for_each         = jsondecode(file("keys.json"))
  idempotency      = { key = each.value.key }
  processor        = each.value.processor
  queue            = each.value.queue
  streams          = each.value.streams
  allowed_triggers = each.value.allowed_triggers
}
"""
RANDOM = 1500


class Text(str):
    """A text that also has every field."""

    __slots__ = ()

    def get(self, name: str) -> "Text":
        """Return the value of a field."""
        return Text(name)


class Fields(dict[str, object]):
    """An object that has every field."""

    def get(self, name: str, default: object = None) -> Any:
        """Return the value of a field."""
        del default
        return Fields(a=Text(name), b=Text("b"))


class Items(list[object]):
    """An array that also has every field."""

    def get(self, name: str) -> "Items":
        """Return the value of a field."""
        return Items([Text(name), Text("b")])


VALUES = (Text("a"), Fields(a=Text("a")), Items([Text("a")]), Items([Fields(a=Text("a"))]))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, set[str]]]:
    """Plan each expression, and return the names of the checks that warn of it."""
    directory = tmp_path_factory.mktemp("keys")
    (directory / "stub").mkdir()
    shutil.copy(ROOT / "key-expression.tf", directory / "stub")
    (directory / "stub" / "stub.tf").write_text(STUB)
    (directory / "main.tf").write_text(STACK)
    (directory / "keys.json").write_text("{}")
    terraform = Terraform(directory=directory)
    terraform.init("-backend=false")

    def plan(expressions: Iterable[str], **inputs: object) -> dict[str, set[str]]:
        keys = dict(enumerate(expressions))
        defaults = {"processor": "a.b", "queue": True, "streams": {}, "allowed_triggers": {}}
        (directory / "keys.json").write_text(
            json.dumps({str(n): {"key": key, **defaults, **inputs} for n, key in keys.items()})
        )
        terraform.run("plan", "-input=false", "-out=plan")
        found: dict[str, set[str]] = {key: set() for key in keys.values()}
        for check in terraform.show("plan")["checks"]:
            for instance in check["instances"]:
                if instance["status"] != "pass":
                    number = int(instance["address"]["to_display"].split('"')[1])
                    found[keys[number]].add(check["address"]["name"])
        return found

    return plan


def list_roots() -> dict[str, set[str]]:
    """The fields with which an expression can start, by source, as the module lists them."""
    (block,) = hcl2.loads((ROOT / "key-expression.tf").read_text(encoding="utf-8"))["locals"]
    unquote = re.compile(r'^"|"$')
    roots = {EVERY: {unquote.sub("", name) for name in block["message_fields"]}}
    for source, names in block["record_fields"].items():
        if not source.startswith("__"):
            roots[unquote.sub("", source)] = {unquote.sub("", name) for name in names}
    return roots


ROOTS = list_roots()
KNOWN = set().union(*ROOTS.values())


def test_doctor_knows_the_same_fields() -> None:
    """The operator's command and the plan have one list of the fields of each source."""
    fields = {EVERY: key_roots.MESSAGE_FIELDS, **key_roots.RECORD_FIELDS}
    assert {source: set(names) for source, names in fields.items()} == ROOTS


def can_find(expression: str, roots: Iterable[str] = KNOWN) -> bool:
    """Whether an expression finds a key in some message that has these fields and no others."""
    try:
        rule = KeyRule("orders", expression, compile_expression(expression))
    except (ValueError, RecursionError):
        return False
    for value in VALUES:
        try:
            rule.for_document(dict.fromkeys(roots, value))
        except Exception:  # noqa: BLE001, S112  # it finds nothing in this message
            continue
        return True
    return False


def list_shown() -> Iterator[str]:
    """Every text of the repository that is in quotes, and has a name that may be a field."""
    files = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    names = re.compile(r"\b(" + "|".join(KNOWN) + r")\b")
    for name in files:
        if name.endswith((".py", ".md", ".tf", ".hcl", ".json")) and (ROOT / name).is_file():
            text = (ROOT / name).read_text(encoding="utf-8")
            for quoted in re.findall(r'"([^"\n]{1,80})"|`([^`\n]{1,80})`', text):
                yield from filter(names.search, quoted)


def write_random(source: random.Random, depth: int) -> str:
    """Write an expression as JMESPath's grammar allows it, most of them of known fields."""
    if depth == 0:
        name = source.choice([*sorted(KNOWN), "order_id", "body", "body", '"detail-type"', "@"])
        return source.choice([name, name, f'"{name.strip(chr(34))}"'])
    one, two = (write_random(source, depth - 1) for _ in range(2))
    return source.choice(
        [
            f"{one}.order_id", f"{one}.body", f"{one}[0]", f"{one}[*].id", f"{one}.*", f"*.{one}",
            f"[{one}, {two}]", f"[ {one} ,{two}.a]", f"{one}.[a, {two}]", f"{one}.{{a: {two}}}",
            f"{one} | {two}", f"{one} || {two}", f"{one} && {two}", f"({one})",
            f"{one}[?{two}=='x']", f"sort_by({one}, &{two})[0]", f" {one} . id", f"{one}[]",
            f"lower({one})", f"join('-', [{one}, {two}])", f"not_null({one}, {two})",
            f"map(&{two}, {one})", f"{one}[?a==`\"]('`].b", f"{one} || 'it\\'s ['",
            f"{one}.\"a'[\"", f'a."-" || {one}', f"{one}\n.order_id",
        ]
    )  # fmt: skip


@pytest.mark.terraform
@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")
def test_no_warning_of_an_expression_that_can_find_a_key(
    plan: Callable[..., dict[str, set[str]]],
) -> None:
    """Neither of the repository's expressions, nor of random ones."""
    source = random.Random(7)  # noqa: S311
    shown = {text for text in list_shown() if can_find(text)}
    written = set(
        filter(can_find, (write_random(source, source.randint(0, 3)) for _ in range(RANDOM)))
    )
    assert len(shown) > 40
    assert len(written) > RANDOM / 5
    warned = plan(sorted(shown | written), **ALL_SOURCES)
    assert {key: names for key, names in warned.items() if names} == {}


@pytest.mark.terraform
def test_wrong_roots(plan: Callable[..., dict[str, set[str]]]) -> None:
    """A warning for expressions that find nothing in a message of the queue."""
    wrong = [
        "order_id", "Body.order_id", "detail.order_id", "message.body.order_id", "lower(order_id)",
        "join('-', [tenant, order_id])", "order_id || id", '"body.order_id"', "event.body",
        "Records[0].body", "bodyorder_id", "s3.object.key", "dynamodb.NewImage.id.S",
        "Sns.MessageId", "[0]", "order_id || 'body'", 'order_id == `"body"`',
        "nfc(trim( order_id ))", "message . body", 'message."body"',
        'message . "-" . body', "'body'", "[order_id, id]",
    ]  # fmt: skip
    right = [
        # Each names body, so the plan does not warn, although it is the wrong place.
        "order_id[?body=='x']", "[body.tenant, order_id]", '[order_id, "body".id]',
        "{body: order_id}",
        # These may take any field.
        "[*]", "order_id[*].id", "@", "message.*",
    ]  # fmt: skip
    assert not any(can_find(key, ROOTS[EVERY] | ROOTS["sqs"]) for key in wrong)
    assert plan(wrong) == {key: {"key"} for key in wrong}
    assert plan(right) == {key: set() for key in right}


@pytest.mark.terraform
def test_wrong_syntax(plan: Callable[..., dict[str, set[str]]]) -> None:
    """A warning for brackets and quotes without their other half."""
    wrong = [
        "body..order_id[", "lower(body.id", "body.id)", "[body.a, body.b", "body.{a: b", 'body."id',
        "body.id || 'x", "body[?a==`1]", "join('-, [body.a])", "body.id || '\\'", "body]",
    ]  # fmt: skip
    for key in wrong:
        with pytest.raises(ValueError, match="is not a JMESPath expression"):
            compile_expression(key)
    assert plan(wrong) == {key: {"key"} for key in wrong}


@pytest.mark.terraform
@pytest.mark.parametrize("source", SERVICES)
def test_each_source_has_its_fields(source: str, plan: Callable[..., dict[str, set[str]]]) -> None:
    """The fields of a source are known if the module reads that source."""
    inputs: dict[str, dict[str, object]] = {
        "sqs": {},
        "kinesis": {"queue": False, "streams": {"a": {"source": "kinesis"}}},
        "dynamodb": {"queue": False, "streams": {"a": {"source": "dynamodb"}}},
    }
    triggers = {"queue": False, "allowed_triggers": {"a": {"service": source}}}
    known = ROOTS[EVERY] | ROOTS[source]
    warned = plan(sorted(KNOWN), **inputs.get(source, triggers))
    assert {key for key, names in warned.items() if not names} == known


@pytest.mark.terraform
@pytest.mark.parametrize("inputs", [{"processor": None}, {"queue": False}])
def test_a_key_that_may_have_another_use(
    inputs: dict[str, object], plan: Callable[..., dict[str, set[str]]]
) -> None:
    """No warning of roots for a handler of yours, and without a source that is known."""
    assert plan(["order_id", None], **inputs) == {"order_id": set(), None: set()}


def test_the_fields_of_real_events() -> None:
    """Each field of the golden events' messages is in the list of its source."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests/handler/golden_events").glob("*.json")):
        for delivery in read_event(json.loads(path.read_text())):
            found.setdefault(delivery.source, set()).update(delivery.build_document())
    for source, name in SERVICES.items():
        # The rest is in the documentation of the services, but in no event here.
        rest = {"md5OfMessageAttributes", "userIdentity"} | {
            field for field in ROOTS[source] if field.endswith("EventData")
        }
        known = ROOTS[EVERY] | ROOTS[source]
        assert found[name] <= known
        assert known - found[name] <= rest
    assert found[Source.DIRECT] == ROOTS[EVERY]


def test_the_page() -> None:
    """docs/sources.md lists the same fields."""
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    titles = {
        "every source": EVERY, "SQS": "sqs", "Kinesis": "kinesis", "DynamoDB Streams": "dynamodb",
        "SNS, straight": "sns", "S3, straight": "s3",
    }  # fmt: skip
    rows = re.findall(r"^\| ([^|]+) \| (`body`|`[a-zA-Z0-9]+`)(, [^|]*)? \|$", page, re.MULTILINE)
    found = {
        titles[title]: set(re.findall(r"`(\w+)`", first + rest)) for title, first, rest in rows
    }
    assert found == {source: names for source, names in ROOTS.items() if names}
