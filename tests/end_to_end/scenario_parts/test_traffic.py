"""The scenarios' traffic: every operation is sent, some more than once, and faults meet them."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import pytest

from scripts.support.faults import PlannedFault
from tests.end_to_end.scenarios import (
    test_exactly_once,
    test_existing_handler,
    test_fifo,
    test_sns_fanout,
    test_streams,
)

SEEDS = range(20)


def draw(seed: int) -> random.Random:
    """A source that draws the same again."""
    return random.Random(seed)  # noqa: S311  # guards nothing


HANDLED = [*test_existing_handler.DIRECT, *test_existing_handler.LATER, *test_existing_handler.BUS]
PLANS = {
    "fifo": (test_fifo.FAULTS, [movement for _, movement in test_fifo.list_messages()]),
    "sns-fanout": (test_sns_fanout.FAULTS, test_sns_fanout.list_publications()),
    "streams": (
        test_streams.FAULTS,
        [entry for entries in test_streams.ENTRIES.values() for entry in entries],
    ),
    "existing-handler": (test_existing_handler.FAULTS, HANDLED),
    "exactly-once": (
        test_exactly_once.choose_faults(draw(1)),
        test_exactly_once.choose_messages(draw(1)),
    ),
}
plans = pytest.mark.parametrize(("planned", "sent"), PLANS.values(), ids=PLANS.keys())


@plans
def test_every_fault_meets_an_operation_of_its_own(
    planned: Sequence[PlannedFault], sent: Sequence[str]
) -> None:
    """No operation has two faults, and none has one that is never sent."""
    struck = [fault.operation for fault in planned]
    assert len(struck) == len(set(struck)) > 0
    assert set(struck) <= set(sent)


@plans
def test_no_operation_is_taken_for_another(
    planned: Sequence[PlannedFault], sent: Sequence[str]
) -> None:
    """The id of an operation is looked for in calls and records, so none is part of another."""
    del planned
    assert not [(a, b) for a, b in permutations(set(sent), 2) if a in b]


@pytest.mark.parametrize("scenario", ["fifo", "sns-fanout", "streams", "existing-handler"])
def test_what_ends_a_process_comes_before_the_effect(scenario: str) -> None:
    """Where P5 would excuse a repetition after an interruption, nothing is interrupted after it."""
    planned, _ = PLANS[scenario]
    ending = {"kill", "late kill", "timeout"}
    assert {fault.when for fault in planned if fault.what in ending} == {"before"}


@pytest.mark.parametrize("scenario", ["fifo", "streams"])
def test_order_is_kept_under_every_kind_of_failure(scenario: str) -> None:
    """Where order is promised, processors raise, hang and are killed."""
    planned, _ = PLANS[scenario]
    assert {fault.what for fault in planned} >= {"raise", "timeout", "late kill"}


def test_movements_are_sent_in_the_order_of_their_account() -> None:
    """The first message of each movement comes after the first message of the one before it."""
    sent = list(dict.fromkeys(test_fifo.list_messages()))
    for account, movements in test_fifo.MOVEMENTS.items():
        assert [movement for name, movement in sent if name == account] == movements


def test_movements_are_repeated_at_once_and_later() -> None:
    """Producers repeat a movement right behind it, and behind later ones of its account."""
    kinds = set()
    for account in test_fifo.MOVEMENTS:
        sent = [movement for name, movement in test_fifo.list_messages() if name == account]
        for place, movement in enumerate(sent):
            if movement in sent[:place]:
                kinds.add("at once" if sent[place - 1] == movement else "later")
    assert kinds == {"at once", "later"}


def test_orders_are_published_again_at_once_and_later() -> None:
    """A quarter of the orders is published twice in a row, and a fifth once more at the end."""
    times = Counter(test_sns_fanout.list_publications())
    assert set(times) == set(test_sns_fanout.ORDERS)
    assert set(times.values()) == {1, 2, 3}


@pytest.mark.parametrize("seed", SEEDS)
def test_deposits_are_repeated_behind_themselves(seed: int) -> None:
    """Every deposit is sent, a third of them twice, and nothing else."""
    times = Counter(test_exactly_once.choose_messages(draw(seed)))
    assert set(times) == set(test_exactly_once.DEPOSITS)
    assert times.total() == len(times) + len(times) // 3


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_come_at_every_moment(seed: int) -> None:
    """Processes are killed before, in and after the commit, whatever the seed."""
    planned = test_exactly_once.choose_faults(draw(seed))
    kills = [fault for fault in planned if fault.what == "kill"]
    assert len(kills) == 30
    assert {fault.when for fault in kills} == {"before", "during", "after"}


def test_predecessors_are_those_of_the_shard() -> None:
    """Each entry's predecessor is the record before it in its shard, poison left out."""

    def record(state: str) -> dict[str, object]:
        change = {"NewImage": {"state": {"S": state}}}
        return {"eventID": f"of {state}", "dynamodb": change}

    shards = [[record("x"), record(test_streams.POISON), record("y")], [record("z")]]
    assert test_streams.find_records_before(shards) == {"y": "of x"}
