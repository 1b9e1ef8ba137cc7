"""The rules of `scripts.house`: the findings of each, and the code that it accepts."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import hcl2
import pytest

from idempotent_lambda.protocol import conditions
from scripts.house import naming, sizes
from scripts.house.__main__ import ROOT, RULES, Rule, check_rules, main
from scripts.house.files import File, list_files, parse_tree, read_tree
from scripts.house.old_names import list_paths, read_table

A = "handler/idempotent_lambda/a.py"
B = "handler/idempotent_lambda/b.py"
CONSUMER = "handler/idempotent_lambda/pipeline/consumer.py"
SOURCES = "handler/idempotent_lambda/sources/source.py"
ENUM = 'class Source(StrEnum):\n    SQS = "aws:sqs"\n    DIRECT = "direct"\n'

HOUSE = {
    CONSUMER: "def run_batch() -> None: ...\n",
    SOURCES: ENUM,
    "README.md": "A call may wait.\n",
    "main.tf": 'locals { outcome = "completed" }\n',
    "tests/test_run.py": "RUNS = 1\n",
    "notes.txt": '"busy"\n',
}
"""A repository that keeps every rule."""


def get_rule(key: str) -> Rule:
    """Return the rule with a key."""
    return next(rule for rule in RULES if rule.key == key)


def find(key: str, files: dict[str, str]) -> list[str]:
    """Return the place of each finding, and the first word in backticks of its text."""
    found = sorted(get_rule(key).find(parse_tree({CONSUMER: "", SOURCES: ENUM} | files)))
    words = [re.findall(r"`([^`]+)`", finding.problem)[:1] for finding in found]
    places = [f"{Path(finding.path).name}:{finding.line}" for finding in found]
    return [" ".join([place, *word]) for place, word in zip(places, words, strict=True)]


OLD_INPUTS = {
    # Declarations, of objects in objects too.
    'variable "invokers" {\n}\n': ["main.tf:1 invokers"],
    'variable "queue" {\n  type = object({\n    senders = optional(list(string), [])\n'
    "    existing = optional(object({\n      retention_seconds = number\n    }))\n  })\n}\n": [
        "main.tf:3 queue.senders",
        "main.tf:5 queue.existing.retention_seconds",
    ],
    'variable "streams" {\n  type = map(object({ bisect_batch_on_error = bool }))\n}\n': [
        "main.tf:2 streams.bisect_batch_on_error"
    ],
    # References.
    "x = var.queue.retention_seconds\n": ["main.tf:1 queue.retention_seconds"],
    'x = "${var.invokers[each.key].service}"\n': ["main.tf:1 invokers"],
    'x = var.streams["a"].batching_window_seconds\n': ["main.tf:1 streams.batching_window_seconds"],
    "x = each.value.bisect_batch_on_error\n": ["main.tf:1 each.value.bisect_batch_on_error"],
    "x = local.here.region\nlocals {\n  most_seconds = 1\n}\n": [
        "main.tf:1 local.here",
        "main.tf:3 local.most_seconds",
    ],
    "x = local.brings_queue && local.every_brought_part\n": [
        "main.tf:1 local.brings_queue",
        "main.tf:1 local.every_brought_part",
    ],
    # Calls and variables.
    'module "a" {\n  queue = {\n    existing = { retention_seconds = 1 }\n    senders = []\n'
    "  }\n}\n": [
        "main.tf:3 queue.existing.retention_seconds",
        "main.tf:4 queue.senders",
    ],
    'run "a" {\n  variables {\n    alarms = { except = ["age"] }\n  }\n}\n': [
        "main.tf:3 alarms.except"
    ],
    'module "a" {\n  queue = local.a ? { fifo = true } : { senders = [] }\n}\n': [
        "main.tf:2 queue.senders"
    ],
    # Texts.
    'x = "queue.senders is empty"\n# `memory_mb`\ny = "OnlyOverTls"\n': [
        "main.tf:1 queue.senders",
        "main.tf:2 memory_mb",
        "main.tf:3 OnlyOverTls",
    ],
}
"""Terraform with old names of inputs, and where they are."""

LARGEST = sizes.TESTS.limit
SCRIPT_LINES = sizes.SCRIPTS.limit

CAUGHT = [
    (
        "largest_test_file",
        {"tests/test_x.py": "x = 1\n" * (LARGEST + 1)},
        [f"test_x.py:{LARGEST + 1}"],
    ),
    (
        "largest_test_file",
        {"tests/x.tftest.hcl": "#\n" * (LARGEST + 1)},
        [f"x.tftest.hcl:{LARGEST + 1}"],
    ),
    ("largest_tf_file", {"examples/a/main.tf": "#\n" * 451}, ["main.tf:451"]),
    ("tf_files_over_300", {"a.tf": "#\n" * 301, "b.tf": "#\n" * 300}, ["a.tf:301"]),
    ("longest_tf_line", {"a.tf": "#\n" + "#" * 121}, ["a.tf:2"]),
    ("script_lines", {"scripts/x.py": "x = 1\n" * (SCRIPT_LINES + 1)}, ["scripts:1"]),
    (
        "script_lines",
        {
            "scripts/demo/x.py": "x = 1\n" * SCRIPT_LINES,
            "tests/end_to_end/scenarios/x.py": "x = 1\n",
        },
        ["scripts:1"],
    ),
    *(("old_names_tf", {"main.tf": text}, found) for text, found in OLD_INPUTS.items()),
    (
        "old_names_tf",
        {A: 'x = """\nqueue.senders\n"""\ny = "invokers"\nz = "code = { image_uri = 1 }"\n'},
        ["a.py:2 queue.senders", "a.py:4 invokers", "a.py:5 code.image_uri"],
    ),
    (
        "old_names_tf",
        {
            "docs/x.md": "`invokers`, `queue = { senders = [] }`\n"
            "```hcl\nqueue = {\n  senders = 1\n}\n```\n"
        },
        ["x.md:1 invokers", "x.md:1 queue.senders", "x.md:4 queue.senders"],
    ),
    ("old_names_tf", {"tests/test_brought.py": ""}, ["test_brought.py:1 test_brought.py"]),
    ("largest_module", {A: "x = 1\n" * 301}, ["a.py:301"]),
    ("consumer_lines", {CONSUMER: "x = 1\n" * 251}, ["consumer.py:251"]),
    ("any", {A: "def f(a: Any) -> typing.Any: ...\n"}, ["a.py:1 Any", "a.py:1 Any"]),
    ("any", {A: 'def f(a: "list[Any]"): ...\n'}, ["a.py:1 Any"]),
    ("any", {A: 'def f() -> "list[Any]": ...\n'}, ["a.py:1 Any"]),
    ("any", {A: 'async def f() -> "list[Any]": ...\n'}, ["a.py:1 Any"]),
    ("any", {A: 'x: "list[\'Any\']"\ny = cast("Any", x)\n'}, ["a.py:1 Any", "a.py:2 Any"]),
    ("any", {A: 'T = TypeVar("T", bound="list[Any]")\n'}, ["a.py:1 Any"]),
    ("casts", {A: "x = cast(int, y)\nz = typing.cast(int, y)\n"}, ["a.py:1 cast", "a.py:2 cast"]),
    ("ignores", {A: "x = 1  # type: ignore[x]\n"}, ["a.py:1 # type: ignore[x]"]),
    ("duplicate_names", {A: "_JSON = 1\n", B: "\n_JSON = 2\n"}, ["b.py:2 _JSON"]),
    ("duplicate_names", {A: "class Mark: ...\nMARK: int = 1\n"}, ["a.py:2 MARK"]),
    (
        "duplicate_names",
        {A: "a, late_end = 1, 2\ntry:\n    def _LateEnd(): ...\nfinally: ...\n"},
        ["a.py:3 _LateEnd"],
    ),
    ("participle_functions", {A: "def _taken(): ...\n"}, ["a.py:1 _taken"]),
    ("participle_functions", {A: "def checked_name(): ...\n"}, ["a.py:1 checked_name"]),
    (
        "participle_functions",
        {A: "class A:\n    async def _within(self): ...\n"},
        ["a.py:2 _within"],
    ),
    ("participle_functions", {A: "def f():\n    def of(): ...\n"}, ["a.py:2 of"]),
    ("participle_functions", {A: "def __decided(): ...\n"}, ["a.py:1 __decided"]),
    (
        "participle_functions",
        {A: "class A:\n    @classmethod\n    def of(cls): ...\n"},
        ["a.py:3 of"],
    ),
    ("participle_functions", {A: "def from_text(): ...\n"}, ["a.py:1 from_text"]),
    ("old_names", {A: "_tell = _rank\n"}, ["a.py:1 _rank", "a.py:1 _tell"]),
    ("old_names", {A: "told = f(parks=1)\n"}, ["a.py:1 parks", "a.py:1 told"]),
    (
        "old_names",
        {"tests/x.py": "class Place:\n    def _lay(self, alone): ...\n"},
        ["x.py:1 Place", "x.py:2 _lay", "x.py:2 alone"],
    ),
    (
        "old_names",
        {"toolkit/x.py": "parcel\n", "tests/x.py": "ledger\n"},
        ["x.py:1 ledger", "x.py:1 parcel"],
    ),
    ("old_names", {"scripts/lab/x.py": ""}, ["x.py:1 lab"]),
    ("old_names", {"tests/test_tally.py": ""}, ["test_tally.py:1 tally"]),
    (
        "old_names",
        {"benchmarks/x.py": "from scripts.lab import x as lay\n"},
        ["x.py:1 lab", "x.py:1 lay"],
    ),
    (
        "old_names",
        {"examples/x.py": "async def tells(): nonlocal rank\n"},
        ["x.py:1 rank", "x.py:1 tells"],
    ),
    (
        "old_names",
        {
            A: "match x:\n    case X(lab=1) | {**told}: ...\n"
            "    case [*lab]: ...\n    case lay: ...\n"
        },
        ["a.py:2 lab", "a.py:2 told", "a.py:3 lab", "a.py:4 lay"],
    ),
    (
        "old_names",
        {A: "try: ...\nexcept E as told:\n    global lay\n"},
        ["a.py:2 told", "a.py:3 lay"],
    ),
    (
        "old_names",
        {A: "def f(a: Work): return x.STORE_PATIENCE_MILLIS\n"},
        ["a.py:1 STORE_PATIENCE_MILLIS", "a.py:1 Work"],
    ),
    (
        "old_names",
        {A: 'x = "busy"\ny = "idempotent_lambda.predecessors"\n'},
        ["a.py:1 busy", "a.py:2 predecessors"],
    ),
    ("old_names", {A: '"""See `Busy`."""\n'}, ["a.py:1 Busy"]),
    (
        "old_names",
        {"toolkit/cli/x.py": "from cli import facts\ndef understood(): ...\n"},
        ["x.py:1 facts", "x.py:2 understood"],
    ),
    (
        "old_names",
        {"main.tf": '\nx = ["busy", "a.fall_backs"]\n'},
        ["main.tf:2 busy", "main.tf:2 fall_backs"],
    ),
    ("old_names", {"tests/x.tftest.hcl": 'x = "met"\n'}, ["x.tftest.hcl:1 met"]),
    (
        "old_names",
        {"docs/x.md": "Raises `errors.Busy`\n\n```python\nlapsed\n```\nor `met`.\n"},
        ["x.md:1 Busy", "x.md:4 lapsed", "x.md:6 met"],
    ),
    (
        "source_comparisons",
        {A: "x = a.source == Source.SQS\ny = a is not messages.Source.SQS\n"},
        ["a.py:1 Source", "a.py:2 Source"],
    ),
    ("source_comparisons", {A: "x = a in (Source.SQS, Source.DIRECT)\n"}, ["a.py:1 Source"]),
    (
        "source_comparisons",
        {A: "match x:\n    case Delivery(source=Source.SQS): ...\n"},
        ["a.py:2 Source"],
    ),
    ("source_literals", {A: 'x = "direct"\n'}, ["a.py:1 direct"]),
    (
        "source_literals",
        {SOURCES: "class Source(StrEnum):\n    X = auto()\n"},
        ["idempotent_lambda:1 Source"],
    ),
    ("class_name_values", {A: "x = type(a).__name__.lower()\n"}, ["a.py:1"]),
    ("class_name_values", {A: "x = getattr(a, f'_{type(b).__qualname__}')\n"}, ["a.py:1"]),
    (
        "class_name_values",
        {A: "x = T[b.__class__.__name__]\ny = T.get(type(b).__name__, 1)\n"},
        ["a.py:1", "a.py:2"],
    ),
    ("banned_constructs", {A: "x = [a] * b\ny = c * [a]\n"}, ["a.py:1", "a.py:2"]),
    (
        "banned_constructs",
        {A: "x = {id(a) for a in b}\ny = {id(a)}\n"},
        ["a.py:1 id()", "a.py:2 id()"],
    ),
    (
        "banned_constructs",
        {A: "x = set(map(id, a))\ny = frozenset(id(b) for b in a)\n"},
        ["a.py:1 id()", "a.py:2 id()"],
    ),
    (
        "banned_constructs",
        {A: "Row = dict[str, Any]\nif x:\n    Rows: TypeAlias = \"list['Any']\"\nT = typing.Any\n"},
        ["a.py:1 Any", "a.py:3 Any", "a.py:4 Any"],
    ),
]


@pytest.mark.parametrize(("key", "files", "findings"), CAUGHT)
def test_a_rule_finds(key: str, files: dict[str, str], findings: list[str]) -> None:
    """A rule finds each place that breaks it, and says its line and what is there."""
    assert find(key, files) == findings


ACCEPTED = [
    (
        "largest_test_file",
        {"tests/test_x.py": "x = 1\n" * LARGEST, "scripts/x.py": "x = 1\n" * (LARGEST + 1)},
    ),
    ("largest_tf_file", {"main.tf": "#\n" * 450, "tests/zip/main.tf": "#\n" * 451}),
    ("tf_files_over_300", {"main.tf": "#\n" * 300, "tests/a/main.tf": "#\n" * 301}),
    ("longest_tf_line", {"main.tf": "#" * 120, "tests/zip/main.tf": "#" * 121}),
    ("script_lines", {"scripts/x.py": "x = 1\n" * SCRIPT_LINES, "tests/x.py": "x = 1\n"}),
    (
        "old_names_tf",
        {
            "main.tf": 'variable "idempotency" {\n'
            "  type = object({ retention_seconds = number })\n}\n"
            'variable "queue" {\n  description = "From all senders"\n}\n'
            'resource "aws_sqs_queue" "senders" {\n  queue = { senders = 1 }\n}\n'
            "x = var.idempotency.retention_seconds + local.retention_seconds\n"
            "y = aws_sqs_queue.senders\nlocals { here_too = 1 }\n# invokers\n"
        },
    ),
    ("old_names_tf", {A: "queue.senders(invokers)\nx = 'the invokers of a queue'\n# `invokers`\n"}),
    ("old_names_tf", {"docs/x.md": "The invokers, `invoker`, `aws_sqs_queue.senders.arn`.\n"}),
    ("old_names_tf", {"CHANGELOG.md": "`invokers`\n"}),
    ("largest_module", {A: "x = 1\n" * 300, "toolkit/b.py": "x = 1\n" * 301}),
    ("consumer_lines", {CONSUMER: "x = 1\n" * 250, A: "x = 1\n" * 251}),
    ("any", {A: "from typing import Any\nx: 'object'\n", "toolkit/b.py": "x: Any\n"}),
    ("any", {A: '"""Any message waits."""\nx = "Anything of Any kind"\n'}),
    ("any", {A: "from idempotent_lambda import b\nx: b.Row\ny: Row\n", B: "Row = object\n"}),
    ("casts", {A: "x = forecast(y)\n", "scripts/b.py": "cast(int, y)\n"}),
    ("ignores", {A: 'x = "type: ignore"  # types: ignored\n'}),
    ("duplicate_names", {A: "def f():\n    x = 1\n", B: "x = 1\n", "toolkit/b.py": "x = 1\n"}),
    (
        "duplicate_names",
        {A: "from idempotent_lambda.b import x\nx_y = 1\n", B: "x = 1\nx.x_y = 2\n"},
    ),
    ("duplicate_names", {A: "if a:\n    x = 1\nelse:\n    x = 2\n"}),
    ("duplicate_names", {A: "__all__ = ()\n", B: "__all__ = ()\n"}),
    ("participle_functions", {A: "def proceed(): ...\ndef need_key(): ...\ndef put_copy(): ...\n"}),
    (
        "participle_functions",
        {A: "class A:\n    def __reversed__(self): ...\n    def f_of(): ...\n"},
    ),
    ("participle_functions", {A: "class A:\n    @property\n    def elapsed(self): ...\n"}),
    ("participle_functions", {A: "class A:\n    @cached_property\n    def _written(self): ...\n"}),
    ("participle_functions", {A: "class A:\n    @classmethod\n    def from_text(cls): ...\n"}),
    ("participle_functions", {A: "class A:\n    def for_delivery(self): ...\n"}),
    ("participle_functions", {"toolkit/b.py": "def taken(): ...\n"}),
    ("old_names", {A: "place = tell = held = agenda = 1\nfacts = 2\n", "scripts/exits.py": ""}),
    (
        "old_names",
        {"toolkit/cli/x.py": 'EXITS = "exits"  # `facts`\n', "tests/x.py": "facts = 1\n"},
    ),
    ("old_names", {"examples/x.py": "ledger = parcel\n", "scripts/x.py": "parcel = 1\n"}),
    ("old_names", {A: 'x = "a text.busy"\ny = "told"\n"""The word lapsed."""\n'}),
    ("old_names", {"docs/x.md": "A queue is busy: `test_busy` and `told`.\n"}),
    ("old_names", {"main.tf": '# busy\nx = "met again"\ny = "told"\n'}),
    ("old_names", {"CHANGELOG.md": "`Busy`\n", "docs/upgrading.md": "`busy`\n"}),
    ("source_comparisons", {A: "x = Source.SQS\ny = f(Source.SQS)\nz = a == b.SQS\n"}),
    ("source_comparisons", {SOURCES: f"{ENUM}x = a is Source.SQS\n"}),
    (
        "source_literals",
        {A: 'x = "directly"\n"""direct by itself"""\n', "toolkit/b.py": "'direct'"},
    ),
    ("source_literals", {A: 'class Other(StrEnum):\n    X = "x"\ny = "x"\n'}),
    ("class_name_values", {A: "x = T[a.b]\ny = T.get(a.b)\nz = a.b.c\n"}),
    ("class_name_values", {A: "x = f'{type(a).__name__}: {a}'\ny = {'type': type(a).__name__}\n"}),
    ("class_name_values", {A: "x = getattr(a, '__name__', type(a).__name__)\ny = T[__name__]\n"}),
    ("banned_constructs", {A: "x = [a] * 3\ny = [a] * len(b)\nz = a * b\n"}),
    ("banned_constructs", {A: "x = {a.id for a in b}\ny = {f(a)}\nz = {id(a): a}\n"}),
    ("banned_constructs", {A: "x = set(map(str, a))\n"}),
    ("banned_constructs", {A: "x: Any = 1\ndef f(a: list[Any] | None = None) -> Any: ...\n"}),
]


@pytest.mark.parametrize(("key", "files"), ACCEPTED)
def test_a_rule_accepts(key: str, files: dict[str, str]) -> None:
    """A rule accepts what looks similar but does not break it."""
    assert find(key, files) == []


def test_every_rule_is_tried() -> None:
    """Every rule has a snippet that it finds and one that it accepts."""
    keys = {rule.key for rule in RULES}
    assert {case[0] for case in CAUGHT} == {case[0] for case in ACCEPTED} == keys


@pytest.mark.parametrize(
    "key", ["largest_module", "consumer_lines", "largest_test_file", "largest_tf_file"]
)
def test_a_size_needs_what_it_measures(key: str) -> None:
    """A size does not hold because there is nothing to measure."""
    assert len(list(get_rule(key).find(parse_tree({})))) == 1


@pytest.mark.parametrize(
    ("key", "line", "limit"),
    [
        ("any", "x: Any\n", 60),
        ("casts", "x = cast(int, y)\n", 8),
        ("ignores", "x  # type: ignore\n", 1),
    ],
)
def test_a_limit_allows_so_many(key: str, line: str, limit: int) -> None:
    """A rule with a limit is kept by that many findings, and broken by one more."""
    kept, broken = (parse_tree({A: line * count}) for count in (limit, limit + 1))
    assert check_rules(kept, [get_rule(key)]) == ({key: limit}, [])
    numbers, lines = check_rules(broken, [get_rule(key)])
    assert numbers == {key: limit + 1}
    assert len(lines) == limit + 1
    assert f"({key}, at most {limit} of {limit + 1} may stay)" in lines[0]


def test_marshal_is_banned_by_ruff() -> None:
    """Ruff refuses both imports of `marshal` in the package."""
    command = [Path(sys.executable).with_name("ruff"), "check", "--select=TID251", "--quiet"]
    done = subprocess.run(
        [*command, "--output-format=concise", f"--stdin-filename={A}", "-"],
        cwd=ROOT,
        input="import marshal\nfrom marshal import loads\n",
        capture_output=True,
        check=False,
        text=True,
    )
    assert [line.split(" ")[:2] for line in done.stdout.splitlines()] == [
        [f"{A}:1:8:", "TID251"],
        [f"{A}:2:1:", "TID251"],
    ]


def test_a_rendered_expression_is_no_text() -> None:
    """The type checker refuses a pattern over a rendered expression, which is no string."""
    assert get_type_hints(conditions.render)["return"] is conditions.RenderedExpression
    assert not issubclass(conditions.RenderedExpression, str)


def test_sizes_are_reported() -> None:
    """The report has the lines of the largest module and of the consumer."""
    tree = parse_tree({A: "x = 1\n" * 7, CONSUMER: "x = 1\n" * 5, "toolkit/b.py": "x = 1\n" * 9})
    numbers, _ = check_rules(tree, [get_rule("largest_module"), get_rule("consumer_lines")])
    assert numbers == {"largest_module": 7, "consumer_lines": 5}


def test_an_exempt_file_is_named_by_its_path() -> None:
    """Only the exempt files may say an old name, not others that are called like them."""
    assert find("old_names", {"docs/CHANGELOG.md": "`Busy`\n"}) == ["CHANGELOG.md:1 Busy"]


def test_rows_lead_to_names_that_are_in_use() -> None:
    """No successor of an old name is an old name itself."""
    names = read_table("old_names.toml")
    everywhere = {name for name, old in names.items() if old.below == ("",)}
    assert {old.new for old in names.values()} & everywhere == set()


def test_rows_of_inputs_lead_to_names_that_are_in_use() -> None:
    """No successor of an old input is an old input itself."""
    names = read_table("old_inputs.toml")
    words = " ".join(f"`{old.new}`" for old in names.values())
    assert read_paths(words) & set(names) == set()


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("examples/*/main.tf")), ids=lambda p: p.parent.name
)
def test_arguments_are_seen_as_terraform_sees_them(path: Path) -> None:
    """The paths of a module's arguments are those that a parser of HCL finds."""
    text = path.read_text(encoding="utf-8")
    expected = {
        each
        for module in hcl2.loads(text)["module"]
        for arguments in module.values()
        for each in list_attributes(arguments)
    }
    assert expected - read_paths(text) == set()


def read_paths(text: str) -> set[str]:
    """Return the paths in a text of Terraform."""
    return {name for name, _, _ in list_paths(File("main.tf", text, ()))}


def list_attributes(value: object, *path: str) -> Iterator[str]:
    """List the paths of the attributes in a parsed value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.isidentifier() and not name.startswith("__"):
                yield ".".join((*path, name))
                yield from list_attributes(inner, *path, name)
    if isinstance(value, list):
        for inner in value:
            yield from list_attributes(inner, *path)


def test_variables_are_seen_as_terraform_sees_them() -> None:
    """So are the names of the module's variables."""
    for path in ROOT.glob("variables*.tf"):
        text = path.read_text(encoding="utf-8")
        expected = {name.strip('"') for each in hcl2.loads(text)["variable"] for name in each}
        assert expected - read_paths(text) == set()


def test_words_contradict_nothing() -> None:
    """No word is in two lists."""
    lists = [set(words) for words in naming.WORDS.values()]
    assert sum(map(len, lists)) == len(set().union(*lists))


@pytest.mark.slow
def test_this_repository_keeps_the_rules() -> None:
    """No file of this repository breaks a rule."""
    _, lines = check_rules(read_tree(ROOT))
    assert lines == []


def write(root: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_repository_that_keeps_the_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository that keeps every rule passes, and its report has a number for each rule."""
    write(tmp_path, HOUSE)
    assert main(tmp_path) == 0
    assert capsys.readouterr() == ("", "")
    report = json.loads((tmp_path / "build/house.json").read_text())
    assert list(report) == [rule.key for rule in RULES]
    assert {key: number for key, number in report.items() if number} == {
        "largest_module": 3,
        "consumer_lines": 1,
        "largest_test_file": 1,
        "largest_tf_file": 1,
        "longest_tf_line": 32,
    }


def test_a_repository_that_breaks_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each finding is one line with its place, what is there, the rule and the remedy."""
    write(tmp_path, HOUSE | {A: "def _taken(): ...\nseldom = 1\n", "docs/x.md": "`Busy`\n"})
    assert main(tmp_path) == 1
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert lines[1] == (
        "docs/x.md:1: the code word `Busy` (old_names): name it `AlreadyInProgressError`"
    )
    assert all(re.fullmatch(r"\S+:\d+: .+ \(\w+\): .+", line) for line in lines)
    assert lines[2].endswith("a.py:2: the name `seldom` (old_names): remove it")
    assert len(lines) == 3
    assert errors == "3 findings; the numbers are in build/house.json\n"
    report = json.loads((tmp_path / "build/house.json").read_text())
    assert (report["old_names"], report["participle_functions"]) == (2, 1)


@pytest.mark.parametrize("tracked", [True, False])
def test_what_is_built_is_not_read(tmp_path: Path, *, tracked: bool) -> None:
    """Files that git ignores are left out; without git, hidden and built folders are."""
    files = {".venv/x.py": "", "build/x.py": "", "own/x.py": ""}
    write(tmp_path, HOUSE | files | {".gitignore": ".venv/\nbuild/\nown/\n"})
    if tracked:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    names = {path.relative_to(tmp_path).as_posix() for path in list_files(tmp_path)}
    assert names == {*HOUSE, ".gitignore"} | (set() if tracked else {"own/x.py"})
