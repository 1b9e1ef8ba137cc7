"""The campaign's plan: the same seed makes the same rounds, and all kinds of them come."""

import pytest

from idempotent_lambda.protocol.plan_state import WINDOW
from scripts.kill.plan import (
    FULL_EVERY,
    FULL_FIRST,
    LARGEST,
    SLOW,
    STEPS,
    Behaviour,
    Event,
    Mode,
    Task,
    plan_round,
)

ROUNDS = 300


@pytest.mark.parametrize("mode", Mode)
def test_the_same_seed_plans_the_same(mode: Mode) -> None:
    """A seed can be played again, round by round; another one plans something else."""
    planned = [plan_round(mode, number, 7) for number in range(1, 6)]
    assert planned == [plan_round(mode, number, 7) for number in range(1, 6)]
    assert planned[0] != plan_round(mode, 1, 8)


@pytest.mark.parametrize("mode", Mode)
def test_every_kind_comes(mode: Mode) -> None:
    """Batches of one to a thousand messages, every pace, every behaviour, one thread or several."""
    planned = [plan_round(mode, number, 1) for number in range(1, ROUNDS + 1)]
    sizes = [len(game.keys) for game in planned]
    assert min(sizes) < 5
    assert LARGEST * 0.8 < max(sizes) <= LARGEST
    assert {game.slow for game in planned} == set(SLOW)
    assert {game.concurrency for game in planned} == {1, 2, 3, 4}
    tasks = [task for game in planned for task in game.tasks.values()]
    assert {task.behaviour for task in tasks} == set(Behaviour)
    assert any(len(game.keys) > len(game.tasks) for game in planned)


@pytest.mark.parametrize("mode", Mode)
def test_moments(mode: Mode) -> None:
    """Every first delivery is killed, some others too; in park mode between its steps as well."""
    planned = [plan_round(mode, number, 1) for number in range(1, ROUNDS + 1)]
    assert all(0 in game.moments for game in planned)
    assert any(len(game.moments) > 2 for game in planned)
    events = {moment.event for game in planned for moment in game.moments.values()}
    assert events == set(Event) - (set() if mode is Mode.PARK else set(STEPS))
    near = {
        moment.number % WINDOW
        for game in planned
        for moment in game.moments.values()
        if moment.event is Event.EFFECT and moment.number > WINDOW / 2
    }
    assert near & {WINDOW - 1, 0, 1}


@pytest.mark.parametrize("mode", Mode)
def test_the_worst_case(mode: Mode) -> None:
    """Again and again a full batch of quick messages is killed in its last window."""
    first = FULL_FIRST[mode]
    full = [plan_round(mode, number, 1) for number in (first, first + FULL_EVERY)]
    for planned in full:
        assert (len(planned.tasks), planned.slow, planned.concurrency) == (LARGEST, 0.0, 1)
        assert set(planned.tasks.values()) == {Task()}
        assert planned.moments[0].event is Event.EFFECT
        assert LARGEST - WINDOW < planned.moments[0].number <= LARGEST


def test_the_bound_follows_the_package() -> None:
    """One window of claims and what runs at once is what a kill may leave unconfirmed."""
    planned = plan_round(Mode.RETRY, 1, 1)
    assert planned.bound == WINDOW + planned.concurrency
