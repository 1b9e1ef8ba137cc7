"""The size, the faults and the seed decide the traffic of the demo and the soak."""

import json
from collections import Counter

import pytest

from scripts.support.faults import PlannedFault, What, When
from scripts.support.traffic import ALWAYS, POISON, Message, Traffic, plan_traffic
from tests.end_to_end.scenarios.test_soak import FAULTS_PER_THOUSAND, choose_silenced, plan_soak


@pytest.fixture(scope="module")
def planned() -> Traffic:
    """The plan of a whole soak."""
    return plan_soak(5000, seed=1)


def list_struck(traffic: Traffic) -> list[PlannedFault]:
    """The faults of orders that are not poison."""
    return [fault for fault in traffic.faults if fault.operation not in POISON]


def test_the_same_seed_makes_the_same_plan(planned: Traffic) -> None:
    """A seed repeats a plan, and another one makes another."""
    assert plan_soak(5000, seed=1) == planned
    assert plan_soak(5000, seed=2) != planned


def test_a_whole_soak_is_big_enough(planned: Traffic) -> None:
    """The default size holds all the faults that are asked of a soak."""
    assert len(planned.messages) == 5000
    assert sum(message.duplicate for message in planned.messages) >= 500
    kinds = Counter(fault.what for fault in list_struck(planned))
    assert kinds["kill"] >= 50
    assert kinds["timeout"] >= 20
    assert min(kinds.values()) >= 20


def test_a_short_soak_holds_a_fault_of_each_kind() -> None:
    """However short the soak, every kind of fault is in it."""
    short = list_struck(plan_soak(100, seed=1))
    assert {(fault.what, fault.when) for fault in short} == set(FAULTS_PER_THOUSAND)


def test_an_order_has_at_most_one_fault(planned: Traffic) -> None:
    """No order is struck twice, so that every repeat has one cause to be counted by."""
    struck = [fault.operation for fault in planned.faults]
    assert len(struck) == len(set(struck))
    assert set(struck) <= {message.order_id for message in planned.messages}


@pytest.mark.parametrize("number", [100, 5000])
def test_silenced_orders_have_no_fault(number: int) -> None:
    """Some completions are lost and some unanswered, in every soak, where nothing else strikes."""
    traffic = plan_soak(number, seed=1)
    free = {message.order_id for message in traffic.messages} - set(POISON)
    free -= {fault.operation for fault in traffic.faults}
    silenced = choose_silenced(traffic, seed=1)
    assert set(silenced) <= free
    assert silenced[::2]
    assert silenced[1::2]


def test_poison_fails_always_or_cannot_be_read(planned: Traffic) -> None:
    """Some poison raises, some kills, each every time; some lacks the key, some is not JSON."""
    always: dict[str, What] = {
        fault.operation: fault.what for fault in planned.faults if fault.times == ALWAYS
    }
    kinds = set()
    for message in planned.messages:
        if message.order_id in always:
            kinds.add(always[message.order_id])
            assert json.loads(message.body)["order_id"] == message.order_id
        elif message.poison:
            try:
                kinds.add("no key" if json.loads(message.body).get("order_id") is None else "good")
            except ValueError:
                kinds.add("no JSON")
    assert kinds == {"raise", "kill", "no key", "no JSON"}
    assert {message.order_id for message in planned.messages if message.poison} == set(POISON)


def test_a_duplicate_follows_what_it_repeats(planned: Traffic) -> None:
    """A duplicate has the body of a good order that was sent before, half of them just before."""
    seen: dict[str, Message] = {}
    at_once = 0
    for before, message in zip((None, *planned.messages), planned.messages, strict=False):
        if message.duplicate:
            assert seen[message.order_id].body == message.body
            assert not message.poison
            at_once += before is not None and before.order_id == message.order_id
        else:
            assert message.order_id not in seen
            seen[message.order_id] = message
    assert at_once >= 250


def test_kinds_are_struck_as_often_as_asked() -> None:
    """The plan has as many faults of each kind as it is asked for."""
    asked: dict[tuple[What, When], int] = {("kill", "after"): 3, ("overlap", "before"): 2}
    struck = list_struck(plan_traffic(100, 10, asked, seed=1))
    assert Counter((fault.what, fault.when) for fault in struck) == asked
