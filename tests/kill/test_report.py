"""The campaign's verdict names every broken promise in a separate line."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from scripts.kill.account import Account, Cause, compute_figures, list_problems
from scripts.kill.plan import Event, Mode, plan_round


def play(mode: Mode = Mode.RETRY, in_doubt: Sequence[int] = (3,), **wrong: set[str]) -> Account:
    """A round with one kill for each number of side effects in doubt."""
    account = Account(
        planned=plan_round(mode, 1, 1),
        deliveries=2,
        kills=[Event.BATCH] * len(in_doubt),
        in_doubt=list(in_doubt),
        repeats=Counter(Cause),
    )
    account.wrong.update(wrong)
    return account


def report(*more: Account, wanted: int = 1) -> tuple[dict[str, Any], list[str]]:
    """The figures and problems of a campaign with a clean round of each mode, and these rounds."""
    accounts = [*(play(mode) for mode in Mode), *more]
    figures = compute_figures(accounts)
    return figures, list(list_problems(accounts, figures, wanted))


def test_a_clean_campaign() -> None:
    """Where nothing is broken the figures say so, and no line complains."""
    figures, problems = report()
    assert problems == []
    assert (figures["kills"], figures["largest_repeat"]) == (3, 3)
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
    figures, problems = report(play(**{figure: set(keys)}))
    assert problems == [line]
    assert figures[figure] == len(keys)


def test_over_the_bound() -> None:
    """The round that exceeds its bound most is the one that is reported."""
    bound = plan_round(Mode.RETRY, 1, 1).bound
    at_the_bound = play(in_doubt=[2, bound])
    assert report(at_the_bound)[1] == []
    figures, (problem,) = report(play(in_doubt=[bound + 1]), at_the_bound)
    assert problem.startswith(f"one kill left {bound + 1} side effects unconfirmed")
    assert figures["largest_repeat"] == bound + 1
    assert figures["documented_bound"] == bound


def test_too_few_kills() -> None:
    """A campaign that has killed too little proves too little, in any mode."""
    assert report(play(), wanted=2)[1] == [
        f"only 1 kills in {mode} mode: 2 were asked for" for mode in ("park", "transaction")
    ]
