"""Rules of this repository that no tool checks."""

import ast
import re
from pathlib import Path

import pytest

from scripts.house.files import list_files

ROOT = Path(__file__).resolve().parents[1]
# Put together here, so that this file does not break the rules it states.
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:home|root|Users|work|mnt)/\w")


def texts() -> dict[str, str]:
    """The text of every tracked file that holds text."""
    found = {}
    for path in list_files(ROOT):
        raw = path.read_bytes()
        if b"\0" not in raw:
            found[path.relative_to(ROOT).as_posix()] = raw.decode(errors="replace")
    return found


def functions_in(path: Path) -> list[tuple[str, str | None]]:
    """Every test of a file, with its docstring."""
    return [
        (f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {node.name}", ast.get_docstring(node))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]


def is_a_sentence(text: str | None) -> bool:
    """Whether a docstring is one sentence: one paragraph, ended by its only full stop."""
    if not text or "\n\n" in text or not text.endswith("."):
        return False
    return re.search(r"[.!?]\s+[A-Z]", text) is None


def test_every_test_says_what_it_proves() -> None:
    """Each test function has a docstring of exactly one sentence."""
    files = [
        path for path in list_files(ROOT) if path.match("tests/**/*.py") or path.match("tests/*.py")
    ]
    tests = [test for path in files for test in functions_in(path)]
    assert len(tests) > 200
    assert [name for name, text in tests if not is_a_sentence(text)] == []


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("One sentence.", True),
        ("One sentence, as in docs/protocol.md, of 1.5 lines\nor two.", True),
        ("Two. Sentences.", False),
        ("A sentence.\n\nAnd a paragraph.", False),
        ("No full stop", False),
        ("", False),
        (None, False),
    ],
)
def test_is_a_sentence(text: str | None, outcome: bool) -> None:
    """The rule for docstrings accepts a sentence, and neither less nor more."""
    assert is_a_sentence(text) is outcome


def test_nothing_is_unfinished() -> None:
    """No tracked file holds a note to come back, or a stub."""
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in UNFINISHED))
    assert [
        (name, found[0]) for name, text in texts().items() if (found := pattern.findall(text))
    ] == []


def test_no_paths_of_one_machine() -> None:
    """No tracked file names a place that exists on one machine only."""
    assert [
        (name, found[0]) for name, text in texts().items() if (found := MACHINE_PATH.findall(text))
    ] == []
