"""The campaign's verdict names every broken promise in a line of its own."""

from dataclasses import replace

import pytest

from scripts.kill.account import Account, Cause
from scripts.kill.campaign import Played
from scripts.kill.plan import Mode, plan_round
from scripts.kill.report import Report

CLEAN = Account(wrong={}, in_doubt=[3], repeats=dict.fromkeys(Cause, 1))


def report(*accounts: Account, wanted: int = 1) -> Report:
    """A campaign with a clean round of each mode, and one more for each of these accounts."""
    clean = [played(mode, CLEAN) for mode in Mode]
    more = [played(Mode.RETRY, account) for account in accounts]
    return Report(seed=1, wanted=wanted, played=[*clean, *more], seconds=12.3)


def played(mode: Mode, account: Account) -> Played:
    """A round with one kill."""
    return Played(planned=plan_round(mode, 1, 1), account=account, deliveries=2, kills=["batch"])


def test_a_clean_campaign() -> None:
    """Where nothing is broken the figures say so, and no line complains."""
    assert list(report().problems()) == []
    figures = report().figures()
    assert (figures["kills"], figures["largest_repeat"], figures["seconds"]) == (3, 3, 12)
    assert figures["documented_bound"] >= 201
    assert figures["modes"]["park"]["kills_after"] == {"batch": 1}
    assert figures["modes"]["park"]["repeats"]["interrupted"] == 1


@pytest.mark.parametrize(
    ("figure", "keys", "line"),
    [
        ("lost", "ab", "2 lost: a, b"),
        ("unexplained_repeats", "abcd", "4 repeated without a cause that P5 allows: a, b, c, ..."),
        ("parked_without_copy", "a", "1 parked without a copy in the dead-letter queue: a"),
        ("counter_errors", "a", "1 not exactly once although in a transaction: a"),
        ("unfinished", "a", "1 without an end: delivered again and again: a"),
    ],
)
def test_what_must_be_zero(figure: str, keys: str, line: str) -> None:
    """Every figure that must be zero is counted, and has its line."""
    broken = report(replace(CLEAN, wrong={figure: set(keys)}))
    assert list(broken.problems()) == [line]
    assert broken.figures()[figure] == len(keys)


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
