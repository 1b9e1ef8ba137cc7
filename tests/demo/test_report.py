"""The demo's verdict: each broken promise is one line, and only broken ones are."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.demo.account import settle
from scripts.demo.report import Report
from tests.demo.test_account import Sent, charge, message

SENT = [message("a"), message("b"), message("p", poison=True)]
CHARGES = [charge("a"), charge("b", 1, killed_owner="t"), charge("b", 2)]
TWICE = [charge("a", 1), charge("a", 2), charge("b")]


def report(
    sent: list[Sent] = SENT,
    charges: list[dict[str, Any]] = CHARGES,
    naive: list[dict[str, Any]] = TWICE,
    *,
    dead: tuple[str, ...] = ("p-1",),
    untaken: tuple[str, ...] = (),
    **different: Any,
) -> Report:
    """A report in which everything held, but for what is different."""
    facts: dict[str, Any] = {"second_plan_empty": True, "left_after_destroy": []}
    accounts = {
        "ours": settle(sent, charges, dead=dead, untaken=untaken),
        "naive": settle(sent, naive, dead=["p-1"]),
    }
    return Report(accounts=accounts, **{"left_in_queues": 0, **facts, **different})


def test_all_held() -> None:
    """Without a broken promise there is no problem."""
    assert report().problems() == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (report(charges=CHARGES[1:]), "1 order lost: never charged: a"),
        (report(charges=[*CHARGES, charge("a", 9)]), "1 order charged twice although no owner"),
        (report(charges=[*CHARGES, charge("p")]), "1 order poison, but charged: p"),
        (report(charges=[*CHARGES, charge("x")]), "1 order charged without having been sent: x"),
        (report([*SENT, message("q", poison=True)]), "poison, but not in the dead-letter queue: q"),
        (report(dead=("p-1", "a-1")), "1 order not poison, but in the dead-letter queue: a"),
        (report(naive=CHARGES), "without the module nothing was charged twice"),
        (report(second_plan_empty=False), "a second terraform plan was not empty"),
        (report(left_after_destroy=["queue q"]), "terraform destroy left the queue q behind"),
        (report(left_in_queues=2), "2 messages are still in the queues"),
        (report(untaken=("a",)), "ours: a fault never happened: a"),
    ],
)
def test_each_broken_promise_is_said(broken: Report, said: str) -> None:
    """Whatever is broken alone is named, with the orders concerned."""
    assert any(said in problem for problem in broken.problems())


def test_the_report_file(tmp_path: Path) -> None:
    """report.json holds both stacks' figures and what concerns neither alone."""
    report(left_after_destroy=["queue q"]).write(tmp_path)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written == {
        "ours": {
            "sent": 3,
            "unique": 3,
            "poison": 1,
            "charged_once": 1,
            "charged_twice": 0,
            "interrupted_repeats": 1,
            "lost": 0,
            "dead_lettered": 1,
            "duplicates_suppressed": 0,
        },
        "naive": {
            "sent": 3,
            "unique": 3,
            "poison": 1,
            "charged_once": 1,
            "charged_twice": 1,
            "interrupted_repeats": 0,
            "lost": 0,
            "dead_lettered": 1,
            "duplicates_suppressed": 0,
        },
        "kills_after_charge": 1,
        "second_plan_empty": True,
        "left_after_destroy": 1,
    }


def test_the_table_shows_both_stacks() -> None:
    """Figures stand beside each other, in words that need no glossary."""
    console = Console(width=120, file=(text := io.StringIO()))
    console.print(report().table())
    lines = text.getvalue().splitlines()
    assert any("with the module" in line and "without" in line for line in lines)
    for meaning, (ours, naive) in {"orders charged twice": (0, 1), "messages sent": (3, 3)}.items():
        row = next(line for line in lines if meaning in line)
        assert re.findall(r" (\d+) ", row) == [str(ours), str(naive)]
