"""The demo's verdict: each broken promise is one line, and only broken ones are."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scripts.demo.report import Report
from scripts.support.account import settle
from scripts.support.traffic import Message
from tests.support.test_account import effect, line, send, struck

SENT = send("a", "b") | send("p", poison=True)
KILL = [struck("kill", "k")]
CHARGES = [effect("a", 0), effect("b", 0, process="k", end="late kill"), effect("b", 9000)]
NEIGHBOUR = [effect("a", 0), effect("b", 0, process="k"), effect("b", 9000)]
TWICE = [effect("a", 0), effect("a", 9000), effect("b", 0)]


def report(
    sent: dict[str, Message] = SENT,
    charges: list[dict[str, Any]] = CHARGES,
    naive: list[dict[str, Any]] = TWICE,
    *,
    dead: tuple[str, ...] = ("m-p",),
    faults: tuple[list[dict[str, Any]], list[dict[str, Any]]] = (KILL, KILL),
    **different: Any,
) -> Report:
    """A report in which everything held, but for what is different."""
    facts: dict[str, Any] = {"second_plan_empty": True, "left_after_destroy": []}
    accounts = {
        "ours": settle(sent, dead, charges, faults=faults[0]),
        "naive": settle(sent, ["m-p"], naive, faults=faults[1]),
    }
    return Report(accounts=accounts, **{"left_in_queues": 0, **facts, **different})


RAISED = [*CHARGES[1:], effect("a", 0, end="raise"), effect("a", 1)]
LEFT = [*KILL, struck("overlap", left=1) | {"id": "a"}]


def test_all_held() -> None:
    """Without a broken promise there is no problem."""
    assert report().problems() == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (report(charges=CHARGES[1:]), "1 order lost: never took effect: a"),
        (report(charges=[*CHARGES, effect("a", 9)]), "1 order charged twice although no owner"),
        (report(charges=RAISED), "1 order charged twice although no owner"),
        (report(charges=NEIGHBOUR), "1 order charged twice although no owner"),
        (report(charges=[*CHARGES[:2], effect("b", 9)]), "while the lease of an owner was live: b"),
        (report(charges=[*CHARGES, effect("p", 0)]), "1 order poison, but charged: p"),
        (report(charges=[*CHARGES, effect("x", 0)]), "1 order charged without having been sent: x"),
        (report(SENT | send("q", poison=True)), "poison, but not in the dead-letter queue: q"),
        (report(dead=("m-p", "m-a")), "1 order not poison, but in the dead-letter queue: a"),
        (report(naive=CHARGES), "without the module nothing was charged twice"),
        (report(second_plan_empty=False), "a second terraform plan was not empty"),
        (report(left_after_destroy=["queue q"]), "terraform destroy left the queue q behind"),
        (report(left_in_queues=2), "2 messages are still in the queues"),
        (report(faults=(LEFT, KILL)), "1 order to be struck by a fault that never happened: a"),
        (report(faults=(KILL, LEFT)), "a fault that never happened, without the module: a"),
    ],
)
def test_each_broken_promise_is_said(broken: Report, said: str) -> None:
    """The report names each broken promise, with the orders concerned."""
    assert any(said in problem for problem in broken.problems())


def test_a_broken_promise_is_said_once() -> None:
    """Several orders that break the same promise share a line."""
    (problem,) = report(charges=[effect("x", 0)]).problems()[:1]
    assert problem == "2 orders lost: never took effect: a, b"


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


def test_suppressed_deliveries_are_added_up(tmp_path: Path) -> None:
    """The report counts deliveries that left their order to another, and no other ones."""
    outcomes = ["in_progress", "completed", "duplicate", "failed", "rejected"]
    deliveries = [line("a", outcome, number) for number, outcome in enumerate(outcomes)]
    deliveries.append(line("a", "completed", 9) | {"coalesced": True, "acknowledged": True})
    account = settle(SENT, ["m-p"], CHARGES, deliveries, KILL)
    accounts = {"ours": account, "naive": account}
    found = Report(
        accounts=accounts, left_in_queues=0, second_plan_empty=True, left_after_destroy=[]
    )
    found.write(tmp_path)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["ours"]["duplicates_suppressed"] == 3


def test_the_table_shows_both_stacks() -> None:
    """The figures of both stacks are side by side, in words that need no glossary."""
    console = Console(width=120, file=(text := io.StringIO()))
    console.print(report().table())
    lines = text.getvalue().splitlines()
    assert any("with the module" in line and "without" in line for line in lines)
    for meaning, (ours, naive) in {
        "charged twice for any other reason": (0, 1),
        "messages sent": (3, 3),
    }.items():
        row = next(line for line in lines if meaning in line)
        assert re.findall(r" (\d+) ", row) == [str(ours), str(naive)]
