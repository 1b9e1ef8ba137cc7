"""docs/claims.md leads from each claim of the README to tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "claims.md").read_text()
LINK = re.compile(r"\[`([^`]+)`\]\(([^)]+)\)")


def plain(text: str) -> str:
    """A text without its Markdown, on one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[`*]", "", text).split())


def claims(page: str) -> list[tuple[str, str, str]]:
    """The rows of the page: the heading above, what the README says, and the tests."""
    found, heading = [], ""
    for line in page.splitlines():
        heading = line[3:] if line.startswith("## ") else heading
        cells = [cell.strip() for cell in line[1:-1].split(" | ")] if line.startswith("| ") else []
        if cells and cells[0] != "the README says":
            claim, tests = cells
            found.append((heading, claim, tests))
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """The tests of a file: functions, classes and their methods, or the runs of Terraform's own."""
    text = path.read_text()
    if path.suffix == ".hcl":
        return frozenset(re.findall(r'^run "(\w+)"', text, re.MULTILINE))
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.add(node.targets[0].id)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if hasattr(each, "name")}
    run = {name for name in found if re.match(r"test_|Test\w*(::test_\w+)?$", name)}
    return frozenset(run)


def problems(page: str) -> list[str]:
    """What is claimed that the README does not say, and what is named that does not exist."""
    wrong = []
    for _, claim, tests in claims(page):
        if claim not in plain(README):
            wrong.append(f"the README does not say: {claim}")
        links = LINK.findall(tests)
        if not links or LINK.sub("", tests).strip(", "):
            wrong.append(f"no tests, or something else: {claim}")
        for name, target in links:
            file, _, test = name.partition("::")
            if target != f"../tests/{file}" or not (TESTS / file).is_file():
                wrong.append(f"no such file: {name}")
            elif test not in names_in(TESTS / file):
                wrong.append(f"no such test: {name}")
    return wrong


def first_cells(header: str, behind: str = "") -> list[str]:
    """What stands in the first column of a table of the README, below its header."""
    rest = README.partition(behind)[2] if behind else README
    table = re.split(rf"^{re.escape(header)}.*\n\|[-|]+\|\n", rest, maxsplit=1, flags=re.MULTILINE)
    lines = re.match(r"(?:\|.*\|\n)+", table[1])
    assert lines
    return [plain(line.split(" | ")[0].strip("| ")) for line in lines[0].splitlines()]


def test_the_page_is_right() -> None:
    """What is claimed is in the README, word for word, and each test that is named exists."""
    assert problems(PAGE) == []


@pytest.mark.parametrize(
    ("section", "header", "behind"),
    [
        ("In short", "| | your code |", ""),
        ("See it work", "| example | what is attacked", ""),
        ("What it promises", "| | |", "## What it promises\n"),
        ("What it costs", "| batch of ten |", ""),
        ("Choose the source", "| source |", ""),
    ],
)
def test_no_row_is_left_out(section: str, header: str, behind: str) -> None:
    """Each row of the README's tables of promises, costs, sources and scenarios is claimed."""
    rows = first_cells(header, behind)
    assert len(rows) >= 3
    claimed = [claim for heading, claim, _ in claims(PAGE) if heading == section]
    assert [row for row in rows if row not in claimed] == []


def test_each_claim_stands_once() -> None:
    """No section says the same twice."""
    rows = [(heading, claim) for heading, claim, _ in claims(PAGE)]
    assert len(rows) == len(set(rows)) > 60


@pytest.mark.parametrize(
    ("true", "planted", "problem"),
    [
        ("| Nothing is lost |", "| Nothing is ever late |", "the README does not say: Nothing is"),
        ("::test_cost`]", "::test_costly`]", "no such test: handler/test_cost.py::test_costly"),
        ("::nothing_is_watched_by_default`", "::all_is_well`", "no such test: observability."),
        ("../tests/handler/test_cost.py", "../tests/handler/cost.py", "no such file: handler/"),
        ("[`faults/test_outage.py::", "[`faults/outage.py::", "no such file: faults/outage.py"),
        (
            "::test_fifo`](../tests/end_to_end/scenarios/test_fifo.py) |",
            "` |",
            "no tests, or something",
        ),
        ("test_batch.py::TestStale::test_last", "test_batch.py::TestStale::last", "no such test"),
        ("properties/test_queue.py::TestQueue", "properties/test_queue.py::MoodyStore", "no such"),
    ],
)
def test_a_mistake_is_found(true: str, planted: str, problem: str) -> None:
    """A claim that nobody makes, and a test that does not exist, are named."""
    assert true in PAGE
    found = problems(PAGE.replace(true, planted, 1))
    assert [each for each in found if each.startswith(problem)] != []
