"""The campaign's verdict names every broken promise in a line of its own."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.kill.account import Account, Cause
from scripts.kill.plan import Mode, plan_round
from scripts.kill.report import Played, Report

NONE: frozenset[str] = frozenset()
CLEAN = Account(
    lost=NONE,
    unexplained=NONE,
    without_copy=NONE,
    miscounted=NONE,
    unfinished=False,
    in_doubt=[3],
    repeats=dict.fromkeys(Cause, 1),
)


def report(*accounts: Account, wanted: int = 1) -> Report:
    """A campaign with a clean round of each mode, and one more for each of these accounts."""
    clean = [played(mode, CLEAN) for mode in Mode]
    more = [played(Mode.RETRY, account) for account in accounts]
    return Report(seed=1, wanted=wanted, played=[*clean, *more], seconds=12.3)


def played(mode: Mode, account: Account) -> Played:
    """A round with one kill."""
    return Played(planned=plan_round(mode, 1, 1), account=account, deliveries=2, kills=["batch"])


def test_a_clean_campaign(tmp_path: Path) -> None:
    """Where nothing is broken the figures say so, and no line complains."""
    assert list(report().problems()) == []
    report().write(tmp_path)
    figures = json.loads((tmp_path / "kill.json").read_text())
    assert (figures["kills"], figures["largest_repeat"], figures["seconds"]) == (3, 3, 12)
    assert figures["documented_bound"] == figures["worst"]["concurrency"] + 200
    assert figures["modes"]["park"]["kills_after"] == {"batch": 1}
    assert figures["modes"]["park"]["repeats"]["interrupted"] == 1


@pytest.mark.parametrize(
    ("figure", "change", "line"),
    [
        ("lost", {"lost": frozenset("ab")}, "2 lost: a, b"),
        ("unexplained_repeats", {"unexplained": frozenset("abcd")}, "4 repeated without a cause"),
        ("parked_without_copy", {"without_copy": frozenset("a")}, "1 parked without a copy"),
        ("counter_errors", {"miscounted": frozenset("a")}, "1 not exactly once"),
        ("unfinished", {"unfinished": True}, "1 rounds without an end"),
    ],
)
def test_what_must_be_zero(figure: str, change: Mapping[str, frozenset[str]], line: str) -> None:
    """Every figure that must be zero is counted, and has its line."""
    broken = report(replace(CLEAN, **change))
    (problem,) = broken.problems()
    assert problem.startswith(line)
    assert broken.figures()[figure] == int(line.split(maxsplit=1)[0])


def test_over_the_bound() -> None:
    """The round that exceeds its bound most is the one that is reported."""
    bound = plan_round(Mode.RETRY, 1, 1).bound
    at_the_bound = replace(CLEAN, in_doubt=[2, bound])
    assert list(report(at_the_bound).problems()) == []
    over = report(replace(CLEAN, in_doubt=[bound + 1]), at_the_bound)
    (problem,) = over.problems()
    assert problem.startswith(f"one kill left {bound + 1} side effects unconfirmed")
    assert over.figures()["largest_repeat"] == bound + 1
    assert over.figures()["documented_bound"] == bound


def test_too_few_kills() -> None:
    """A campaign that has killed too little proves too little, in any mode."""
    problems = list(report(CLEAN, wanted=2).problems())
    assert problems == [
        f"only 1 kills in {mode} mode: 2 were asked for" for mode in ("park", "transaction")
    ]
