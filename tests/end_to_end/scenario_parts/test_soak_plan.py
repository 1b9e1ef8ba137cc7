"""What the soak sends is decided by its size and its seed."""

import json
from collections import Counter

import pytest

from tests.end_to_end.scenarios.soak.plan import FAULTS_PER_THOUSAND, Plan, plan


@pytest.fixture(scope="module")
def planned() -> Plan:
    """The plan of a whole soak."""
    return plan(5000, seed=1)


def test_the_same_seed_makes_the_same_plan(planned: Plan) -> None:
    """A seed repeats a plan, and another one makes another."""
    assert plan(5000, seed=1) == planned
    assert plan(5000, seed=2) != planned


def test_a_whole_soak_is_big_enough(planned: Plan) -> None:
    """The default size holds all the faults that are asked of a soak."""
    assert len(planned.messages) == 5000
    assert sum(message.duplicate for message in planned.messages) >= 500
    kinds = Counter(kind.split("_")[0] for kind, _ in planned.faults.values())
    assert kinds["kill"] >= 50
    assert kinds["timeout"] >= 20
    assert min(kinds.values()) >= 20


def test_a_short_soak_holds_a_fault_of_each_kind() -> None:
    """However short the soak, every kind of fault is in it."""
    short = plan(100, seed=1)
    assert {kind for kind, _ in short.faults.values()} == set(FAULTS_PER_THOUSAND)
    assert short.lost
    assert short.unanswered


def test_an_order_has_at_most_one_fault(planned: Plan) -> None:
    """No order is struck twice, so that every repeat has one cause to be counted by."""
    struck = [*planned.faults, *planned.lost, *planned.unanswered]
    assert len(struck) == len(set(struck))
    assert not {message.order_id for message in planned.messages if message.poison} & set(struck)


def test_exactly_the_struck_orders_look_for_their_fault(planned: Plan) -> None:
    """The bodies say which orders are armed, in every copy."""
    armed = {
        message.order_id
        for message in planned.messages
        if not message.poison and "armed" in json.loads(message.body)
    }
    assert armed == planned.faults.keys()


def test_a_duplicate_follows_what_it_repeats(planned: Plan) -> None:
    """A duplicate has the body of a good order that was sent before, half of them just before."""
    seen: dict[str, str] = {}
    at_once = 0
    for before, message in zip((None, *planned.messages), planned.messages, strict=False):
        if message.duplicate:
            assert seen[message.order_id] == message.body
            assert not message.poison
            at_once += before is not None and before.order_id == message.order_id
        else:
            assert message.order_id not in seen
            seen[message.order_id] = message.body
    assert at_once >= 250
