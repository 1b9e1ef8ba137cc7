"""docs/verify.md has the rows of ``make verify-aws``, docs/protocol.md the facts they settle."""

import re
from pathlib import Path

from tests.verify.__main__ import CREATED, PLAN
from tests.verify.report import ROWS, SUITE, SUITE_QUESTION

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "verify.md").read_text()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
WITHOUT_A_FACT = {"versions", "traffic"}
"""Rows that settle no fact, but say what the others hold for."""


def list_named_rows(text: str) -> set[str]:
    """The rows that a text names in brackets."""
    return {
        name
        for names in re.findall(r"\[(`[^\]\n]+`)\](?!\()", text)
        for name in re.findall(r"`(\w+)`", names)
    }


def test_each_open_fact_names_its_row() -> None:
    """A fact that only AWS can show has a row, and each row settles a fact of the protocol."""
    section = PROTOCOL.split("## What the package relies on")[1]
    assert list_named_rows(section) == {*ROWS, SUITE} - WITHOUT_A_FACT
    unsettled = [
        line for line in section.splitlines() if re.search("unknown without AWS|only AWS can", line)
    ]
    assert len(unsettled) > 7
    assert [line for line in unsettled if not list_named_rows(line)] == []


def test_the_page_lists_the_rows() -> None:
    """The page has each row with its question, in the order of the report."""
    tests = "".join(path.read_text() for path in (ROOT / "tests/verify/rows").glob("test_*.py"))
    found = re.findall(r"def test_(\w+)\(site: Site\) -> None:\n    \"\"\"(.+?)\"\"\"", tests)
    questions = {**dict(found), SUITE: SUITE_QUESTION}
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)
    assert rows == [(name, questions[name]) for name in (*ROWS, SUITE)]


def test_the_page_says_what_is_created() -> None:
    """Page and command give the same numbers and the same price."""
    for kind, number in CREATED.items():
        assert f"{number} {kind}s" in PAGE
        assert f"{number} {kind}s" in PLAN
    [price] = re.findall(r"less than (\$[\d.]+\d)", PLAN)
    assert f"less than {price}" in PAGE
