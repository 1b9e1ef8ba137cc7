"""The zip that is deployed is built from the quickstart and run as Lambda runs it."""

import ast
import io
import json
import os
import subprocess
import sys
import tokenize
import zipfile
from pathlib import Path

import pytest

from scripts.pack import (
    PACKAGE_EXCLUDE,
    collect_sources,
    drop_prose,
    hash_contents,
    read_content,
    write_zip,
)
from scripts.support.emulator import Emulator

ROOT = Path(__file__).parents[2]
PACKAGE_MODULES = [
    "__init__",
    "calls/__init__",
    "calls/arguments",
    "calls/decorated_call",
    "calls/end",
    "calls/results",
    "calls/wiring",
    "clients",
    "clock",
    "decorator",
    "entrypoint",
    "errors",
    "expressions",
    "http",
    "keys",
    "log",
    "metrics",
    "migration",
    "observer",
    "pipeline/__init__",
    "pipeline/asking",
    "pipeline/consumer",
    "pipeline/grouping",
    "pipeline/invocation",
    "pipeline/performer",
    "pipeline/processor",
    "pipeline/reports",
    "pipeline/resources",
    "pipeline/shared_plan",
    "pipeline/work_item",
    "pipeline/workers",
    "protocol/__init__",
    "protocol/claims",
    "protocol/conditions",
    "protocol/heap",
    "protocol/judgement",
    "protocol/lifecycle",
    "protocol/plan",
    "protocol/plan_state",
    "protocol/record",
    "protocol/steps",
    "queues",
    "redaction",
    "settings",
    "sources/__init__",
    "sources/batches",
    "sources/copy_mark",
    "sources/delivery",
    "sources/direct",
    "sources/dynamodb_streams",
    "sources/event",
    "sources/eventbridge",
    "sources/kinesis",
    "sources/message",
    "sources/parsing",
    "sources/payload",
    "sources/pipes",
    "sources/recognition",
    "sources/registry",
    "sources/response",
    "sources/s3",
    "sources/sns",
    "sources/source",
    "sources/sqs",
    "sources/traces",
    "sources/unsafe_numbers",
    "spelling",
    "store/__init__",
    "store/calls",
    "store/dynamodb",
    "store/items",
    "store/retries",
    "store/transaction",
    "store/updates",
    "store/writes",
    "threads",
    "tracers",
]

INVOKE = """
import json, sys, types
from idempotent_lambda.entrypoint import handler
context = types.SimpleNamespace(get_remaining_time_in_millis=lambda: 10_000)
for _ in range(2):
    print(json.dumps(handler(json.loads(sys.argv[1]), context)))
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of the quickstart."""
    sources = ROOT / "examples" / "quickstart" / "src"
    files = collect_sources(sources, ROOT / "handler", PACKAGE_EXCLUDE)
    contents = {name: read_content(path) for name, path in files.items()}
    assert len(hash_contents(contents)) == 64
    destination = tmp_path_factory.mktemp("zip") / "function.zip"
    write_zip(contents, destination)
    return destination


def parse_without_docstrings(source: str) -> str:
    """The syntax tree of a module, with an empty text for each docstring in a body."""
    tree = parse_module(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = "" if isinstance(node.value.value, str) else node.value.value
    return ast.dump(tree)


def list_lines(source: str) -> list[int]:
    """The line of each statement."""
    return [node.lineno for node in ast.walk(parse_module(source)) if isinstance(node, ast.stmt)]


def parse_module(source: str) -> ast.Module:
    """The syntax tree of a module, without the texts about the module and its names."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _is_text(node)]
    return tree


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def test_the_code_is_the_repositorys(deployed: Path) -> None:
    """The package in the zip has no prose; its code and its line numbers are the same."""
    with zipfile.ZipFile(deployed) as archive:
        for name in PACKAGE_MODULES:
            packed = archive.read(f"idempotent_lambda/{name}.py").decode()
            source = (ROOT / "handler" / "idempotent_lambda" / f"{name}.py").read_text()
            assert parse_without_docstrings(packed) == parse_without_docstrings(source)
            assert list_lines(packed) == list_lines(source)
            assert len(packed.splitlines()) == len(source.splitlines())
            assert '"""' not in packed
            tokens = tokenize.generate_tokens(io.StringIO(packed).readline)
            assert not [token for token in tokens if token.type == tokenize.COMMENT]
        user = (ROOT / "examples" / "quickstart" / "src" / "orders.py").read_bytes()
        assert archive.read("orders.py") == user


@pytest.mark.parametrize(
    ("source", "packed"),
    [
        ('"""One."""\nx = """two"""\n', '\nx = """two"""\n'),
        ('def f():\n    r"""a\n\n    b"""\n', 'def f():\n " "\n\n\n'),
        ('x = 1\n"""About x."""  # why\n', "x = 1\n\n"),
        ('call(\n    "a"\n)\n', 'call(\n "a"\n)\n'),
        ("if a:\n    if b:\n        c()\n      # d\n", "if a:\n if b:\n  c()\n\n"),
        ('x = 1\n\x0c\n"""a\nb"""\ny = 2\n', "x = 1\n\x0c\n\n\ny = 2\n"),
        ('x = "a\u2028b"\n"""doc"""\n', 'x = "a\u2028b"\n\n'),
        ('f"{call()}"\nrf"{call()}"\nrb"x"\n', 'f"{call()}"\nrf"{call()}"\nrb"x"\n'),
        ("class A(B):\n    # why\n    'one'\n", 'class A(B):\n\n " "\n'),
        ('x = "# a"  # b\nf"{y}#"  # c # d\n#', 'x = "# a"\nf"{y}#"\n\n'),
        ('return_ = f"{1}"\n"a" "b"\n', 'return_ = f"{1}"\n"a" "b"\n'),
    ],
)  # fmt: skip
def test_only_prose_is_dropped(source: str, packed: str) -> None:
    """Comments and texts about modules vanish, docstrings in a body turn blank, code moves left."""
    assert drop_prose(source) == packed


IMPORT = """
import inspect, pkgutil, sys
made = []
signature = inspect.signature
inspect.signature = lambda *given, **named: made.append(given) or signature(*given, **named)
import idempotent_lambda
for module in pkgutil.walk_packages(idempotent_lambda.__path__, "idempotent_lambda."):
    if module.name != "idempotent_lambda.entrypoint":
        __import__(module.name)
print(len(made), len([name for name in sys.modules if name.startswith("idempotent_lambda.")]))
"""


def test_no_docstring_is_made_at_import(deployed: Path) -> None:
    """A dataclass with an empty docstring would make one at each cold start; none does."""
    run = subprocess.run(
        [sys.executable, "-c", IMPORT],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(deployed)},
        capture_output=True,
        text=True,
        check=True,
    )
    made, modules = map(int, run.stdout.split())
    assert (made, modules) == (0, len(PACKAGE_MODULES) - 2)


def test_contents(deployed: Path) -> None:
    """The deployed zip holds the user's sources and the package, file by file, under 100 KB."""
    expected = {f"idempotent_lambda/{name}.py" for name in PACKAGE_MODULES}
    expected |= {"idempotent_lambda/py.typed", "orders.py"}
    assert set(zipfile.ZipFile(deployed).namelist()) == expected
    assert deployed.stat().st_size <= 100 * 1024


@pytest.mark.emulator
def test_runs(deployed: Path, emulator: Emulator, account: str) -> None:
    """From the zip alone the handler charges an order once, and suppresses it the second time."""
    client = emulator.client("dynamodb", account)
    for table, key in (("records", "id"), ("ledger", "charge_id")):
        client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    body = {"order_id": "ORDER-1", "amount_cents": 1999, "currency": "EUR"}
    record = {"messageId": "m-1", "eventSource": "aws:sqs", "body": json.dumps(body)}
    run = subprocess.run(
        [sys.executable, "-c", INVOKE, json.dumps({"Records": [record]})],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(deployed),
            "LEDGER_TABLE": "ledger",
            "IDEMPOTENCY_TABLE": "records",
            "IDEMPOTENCY_NAMESPACE": "orders",
            "IDEMPOTENCY_PROCESSOR": "orders.process",
            "IDEMPOTENCY_KEY": "body.order_id",
            "IDEMPOTENCY_RETENTION_SECONDS": "3600",
            **emulator.environment(account),
        },
        cwd=deployed.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    first, first_answer, second, second_answer = map(json.loads, run.stdout.splitlines())
    assert [first["outcome"], second["outcome"]] == ["completed", "duplicate"]
    assert first_answer == second_answer == {"batchItemFailures": []}
    charged = client.scan(TableName="ledger")["Items"]
    assert [each["order_id"]["S"] for each in charged] == ["ORDER-1"]
    assert [each["id"]["S"] for each in client.scan(TableName="records")["Items"]] == [
        "orders#ORDER-1"
    ]
