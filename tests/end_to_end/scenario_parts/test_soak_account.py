"""Whoever is to be believed about a soak has to notice each kind of broken promise."""

from typing import Any

import pytest

from tests.end_to_end.scenarios.soak.account import (
    CONDEMNED,
    EARLY,
    LOST,
    NEVER_SENT,
    POISON,
    REPEATED,
    SPARED,
    settle,
)
from tests.end_to_end.scenarios.soak.plan import Message


def send(*orders: str, poison: bool = False) -> dict[str, Message]:
    """A message of each order, by its id."""
    return {f"m-{order}": Message(order_id=order, body="", poison=poison) for order in orders}


def effect(order_id: str, began_at: int, **values: Any) -> dict[str, Any]:
    """An effect whose owner had a lease of 5 s, in a process of which nothing else is known."""
    row = {"message_id": f"m-{order_id}", "receive_count": 1, "end": "", "process": "p", **values}
    return {"order_id": order_id, "began_at": began_at, "lease_ends_at": began_at + 5000, **row}


def struck(fault: str, process: str = "p", *, has: bool = True) -> dict[str, Any]:
    """A fault, in the process of the effects; it may not have struck yet."""
    row = {"fault_id": "f", "fault": fault, "struck": has}
    return row | ({"struck_in": process} if has else {})


def line(order_id: str, outcome: str, receive_count: int = 1) -> dict[str, Any]:
    """What the log says of a delivery."""
    return {"message_id": f"m-{order_id}", "receive_count": receive_count, "outcome": outcome}


def test_a_soak_in_which_nothing_happened() -> None:
    """Orders that took effect once, and poison that was dead-lettered, break no promise."""
    sent = send("a") | {"again": Message(order_id="a", body="", duplicate=True)}
    sent |= send("bad", poison=True)
    assert settle(sent, ["m-bad"], effects=(effect("a", 0),)) == ({}, {})


def test_an_order_without_effect_is_lost() -> None:
    """A good order that never took effect is lost."""
    assert settle(send("a")) == ({LOST: {"a"}}, {})


def test_a_repeat_without_cause_is_one_too_many() -> None:
    """An effect that repeats although its owner ended well is what P5 rules out."""
    settled = settle(send("a"), effects=(effect("a", 0), effect("a", 9000)))
    assert settled == ({REPEATED: {"a"}}, {})


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("kill_after_effect", {"interrupted": 1}),
        ("kill_before_effect", {"interrupted": 1}),
        ("kill_soon", {"interrupted": 1}),
        ("kill_by_poison", {"interrupted": 1}),
        ("timeout_after_effect", {"interrupted": 1}),
        ("raise_before_effect", {}),
        ("overlap", {}),
    ],
)
def test_a_process_that_ends_excuses_what_it_had_not_settled(
    fault: str, cause: dict[str, int]
) -> None:
    """Whichever message ended the process, the others that it ran may be in doubt as well."""
    effects = (effect("a", 0), effect("a", 9000, process="q"))
    settled = settle(send("a"), effects=effects, faults=(struck(fault),))
    assert settled == ({} if cause else {REPEATED: {"a"}}, cause)


@pytest.mark.parametrize("faults", [(), (struck("kill_soon", "q"),), (struck("kill", has=False),)])
def test_only_the_process_that_ended_is_an_excuse(faults: tuple[Any, ...]) -> None:
    """A kill of another process, or one that has not struck, excuses nothing."""
    effects = (effect("a", 0), effect("a", 9000, process="q"))
    wrong, _ = settle(send("a"), effects=effects, faults=faults)
    assert wrong == {REPEATED: {"a"}}


@pytest.mark.parametrize("outcome", ["completed", "failed", "lost_lease", "in_progress"])
def test_what_was_settled_is_not_excused_by_the_end_of_its_process(outcome: str) -> None:
    """A kill after the log's line has nothing to do with the effect before it."""
    wrong, _ = settle(
        send("a"),
        effects=(effect("a", 0), effect("a", 9000, receive_count=2)),
        deliveries=(line("a", outcome),),
        faults=(struck("kill_soon"),),
    )
    assert wrong == {REPEATED: {"a"}}


def test_a_processor_that_raised_is_an_excuse() -> None:
    """An effect after an exception is allowed, and counted apart."""
    effects = (effect("a", 9000), effect("a", 0, end="raise"))
    assert settle(send("a"), effects=effects) == ({}, {"raised": 1})


def test_each_repeat_needs_a_cause_of_its_own() -> None:
    """A kill excuses the next effect, not the one after that."""
    effects = (
        effect("a", 0),
        effect("a", 9000, receive_count=2, process="q"),
        effect("a", 20000, receive_count=3, process="q"),
    )
    faults = (struck("kill_after_effect"),)
    wrong, _ = settle(send("a"), effects=effects, faults=faults)
    assert wrong == {REPEATED: {"a"}}


@pytest.mark.parametrize(("receive_count", "excused"), [(1, True), (2, False)])
def test_an_unconfirmed_completion_excuses_its_own_delivery(
    receive_count: int, *, excused: bool
) -> None:
    """A repeat is excused if the log says that the delivery before stayed unconfirmed."""
    effects = (effect("a", 0), effect("a", 9000, receive_count=3))
    deliveries = (line("a", "unconfirmed", receive_count),)
    settled = settle(send("a"), effects=effects, deliveries=deliveries)
    assert settled == (({}, {"unconfirmed": 1}) if excused else ({REPEATED: {"a"}}, {}))


@pytest.mark.parametrize(("end", "early"), [("kill", {"a"}), ("raise", set())])
def test_nobody_starts_while_a_lease_is_live(end: str, early: set[str]) -> None:
    """After a kill an effect has to wait for the end of the lease; a release ends it at once."""
    effects = (effect("a", 0, end=end), effect("a", 4000))
    faults = (struck(f"{end}_after_effect"),)
    wrong, _ = settle(send("a"), effects=effects, faults=faults)
    assert wrong == ({EARLY: early} if early else {})


def test_the_dead_letter_queue_holds_the_poison_only() -> None:
    """Poison that is missing there, and good orders that are found there, are both noticed."""
    sent = send("spared", poison=True) | send("condemned")
    wrong, _ = settle(sent, ["m-condemned"], effects=(effect("condemned", 0),))
    assert wrong == {SPARED: {"spared"}, CONDEMNED: {"condemned"}}


def test_effects_that_nobody_asked_for() -> None:
    """Poison that took effect, and effects of orders that were never sent, are noticed."""
    sent = send("bad", poison=True)
    wrong, _ = settle(sent, ["m-bad"], effects=(effect("bad", 0), effect("stranger", 0)))
    assert wrong == {POISON: {"bad"}, NEVER_SENT: {"stranger"}}
