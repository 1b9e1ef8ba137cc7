"""The demo's figures follow from its three files, and from nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.demo import effects_table
from scripts.demo.effects_table import Account


def message(order_id: str, **different: Any) -> dict[str, Any]:
    """A line of sent.jsonl."""
    fate = {"message_id": f"of-{order_id}", "dead_lettered": False, "outcomes": []}
    return {
        "order_id": order_id,
        "sent_as": "order",
        "fault": None,
        "poison": False,
        "ours": fate,
        "naive": fate,
    } | different


def charge(order_id: str, second: int = 0, **more: Any) -> dict[str, Any]:
    """A line of a ledger."""
    return {"order_id": order_id, "charged_at": f"2026-01-01T00:00:{second:02}+00:00"} | more


def accounts(
    directory: Path,
    sent: list[dict[str, Any]],
    charges: list[dict[str, Any]],
    naive_charges: list[dict[str, Any]] | None = None,
) -> tuple[Account, Account]:
    """Both stacks' accounts, through files written by hand."""
    for name, rows in (
        ("sent.jsonl", sent),
        ("ledger.jsonl", charges),
        ("naive_ledger.jsonl", naive_charges or []),
    ):
        (directory / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = effects_table.read(directory)
    return read["ours"], read["naive"]


def test_an_order_charged_once(tmp_path: Path) -> None:
    """One message and one charge: charged once, in one stack; never charged: lost in the other."""
    ours, naive = accounts(tmp_path, [message("a")], [charge("a")])
    assert ours.charged_once == {"a"}
    assert not ours.lost
    assert naive.lost == {"a"}
    assert not naive.charged_once


def test_a_lost_order(tmp_path: Path) -> None:
    """An order that was sent, is not poison and was never charged is lost."""
    ours, _ = accounts(tmp_path, [message("a"), message("b")], [charge("b")])
    assert ours.lost == {"a"}


def test_a_dead_lettered_order_is_lost_all_the_same(tmp_path: Path) -> None:
    """An order in the dead-letter queue that could have been charged counts as both."""
    fate = {"message_id": "m", "dead_lettered": True, "outcomes": []}
    ours, _ = accounts(tmp_path, [message("a", ours=fate)], [])
    assert ours.lost == ours.dead_lettered == {"a"}


def test_a_double_charge(tmp_path: Path) -> None:
    """Two charges without a kill are a double charge, and no interrupted repeat."""
    ours, _ = accounts(tmp_path, [message("a")], [charge("a", 1), charge("a", 2)])
    assert ours.charged_twice == {"a"}
    assert not ours.interrupted_repeats
    assert not ours.charged_once


def test_an_interrupted_repeat(tmp_path: Path) -> None:
    """A charge whose owner was killed after it may be repeated; the kill is counted."""
    charges = [charge("a", 2), charge("a", 1, killed_owner="t")]
    ours, _ = accounts(tmp_path, [message("a")], charges)
    assert ours.interrupted_repeats == {"a"}
    assert not ours.charged_twice
    assert ours.kills_after_charge == 1


def test_every_repeat_needs_a_kill_of_its_own(tmp_path: Path) -> None:
    """Three charges and one kill are a double charge: one of the repeats had no reason."""
    charges = [charge("a", 1, killed_owner="t"), charge("a", 2), charge("a", 3)]
    ours, _ = accounts(tmp_path, [message("a")], charges)
    assert ours.charged_twice == {"a"}
    assert not ours.interrupted_repeats


def test_a_kill_excuses_no_charge_before_it(tmp_path: Path) -> None:
    """A second charge is a double charge although its own owner was killed: the first was not."""
    charges = [charge("a", 1), charge("a", 2, killed_owner="t")]
    ours, _ = accounts(tmp_path, [message("a")], charges)
    assert ours.charged_twice == {"a"}


def test_a_kill_without_a_repeat(tmp_path: Path) -> None:
    """A killed owner whose order was not charged again counts as a kill and as charged once."""
    ours, _ = accounts(tmp_path, [message("a")], [charge("a", killed_owner="t")])
    assert ours.charged_once == {"a"}
    assert ours.kills_after_charge == 1


def test_retries_are_messages_of_the_same_order(tmp_path: Path) -> None:
    """Messages and orders are counted apart; an order with two dead letters counts once."""
    fate = {"message_id": "m", "dead_lettered": True, "outcomes": []}
    sent = [
        message("a"),
        message("a", sent_as="retry"),
        message("p", poison=True, ours=fate),
        message("p", poison=True, ours=fate, sent_as="retry"),
    ]
    ours, _ = accounts(tmp_path, sent, [charge("a")])
    assert (ours.sent, ours.unique, ours.poison, ours.dead_lettered) == (
        4,
        {"a", "p"},
        {"p"},
        {"p"},
    )
    assert ours.charged_once == {"a"}


def test_suppressed_deliveries_are_added_up(tmp_path: Path) -> None:
    """Deliveries that left the order to another one are counted; what ran or failed is not."""
    outcomes = ["in_progress", "completed", "duplicate", "failed", "coalesced", "rejected"]
    fate = {"message_id": "m", "dead_lettered": False, "outcomes": outcomes}
    ours, naive = accounts(tmp_path, [message("a", ours=fate), message("b", ours=fate)], [])
    assert ours.duplicates_suppressed == 6
    assert naive.duplicates_suppressed == 0


def test_poison_that_was_charged_is_named(tmp_path: Path) -> None:
    """A poison order must not be charged, and is no lost order."""
    ours, naive = accounts(tmp_path, [message("p", poison=True)], [charge("p")])
    assert ours.poison_charged == {"p"}
    assert not naive.lost


def test_a_charge_for_nothing_is_named(tmp_path: Path) -> None:
    """A charge for an order that was never sent does not pass for one of the orders sent."""
    ours, _ = accounts(tmp_path, [message("a")], [charge("a"), charge("x")])
    assert ours.never_sent == {"x"}
    assert ours.charged_once == {"a"}


@pytest.mark.parametrize("killed_owner", ["t", None])
def test_what_is_written_is_read_again(tmp_path: Path, killed_owner: str | None) -> None:
    """The demo's own writer and reader agree, whatever order the rows come in."""
    effects_table.write(tmp_path / "sent.jsonl", [message("a")])
    effects_table.write(
        tmp_path / "ledger.jsonl", [charge("a", 2), charge("a", 1, killed_owner=killed_owner)]
    )
    effects_table.write(tmp_path / "naive_ledger.jsonl", [])
    assert effects_table.read(tmp_path)["ours"].charged_twice == (set() if killed_owner else {"a"})
