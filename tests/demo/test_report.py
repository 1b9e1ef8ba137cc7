"""The verdict of the scenarios: each broken promise is one line, and only broken ones are."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.demo.report import Report
from scripts.demo.scenario import Closing

EXPECTED = {"a": ["a1", "a2", "a3"], "b": ["b1", "b2"]}


def report(**different: Any) -> Report:
    """A report in which everything held, but for what is different."""
    facts: dict[str, Any] = {
        "scenario": "fifo",
        "sent": 7,
        "expected": EXPECTED,
        "effects": EXPECTED,
        "ordered": True,
        "outcomes": {"completed": 5, "duplicate": 1, "coalesced": 1},
        "closing": Closing(second_plan_empty=True, left_after_destroy=[]),
    }
    return Report(**facts | different)


def test_all_held() -> None:
    """Without a broken promise there is no problem, and nothing bad is counted."""
    assert report().problems() == []
    figures = report().figures
    assert (figures.sent, figures.unique, figures.effects) == (7, 5, 5)
    assert figures.duplicates_suppressed == 2
    bad = (figures.repeats, figures.lost, figures.never_sent, figures.order_violations)
    assert bad == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("broken", "figure", "said"),
    [
        (report(effects={**EXPECTED, "b": ["b1", "b2", "b1"]}), "repeats", "1 repeated: b/b1"),
        (report(effects={**EXPECTED, "b": ["b1"]}), "lost", "1 lost: never took effect: b/b2"),
        (
            report(effects={**EXPECTED, "b": ["b1", "b2", "b3"]}),
            "never_sent",
            "1 took effect without having been sent: b/b3",
        ),
        (
            report(effects={**EXPECTED, "a": ["a1", "a3", "a2"]}),
            "order_violations",
            "1 out of order: a2 after a3 in a",
        ),
        (report(early_starts=["a2"]), "early_starts", "1 begun before the predecessor"),
        (report(dead_lettered=["x"]), "dead_lettered", "1 given up on without reason: x"),
    ],
)
def test_each_broken_promise_is_said(broken: Report, figure: str, said: str) -> None:
    """Whatever is broken alone is named and counted, with the operations concerned."""
    assert [said in problem for problem in broken.problems()] == [True]
    assert getattr(broken.figures, figure) == 1


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (report(outcomes={"completed": 5}), "no delivery was suppressed"),
        (report(incidents=["a fault never happened"]), "a fault never happened"),
        (
            report(closing=Closing(second_plan_empty=False, left_after_destroy=["queue q"])),
            "terraform destroy left the queue q behind",
        ),
        (
            report(closing=Closing(second_plan_empty=False, left_after_destroy=[])),
            "a second terraform plan was not empty",
        ),
    ],
)
def test_what_else_goes_wrong_is_said(broken: Report, said: str) -> None:
    """Traffic that proves nothing, incidents and an untidy stack fail a scenario as well."""
    assert said in broken.problems()[-1] or said in broken.problems()[0]


def test_without_order_no_order_is_violated() -> None:
    """Where messages may overtake each other, it is none."""
    overtaken = report(ordered=False, effects={**EXPECTED, "a": ["a3", "a2", "a1"]})
    assert overtaken.problems() == []


def test_a_repeat_is_no_violation_of_the_order() -> None:
    """The order is that of first effects: a repetition is counted as what it is, and once."""
    figures = report(effects={**EXPECTED, "a": ["a1", "a2", "a1", "a3"]}).figures
    assert (figures.repeats, figures.order_violations) == (1, 0)


def test_groups_keep_their_operations_apart() -> None:
    """The same operation of two groups is two, and one group's effect is not the other's."""
    two = report(expected={"a": ["x"], "b": ["x"]}, effects={"a": ["x", "x"]})
    assert (two.repeats(), two.lost()) == (["a/x"], ["b/x"])


def test_the_files(tmp_path: Path) -> None:
    """report.json holds the figures, and the files beside it what they follow from."""
    report(faults={"raise before": 2}, throttled=3, extras={"seed": 4}).write(tmp_path)
    written = {
        name: json.loads((tmp_path / f"{name}.json").read_text())
        for name in ("report", "expected", "effects")
    }
    assert written["expected"] == written["effects"] == EXPECTED
    assert written["report"] == {
        "scenario": "fifo",
        "sent": 7,
        "unique": 5,
        "effects": 5,
        "repeats": 0,
        "lost": 0,
        "never_sent": 0,
        "order_violations": 0,
        "early_starts": 0,
        "dead_lettered": 0,
        "faults": 2,
        "throttled": 3,
        "duplicates_suppressed": 2,
        "faults_by_kind": {"raise before": 2},
        "outcomes": {"coalesced": 1, "completed": 5, "duplicate": 1},
        "seed": 4,
        "second_plan_empty": True,
        "left_after_destroy": 0,
    }


def test_the_table_says_each_figure_in_words() -> None:
    """Every figure stands in a line of its own, in words that need no glossary."""
    console = Console(width=120, file=(text := io.StringIO()))
    console.print(report(sent=77).table())
    assert any(
        "duplicates included" in line and " 77 " in line for line in text.getvalue().splitlines()
    )
