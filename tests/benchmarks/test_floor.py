"""The floor is what it says: this package's own statements, in a few lines."""

import ast
import re
import sys
import tokenize
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fleet
from benchmarks.contenders import floor
from benchmarks.fleet import ROOT, Location, answer, request
from scripts.support.emulator import Emulator
from tests.benchmarks.conftest import RecordingEngine
from tests.handler import events

LINES = 30
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def lines_of_code(path: Path) -> int:
    """How many lines hold code: no blank one, no comment, no docstring."""
    found: set[int] = set()
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in LAYOUT | {tokenize.ENCODING, tokenize.ENDMARKER}:
                found |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            found -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(found)


def test_it_is_short() -> None:
    """The floor has at most 30 lines of code."""
    assert lines_of_code(Path(floor.__file__)) <= LINES


def reported(
    place: Location, engine: RecordingEngine, name: str, event: Any
) -> list[tuple[str, Any]]:
    """What a contender asks of the engine for one batch, without what differs between runs."""
    engine.requests.clear()
    with place.started(name) as process:
        answer(process)
        request(process, {"event": event, "processor_ms": 0})
        assert answer(process)["failures"] == 0
    return [(operation, masked(each, name)) for operation, each in engine.requests]


def masked(value: Any, table: str) -> Any:
    """The value without owner tokens, times and the table's name."""
    if isinstance(value, dict):
        return {
            name: masked(each, table) if name != "N" or len(each) == 1 else "a time"
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [masked(each, table) for each in value]
    return re.sub(r"^[0-9a-f]{32}$", "an owner", value).replace(f'"{table}"', '"a table"')


@pytest.mark.slow
@pytest.mark.parametrize("batch", [2, 10, 25])
def test_it_says_what_the_package_says(
    stub: Emulator, engine: RecordingEngine, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """For a batch of new messages both make the same calls with the same statements."""
    monkeypatch.setattr(fleet, "INTERPRETER", sys.executable)
    # Completions wait a round trip for each other: a slow one, or a busy machine parts them.
    engine.answer("SetDelay", {"milliseconds": 100})
    place = Location(stub, ROOT / "handler")
    event = events.event(*(events.order(number) for number in range(batch)))
    ours, floors = (reported(place, engine, name, event) for name in ("ours", "floor"))
    assert len(ours) == 2
    assert ours == floors
