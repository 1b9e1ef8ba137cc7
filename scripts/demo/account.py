"""Settles the charges of a stack against the messages that were sent to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from scripts.demo.traffic import Message
from scripts.support.observation import SUPPRESSING

Charge = Mapping[str, Any]
"""A row of the ledger: ``order_id`` and ``charged_at``.

The wrapper adds ``killed_owner``, the owner token, to the charge after which it had its process
killed or timed out, and at a kill to the charges of its batch-mates that no record confirmed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The orders of one stack by what became of them; sets hold order ids.

    Attributes:
        sent: Messages, not orders, that were sent.
        unique: Different orders among them.
        poison: Orders that can never be charged.
        charged_once: Orders with exactly one charge.
        charged_twice: Orders charged again although no owner was killed after the charge before.
        interrupted_repeats: Orders charged again, each time because the owner before was killed.
        lost: Orders that are not poison and were never charged.
        dead_lettered: Orders with a message in the dead-letter queue.
        never_sent: Charged without having been sent.
        poison_charged: Poison, and charged all the same.
        duplicates_suppressed: Deliveries, not orders, that left the order to another one.
        kills_after_charge: Charges, not orders, whose owner was killed after them.
        untaken_faults: Orders whose fault never happened.
    """

    sent: int
    unique: set[str]
    poison: set[str]
    charged_once: set[str]
    charged_twice: set[str]
    interrupted_repeats: set[str]
    lost: set[str]
    dead_lettered: set[str]
    never_sent: set[str]
    poison_charged: set[str]
    duplicates_suppressed: int
    kills_after_charge: int
    untaken_faults: set[str]


def settle(
    sent: Iterable[tuple[Message, str]],
    charges: Iterable[Charge],
    *,
    dead: Iterable[str] = (),
    outcomes: Iterable[str] = (),
    untaken: Iterable[str] = (),
) -> Account:
    """Settle a stack.

    Args:
        sent: its messages, each with its message id.
        charges: its ledger.
        dead: the ids of the messages in its dead-letter queue.
        outcomes: what the log says of each delivery; the unprotected function logs none.
        untaken: the orders whose faults are still in their table.
    """
    orders = {message_id: message.order_id for message, message_id in sent}
    unique = set(orders.values())
    poison = {message.order_id for message, _ in sent if message.poison}
    kills = {
        order_id: [charge.get("killed_owner") is not None for charge in rows]
        for order_id, rows in groupby(
            sorted(charges, key=lambda row: (row["order_id"], row["charged_at"])),
            key=lambda row: str(row["order_id"]),
        )
    }
    charged = (unique - poison) & kills.keys()
    repeated = {order_id for order_id in charged if len(kills[order_id]) > 1}
    interrupted = {order_id for order_id in repeated if all(kills[order_id][:-1])}
    return Account(
        sent=len(orders),
        unique=unique,
        poison=poison,
        charged_once=charged - repeated,
        charged_twice=repeated - interrupted,
        interrupted_repeats=interrupted,
        lost=unique - poison - charged,
        dead_lettered={orders[message_id] for message_id in dead},
        never_sent=kills.keys() - unique,
        poison_charged=poison & kills.keys(),
        duplicates_suppressed=sum(outcome in SUPPRESSING for outcome in outcomes),
        kills_after_charge=sum(map(sum, kills.values())),
        untaken_faults=set(untaken),
    )
