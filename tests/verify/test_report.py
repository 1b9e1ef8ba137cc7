"""The report says what was observed, and nothing that was not."""

import json
from pathlib import Path

import pytest

from tests.verify import report
from tests.verify.report import NO_ANSWER, ROWS, SUITE, Row, find_problems, read_rows, render, write


def make_case(name: str, inner: str, package: str = "tests.verify.rows.test_queues") -> str:
    """A test of pytest's report."""
    return f'<testcase classname="{package}" name="{name}" time="2.5">{inner}</testcase>'


def make_properties(**values: str) -> str:
    """The properties that a row records."""
    each = "".join(f'<property name="{name}" value="{value}"/>' for name, value in values.items())
    return f"<properties>{each}</properties>"


ANSWERED = make_properties(question="Is it so?", answer="it is", relied_on="yes")
CONTRACT = "tests.contracts.test_groups"


def read(*cases: str, target: str = "aws") -> dict[str, Row]:
    """Read the rows of a report, by name."""
    text = f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
    return {row.name: row for row in read_rows(text, target)}


def test_every_row_is_there_without_any_test() -> None:
    """A run that ended early reports each row, without an answer."""
    rows = read_rows("", "aws")
    assert [row.name for row in rows] == [*ROWS, SUITE]
    assert {row.relied_on for row in rows} == {NO_ANSWER}
    assert len(find_problems(rows)) == len(rows)


def test_an_answer() -> None:
    """A row has the question, the answer and the time of its test."""
    row = read(make_case("test_redrive", ANSWERED))["redrive"]
    assert row == Row(
        name="redrive",
        target="aws",
        question="Is it so?",
        answer="it is",
        relied_on="yes",
        seconds=2.5,
    )


@pytest.mark.parametrize("tag", ["failure", "error", "skipped"])
def test_a_test_that_did_not_pass(tag: str) -> None:
    """An answer counts only if its test passed; otherwise the row has the reason."""
    case = make_case("test_redrive", f'{ANSWERED}<{tag} message="no queue&#10;more"/>')
    row = read(case)["redrive"]
    assert (row.answer, row.relied_on) == ("no queue", NO_ANSWER)


def test_a_test_without_an_answer() -> None:
    """A test that passes without an answer is no answer."""
    row = read(make_case("test_redrive", make_properties(question="Is it so?")))["redrive"]
    assert (row.answer, row.relied_on) == ("", NO_ANSWER)


@pytest.mark.parametrize(
    ("inner", "relied_on"), [("", "yes"), ("<failure/>", "no"), ("<skipped/>", NO_ANSWER)]
)
def test_the_suite(inner: str, relied_on: str) -> None:
    """The contract suite is one row, and a skipped test is not a passed one."""
    row = read(make_case("test_a", "", CONTRACT), make_case("test_b", inner, CONTRACT))[SUITE]
    assert row.relied_on == relied_on
    assert row.answer.startswith("2 of 2" if not inner else "1 of 2")


def test_a_suite_that_was_cut_short() -> None:
    """The tests that passed before the end of the time are no answer of the whole suite."""
    text = f"<testsuite>{make_case('test_a', '', CONTRACT)}</testsuite>"
    row = read_rows(text, "aws", is_whole=False)[-1]
    assert row.relied_on == NO_ANSWER
    assert row.answer.endswith("and pytest did not come to the others")


@pytest.mark.parametrize("junit", ["<testsuite><testcase", "no XML"])
def test_a_report_that_was_cut_short(junit: str) -> None:
    """A report that a full disk or a kill has cut has no answers."""
    assert {row.relied_on for row in read_rows(junit, "aws")} == {NO_ANSWER}


def make_row(target: str, relied_on: str, name: str = "redrive") -> Row:
    """A row with an answer."""
    return Row(
        name=name, target=target, question="?", answer="a | b", relied_on=relied_on, seconds=0.0
    )


@pytest.mark.parametrize(
    ("row", "is_problem"),
    [
        (make_row("aws", "yes"), False),
        (make_row("aws", "-"), False),
        (make_row("aws", "no"), True),
        (make_row("aws", NO_ANSWER), True),
        (make_row("emulator", "no"), False),
        (make_row("emulator", NO_ANSWER), True),
        (make_row("emulator", "no", "traffic"), True),
        (make_row("emulator", "no", SUITE), True),
    ],
)
def test_problems(row: Row, *, is_problem: bool) -> None:
    """An unexpected answer is a problem on AWS; the emulator's is one if a promise breaks."""
    assert bool(find_problems([row])) is is_problem


def test_the_table() -> None:
    """Each row names where it was observed, and a bar in an answer does not end its cell."""
    table = render([make_row("emulator", "no")], {"Terraform": "1.11.4"})
    assert table.splitlines()[2] == "| ? | a \\| b | no | emulator |"
    assert table.endswith("\n\nTerraform 1.11.4.\n")


def test_results_are_kept(tmp_path: Path) -> None:
    """A later run replaces aws.json, and the results of each run stay."""
    for run, target in (("one", "aws"), ("two", "emulator")):
        write(tmp_path, run, [make_row(target, "yes")], {"Region": "r"}, {"rows": 3})
    results = tmp_path / report.RESULTS
    assert json.loads((tmp_path / "aws.json").read_text())["run"] == "two"
    assert json.loads((results / "one.json").read_text())["rows"][0]["target"] == "aws"
    assert (tmp_path / "aws.md").read_text() == (results / "two.md").read_text()


def test_rows_are_the_tests() -> None:
    """`ROWS` names each test of the rows once."""
    texts = [path.read_text() for path in Path(report.__file__).parent.glob("rows/test_*.py")]
    names = [
        line.split("(")[0][9:]
        for text in texts
        for line in text.splitlines()
        if line.startswith("def test_")
    ]
    assert sorted(names) == sorted(ROWS)
