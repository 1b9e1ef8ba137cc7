"""The account of a demo or a soak notices each kind of broken promise."""

from collections import Counter
from itertools import count
from typing import Any

import pytest

from scripts.support.account import (
    CONDEMNED,
    EARLY,
    LOST,
    NEVER_SENT,
    POISON,
    REPEATED,
    SPARED,
    UNTAKEN,
    settle,
)
from scripts.support.traffic import Message

NUMBERS = count()


def send(*orders: str, poison: bool = False) -> dict[str, Message]:
    """A message of each order, by its id."""
    return {f"m-{order}": Message(order_id=order, body="", poison=poison) for order in orders}


def effect(order_id: str, began_at: int, **values: Any) -> dict[str, Any]:
    """An effect whose owner had a lease of 5 s, in a process of which nothing else is known."""
    row = {"message_id": f"m-{order_id}", "receive_count": 1, "end": "", "process": "p", **values}
    row |= {"charge_id": f"c-{next(NUMBERS)}", "order_id": order_id}
    return {"began_at": began_at, "lease_ends_at": began_at + 5000, **row}


def struck(what: str, *processes: str, left: int = 0) -> dict[str, Any]:
    """A fault that happened in these processes."""
    row = {"id": "f", "what": what, "times": left}
    return row | ({"processes": set(processes)} if processes else {})


def line(order_id: str, outcome: str, receive_count: int = 1) -> dict[str, Any]:
    """What the log says of a delivery."""
    return {"message_id": f"m-{order_id}", "receive_count": receive_count, "outcome": outcome}


def judge(*arguments: Any, **named: Any) -> tuple[dict[str, set[str]], Counter[str]]:
    """The orders by the promise that they break, and how many repetitions each cause excuses."""
    account = settle(*arguments, **named)
    return dict(account.wrong), Counter(cause for _, cause in account.repeats if cause)


def test_a_soak_in_which_nothing_happened() -> None:
    """Orders that took effect once, and poison that was dead-lettered, break no promise."""
    sent = send("a") | {"again": Message(order_id="a", body="", duplicate=True)}
    sent |= send("bad", poison=True)
    assert judge(sent, ["m-bad"], effects=(effect("a", 0),)) == ({}, {})


def test_an_order_without_effect_is_lost() -> None:
    """A good order that never took effect is lost."""
    assert judge(send("a")) == ({LOST: {"a"}}, {})


def test_a_dead_lettered_order_is_lost_all_the_same() -> None:
    """An order in the dead-letter queue that could have been charged breaks both promises."""
    assert judge(send("a"), ["m-a"]) == ({LOST: {"a"}, CONDEMNED: {"a"}}, {})


def test_a_repeat_without_cause_is_one_too_many() -> None:
    """An effect that repeats although its owner ended well is what P5 rules out."""
    settled = judge(send("a"), effects=(effect("a", 0), effect("a", 9000)))
    assert settled == ({REPEATED: {"a"}}, {})


def test_an_earlier_invocation_of_a_killed_process_excuses_nothing() -> None:
    """A kill leaves only the effects of the killed invocation in doubt, none of an earlier one."""
    effects = (effect("a", 0), effect("a", 9000, receive_count=2), effect("b", 9100))
    settled = judge(send("a", "b"), effects=effects, faults=(struck("kill", "p"),))
    assert settled == ({REPEATED: {"a"}}, {})


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("kill", {"interrupted": 1}),
        ("late kill", {"interrupted": 1}),
        ("timeout", {"interrupted": 1}),
        ("raise", {}),
        ("overlap", {}),
    ],
)
def test_a_process_that_ends_excuses_what_it_had_not_settled(
    fault: str, cause: dict[str, int]
) -> None:
    """Whichever message ended the process, the others that it ran may be in doubt as well."""
    effects = (effect("a", 0), effect("a", 9000, process="q"))
    settled = judge(send("a"), effects=effects, faults=(struck(fault, "p"),))
    assert settled == ({} if cause else {REPEATED: {"a"}}, cause)


@pytest.mark.parametrize("faults", [(), (struck("kill", "q"),), (struck("kill"),)])
def test_only_the_process_that_ended_is_an_excuse(faults: tuple[Any, ...]) -> None:
    """A kill of another process, or one that has not happened, excuses nothing."""
    effects = (effect("a", 0), effect("a", 9000, process="q"))
    wrong, _ = judge(send("a"), effects=effects, faults=faults)
    assert wrong == {REPEATED: {"a"}}


@pytest.mark.parametrize("outcome", ["completed", "failed", "lost_lease", "in_progress"])
def test_what_was_settled_is_not_excused_by_the_end_of_its_process(outcome: str) -> None:
    """A kill after the log's line has nothing to do with the effect before it."""
    wrong, _ = judge(
        send("a"),
        effects=(effect("a", 0), effect("a", 9000, receive_count=2)),
        deliveries=(line("a", outcome),),
        faults=(struck("kill", "p"),),
    )
    assert wrong == {REPEATED: {"a"}}


def test_a_processor_that_raised_is_an_excuse() -> None:
    """An effect after an exception is allowed, and counted apart."""
    effects = (effect("a", 9000), effect("a", 0, end="raise"))
    assert judge(send("a"), effects=effects) == ({}, {"raised": 1})


def test_each_repeat_needs_a_cause_of_its_own() -> None:
    """A kill excuses the next effect, not the one after that."""
    effects = (
        effect("a", 0),
        effect("a", 9000, receive_count=2, process="q"),
        effect("a", 20000, receive_count=3, process="q"),
    )
    faults = (struck("kill", "p"),)
    wrong, _ = judge(send("a"), effects=effects, faults=faults)
    assert wrong == {REPEATED: {"a"}}


@pytest.mark.parametrize(("receive_count", "excused"), [(1, True), (2, False)])
def test_an_unconfirmed_completion_excuses_its_own_delivery(
    receive_count: int, *, excused: bool
) -> None:
    """A repeat is excused if the log says that the delivery before stayed unconfirmed."""
    effects = (effect("a", 0), effect("a", 9000, receive_count=3))
    deliveries = (line("a", "unconfirmed", receive_count),)
    settled = judge(send("a"), effects=effects, deliveries=deliveries)
    assert settled == (({}, {"unconfirmed": 1}) if excused else ({REPEATED: {"a"}}, {}))


def test_a_cause_excuses_no_effect_before_it() -> None:
    """The second effect is one too many although its own owner was killed: the first was not."""
    effects = (effect("a", 0), effect("a", 9000, process="q"))
    assert judge(send("a"), effects=effects, faults=(struck("kill", "q"),))[0] == {REPEATED: {"a"}}


@pytest.mark.parametrize(("end", "early"), [("kill", {"a"}), ("raise", set())])
def test_nobody_starts_while_a_lease_is_live(end: str, early: set[str]) -> None:
    """After a kill an effect has to wait for the end of the lease; a release ends it at once."""
    effects = (effect("a", 0, end=end), effect("a", 4000, process="q"))
    faults = (struck(end, "p"),)
    wrong, _ = judge(send("a"), effects=effects, faults=faults)
    assert wrong == ({EARLY: early} if early else {})


def test_the_dead_letter_queue_holds_the_poison_only() -> None:
    """Poison that is missing there, and good orders that are found there, are both noticed."""
    sent = send("spared", poison=True) | send("condemned")
    wrong, _ = judge(sent, ["m-condemned"], effects=(effect("condemned", 0),))
    assert wrong == {SPARED: {"spared"}, CONDEMNED: {"condemned"}}


def test_effects_that_nobody_asked_for() -> None:
    """Poison that took effect, and effects of orders that were never sent, are noticed."""
    sent = send("bad", poison=True)
    wrong, _ = judge(sent, ["m-bad"], effects=(effect("bad", 0), effect("stranger", 0)))
    assert wrong == {POISON: {"bad"}, NEVER_SENT: {"stranger"}}


def test_a_fault_that_never_happened_is_noticed() -> None:
    """A fault that is left proves nothing; faults of poison are never used up."""
    sent = send("a") | send("f", poison=True)
    left = struck("kill", left=1)
    both = [left | {"id": "a"}, left]
    assert judge(sent, ["m-f"], effects=(effect("a", 0),), faults=both) == ({UNTAKEN: {"a"}}, {})


def test_messages_orders_and_deliveries_are_counted_apart() -> None:
    """An order with two messages counts once, as does one with two dead letters."""
    sent = send("a", "lost") | send("bad", poison=True)
    sent |= {"m-a-2": sent["m-a"], "m-bad-2": sent["m-bad"]}
    outcomes = ["completed", "duplicate", "duplicate"]
    account = settle(
        sent,
        ["m-bad", "m-bad-2"],
        effects=[effect("a", 0)],
        deliveries=[line("a", outcome, number) for number, outcome in enumerate(outcomes, 1)],
    )
    assert (account.sent, account.unique, account.poison) == (5, {"a", "lost", "bad"}, {"bad"})
    assert (account.once, account.dead_lettered) == ({"a"}, {"bad"})
    assert account.outcomes == {"completed": 1, "duplicate": 2}


def test_an_interrupted_effect_without_a_repeat() -> None:
    """An effect whose process was killed counts as interrupted, and the order as charged once."""
    account = settle(send("a"), effects=[effect("a", 0)], faults=[struck("kill", "p")])
    assert (account.once, account.interrupted, list(account.repeats)) == ({"a"}, 1, [])
