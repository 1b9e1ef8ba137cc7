"""The demo's figures follow from what was sent and what was charged, and from nothing else."""

from typing import Any

from scripts.demo.account import settle
from scripts.demo.traffic import Message

Sent = tuple[Message, str]


def message(order_id: str, *, poison: bool = False, again: bool = False) -> Sent:
    """A message of an order, or another one of it, with its message id."""
    sent = Message(order_id=order_id, body="", poison=poison)
    return sent, f"{order_id}-{2 if again else 1}"


def charge(order_id: str, second: int = 0, **more: Any) -> dict[str, Any]:
    """A row of a ledger."""
    return {"order_id": order_id, "charged_at": f"2026-01-01T00:00:{second:02}+00:00"} | more


A = message("a")


def test_an_order_charged_once() -> None:
    """One message and one charge: charged once."""
    found = settle([A], [charge("a")])
    assert found.charged_once == {"a"}
    assert not found.lost


def test_a_lost_order() -> None:
    """An order that was sent, is not poison and was never charged is lost."""
    assert settle([A, message("b")], [charge("b")]).lost == {"a"}


def test_a_dead_lettered_order_is_lost_all_the_same() -> None:
    """An order in the dead-letter queue that could have been charged counts as both."""
    found = settle([A], [], dead=["a-1"])
    assert found.lost == found.dead_lettered == {"a"}


def test_a_double_charge() -> None:
    """Two charges without a kill are a double charge, and no interrupted repeat."""
    found = settle([A], [charge("a", 1), charge("a", 2)])
    assert found.charged_twice == {"a"}
    assert not found.interrupted_repeats
    assert not found.charged_once


def test_an_interrupted_repeat() -> None:
    """A charge whose owner was killed after it may be repeated; the kill is counted."""
    found = settle([A], [charge("a", 2), charge("a", 1, killed_owner="t")])
    assert found.interrupted_repeats == {"a"}
    assert not found.charged_twice
    assert found.kills_after_charge == 1


def test_every_repeat_needs_a_kill_of_its_own() -> None:
    """Three charges and one kill are a double charge: one of the repeats had no reason."""
    found = settle([A], [charge("a", 1, killed_owner="t"), charge("a", 2), charge("a", 3)])
    assert found.charged_twice == {"a"}
    assert not found.interrupted_repeats


def test_a_kill_excuses_no_charge_before_it() -> None:
    """A second charge is a double charge although its own owner was killed: the first was not."""
    found = settle([A], [charge("a", 1), charge("a", 2, killed_owner="t")])
    assert found.charged_twice == {"a"}


def test_a_kill_without_a_repeat() -> None:
    """A killed owner whose order was not charged again counts as a kill and as charged once."""
    found = settle([A], [charge("a", killed_owner="t")])
    assert found.charged_once == {"a"}
    assert found.kills_after_charge == 1


def test_retries_are_messages_of_the_same_order() -> None:
    """Messages and orders are counted apart; an order with two dead letters counts once."""
    poison = [message("p", poison=True), message("p", poison=True, again=True)]
    found = settle([A, message("a", again=True), *poison], [charge("a")], dead=["p-1", "p-2"])
    assert (found.sent, found.unique, found.poison) == (4, {"a", "p"}, {"p"})
    assert (found.dead_lettered, found.charged_once) == ({"p"}, {"a"})


def test_suppressed_deliveries_are_added_up() -> None:
    """Deliveries that left the order to another one are counted; what ran or failed is not."""
    outcomes = ["in_progress", "completed", "duplicate", "failed", "coalesced", "rejected"]
    assert settle([A], [], outcomes=outcomes).duplicates_suppressed == 3


def test_poison_that_was_charged_is_named() -> None:
    """A poison order must not be charged, and is no lost order."""
    poison = [message("p", poison=True)]
    assert settle(poison, [charge("p")]).poison_charged == {"p"}
    assert not settle(poison, []).lost


def test_a_charge_for_nothing_is_named() -> None:
    """A charge for an order that was never sent does not pass for one of the orders sent."""
    found = settle([A], [charge("a"), charge("x")])
    assert found.never_sent == {"x"}
    assert found.charged_once == {"a"}
