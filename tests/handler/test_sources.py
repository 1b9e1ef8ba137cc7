"""Each source is one module behind one interface."""

import ast
import json
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import idempotent_lambda
from idempotent_lambda import sources
from idempotent_lambda.errors import UnsupportedEventError
from idempotent_lambda.keys import record_id
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.copy_mark import write_mark
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.parsing import copy_json
from idempotent_lambda.sources.registry import ADAPTERS, WRAPPERS
from idempotent_lambda.sources.source import Source, SourceAdapter, Wrapper

from .events import event, marked, notification, record, s3_record, unwrapped

PACKAGE = Path(idempotent_lambda.__file__).parent
OUTSIDE = [
    path for path in sorted(PACKAGE.rglob("*.py")) if PACKAGE / "sources" not in path.parents
]


def names_of_sources(tree: ast.AST) -> list[str]:
    """What in a module names a source: a member of `Source`, or a literal equal to one."""
    members, values = set(Source.__members__), {str(each) for each in Source}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in members:
            found.append(ast.unparse(node))
        if isinstance(node, ast.Constant) and node.value in values:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.stem)
def test_no_module_names_a_source(path: Path) -> None:
    """Outside of its room nothing names a source, so that nothing must change for a new one."""
    assert names_of_sources(ast.parse(path.read_text())) == []


@pytest.mark.parametrize("code", ["a.source is Source.SQS", "name == 'aws:sqs'", "{sources.S3: 1}"])
def test_a_name_is_found(code: str) -> None:
    """The search finds a member, however it is imported, and a literal."""
    assert names_of_sources(ast.parse(code)) != []


def test_every_source_is_registered() -> None:
    """Each source has one adapter, and every adapter and wrapper of a module is registered."""
    assert [each.source for each in ADAPTERS] == list(Source)
    modules = [
        import_module(f"{sources.__name__}.{each.name}")
        for each in pkgutil.iter_modules(sources.__path__)
    ]
    kinds = (SourceAdapter, Wrapper)
    found = {
        each for module in modules for each in vars(module).values() if isinstance(each, kinds)
    }
    assert found == {*ADAPTERS, *WRAPPERS}


def test_an_error_names_every_source() -> None:
    """The error about an unsupported event names the supported ones."""
    with pytest.raises(UnsupportedEventError) as caught:
        read_event([])
    assert str(caught.value).endswith(
        "supported are batches of SQS, Kinesis and DynamoDB Streams by an event source mapping, "
        "and invocations by SNS, S3, EventBridge or with a JSON object"
    )
    assert all(each.title in str(caught.value) for each in ADAPTERS)


def test_a_copy_of_one_of_several_messages_of_a_direct_invocation() -> None:
    """Of a direct invocation that holds several messages, the copy names the parked one."""
    whole = notification(json.dumps(event(s3_record("a"), s3_record("b"))))
    second = unwrapped(whole)[1]
    mark = write_mark("owner-1", record_id("orders", second.default_key), second)
    (found,) = read_event(
        event(record(second.build_copy()["MessageBody"], **marked(mark))), UNWRAP_CHOICES
    )
    assert (found.body, found.token, found.unreadable) == (second.body, "owner-1", None)


@pytest.mark.parametrize("value", [{"a": [{"b": [1, "x", None]}]}, [], [[{}]], "x", 7, None])
def test_copied_json(value: object) -> None:
    """A copy of JSON is equal, and shares no object or array with the original."""

    def containers(part: object) -> set[int]:
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        own = {id(part)} if isinstance(part, dict | list) else set()
        return own.union(*map(containers, inside))

    copied = copy_json(value)
    assert copied == value
    assert containers(copied).isdisjoint(containers(value))


def test_copied_deep_json() -> None:
    """JSON is copied however deep it is."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    depth, copied = 0, copy_json(deep)
    while copied:
        depth, copied = depth + 1, copied[0]
    assert depth == 100_000
