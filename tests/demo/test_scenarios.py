"""The scenarios' traffic: every operation is sent, some more than once, and faults meet them."""

import ast
import random
from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest

from scripts.demo import exactly_once, existing_handler, fifo, inject, sns_fanout, streams
from scripts.demo.inject import PlannedFault

SEEDS = range(20)


def at_random(seed: int) -> random.Random:
    """A source that draws the same again."""
    return random.Random(seed)  # noqa: S311  # guards nothing


PLANS = {
    "fifo": (fifo.faults(), [each.movement_id for each in fifo.messages()]),
    "sns-fanout": (sns_fanout.faults(), sns_fanout.publications()),
    "streams": (streams.faults(), [each for of in streams.entries().values() for each in of]),
    "existing-handler": (
        existing_handler.faults(),
        [each for way in existing_handler.WAYS for each in existing_handler.order_ids(way)],
    ),
    "exactly-once": (
        exactly_once.faults(at_random(1)),
        [each.deposit_id for each in exactly_once.messages(at_random(1))],
    ),
}
plans = pytest.mark.parametrize(("faults", "sent"), PLANS.values(), ids=PLANS.keys())


@plans
def test_every_mishap_meets_an_operation_of_its_own(
    faults: Sequence[PlannedFault], sent: Sequence[str]
) -> None:
    """No operation has two faults, and none has one that is never sent."""
    struck = [fault.operation for fault in faults]
    assert len(struck) == len(set(struck)) > 0
    assert set(struck) <= set(sent)


@plans
def test_no_operation_is_taken_for_another(
    faults: Sequence[PlannedFault], sent: Sequence[str]
) -> None:
    """The wrapper looks for an operation's id in a call, so no id may be part of another."""
    del faults
    assert not [(a, b) for a, b in permutations(set(sent), 2) if a in b]


def test_the_wrapper_knows_every_fault() -> None:
    """The kinds that can be armed are those that the wrapper acts on."""
    wrapper = Path(inject.__file__).with_name("wrapper") / "call_faults.py"
    known = {
        node.value.value
        for node in ast.walk(ast.parse(wrapper.read_text()))
        if isinstance(node, ast.MatchValue) and isinstance(node.value, ast.Constant)
    }
    assert known == set(inject.What.__args__)


@pytest.mark.parametrize("scenario", ["fifo", "sns-fanout", "streams", "existing-handler"])
def test_what_ends_a_process_comes_before_the_effect(scenario: str) -> None:
    """Where P5 would excuse a repetition after an interruption, nothing is interrupted after it."""
    faults, _ = PLANS[scenario]
    ending = {"kill", "late kill", "timeout"}
    assert {fault.when for fault in faults if fault.what in ending} == {"before"}


def test_movements_are_sent_in_the_order_of_their_account() -> None:
    """The first message of each movement comes behind that of the one before it."""
    sent = list(dict.fromkeys(fifo.messages()))
    for account, movements in fifo.movements().items():
        assert [each for each in sent if each.account_id == account] == movements


def test_movements_are_repeated_at_once_and_later() -> None:
    """Producers repeat a movement right behind it, and behind later ones of its account."""
    kinds = set()
    for account in fifo.movements():
        of = [each.movement_id for each in fifo.messages() if each.account_id == account]
        for place, each in enumerate(of):
            if each in of[:place]:
                kinds.add("at once" if of[place - 1] == each else "later")
    assert kinds == {"at once", "later"}


def test_orders_are_published_again_at_once_and_later() -> None:
    """A quarter of the orders is published twice in a row, and a fifth once more at the end."""
    times = Counter(sns_fanout.publications())
    assert set(times) == set(sns_fanout.ORDER_IDS)
    assert set(times.values()) == {1, 2, 3}


@pytest.mark.parametrize("seed", SEEDS)
def test_deposits_are_repeated_behind_themselves(seed: int) -> None:
    """Every deposit is sent, a third of them twice, and nothing else."""
    times = Counter(exactly_once.messages(at_random(seed)))
    assert set(times) == set(exactly_once.deposits())
    assert times.total() == len(times) + len(times) // 3


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_come_at_every_moment(seed: int) -> None:
    """Whatever the seed, processes are killed before, in and after the commit."""
    kills = [each for each in exactly_once.faults(at_random(seed)) if each.what == "kill"]
    assert len(kills) == exactly_once.KILLS
    assert {each.when for each in kills} == {"before", "during", "after"}


def test_a_balance_tells_what_was_counted() -> None:
    """Each decimal place of a balance is one deposit: a 0 was lost, a 2 counted twice."""
    counted = exactly_once.count_deposits("account-3", 1_021)
    assert counted == ["deposit-3-00", "deposit-3-01", "deposit-3-01", "deposit-3-03"]


def test_all_deposits_once_make_a_balance_of_ones() -> None:
    """What is sent and what a balance tells are in the same words."""
    of = [each for each in exactly_once.deposits() if each.account_id == "account-2"]
    balance = sum(10**each.place for each in of)
    assert exactly_once.count_deposits("account-2", balance) == [each.deposit_id for each in of]


def test_other_answers_than_the_ledgers_are_noticed() -> None:
    """An answer is right only if it names the charge that the ledger has."""
    accounts = [{"order_id": "a", "charge_id": "1"}, {"order_id": "b", "charge_id": "2"}]
    right = {"charge_id": "1", "order_id": "a"}
    assert existing_handler.different_answers({"a": [right, right]}, accounts) == []
    wrong = {"a": [right, {**right, "charge_id": "9"}], "b": [None], "c": [right]}
    assert len(existing_handler.different_answers(wrong, accounts)) == 3


def test_predecessors_are_those_of_the_shard() -> None:
    """Each entry's predecessor is the record before it in its shard, poison left out."""

    def record(state: str) -> dict[str, object]:
        change = {"NewImage": {"state": {"S": state}}}
        return {"eventID": f"of {state}", "dynamodb": change}

    shards = [[record("x"), record(streams.POISON), record("y")], [record("z")]]
    assert streams.records_before(shards) == {"y": "of x"}
