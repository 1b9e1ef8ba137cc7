"""What was sent to the quickstart and what was charged, and the figures that follow from the two.

Everything in the report about orders is a pure function of three files of one JSON object a line:

``sent.jsonl``
    One line per message that the producer sent, the same to both stacks: ``order_id`` (of a poison
    order without one, the name the producer knows it by), ``sent_as`` ("order", "retry" or
    "simultaneous"), ``fault`` (what the wrapper was told to do to it, or null), ``poison``; and per
    stack (``ours``, ``naive``) the ``message_id``, whether it was found in the dead-letter queue
    (``dead_lettered``), and what the function's log says of each delivery (``outcomes``: those of
    the package, or "coalesced" for a message that shared the run of another one in its batch; the
    unprotected function logs none).
``ledger.jsonl``, ``naive_ledger.jsonl``
    The scan of the ledger of the protected and of the unprotected stack: one line per charge, with
    ``order_id`` and ``charged_at``. The wrapper adds ``killed_owner``, the owner token, to the
    charge after which it had its process killed or timed out, and at a kill to the charges of its
    batch-mates that were not confirmed by then.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

from scripts.support.observation import SUPPRESSING

Row = Mapping[str, Any]
Stack = Literal["ours", "naive"]

STACKS: Final[tuple[Stack, ...]] = ("ours", "naive")
SENT: Final = "sent.jsonl"
LEDGERS: Final[Mapping[Stack, str]] = {"ours": "ledger.jsonl", "naive": "naive_ledger.jsonl"}


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
    """

    sent: int
    unique: frozenset[str]
    poison: frozenset[str]
    charged_once: frozenset[str]
    charged_twice: frozenset[str]
    interrupted_repeats: frozenset[str]
    lost: frozenset[str]
    dead_lettered: frozenset[str]
    never_sent: frozenset[str]
    poison_charged: frozenset[str]
    duplicates_suppressed: int
    kills_after_charge: int


def account(stack: Stack, sent: Sequence[Row], charges: Iterable[Row]) -> Account:
    """Settle one stack's ledger against what was sent."""
    unique = frozenset(row["order_id"] for row in sent)
    poison = frozenset(row["order_id"] for row in sent if row["poison"])
    by_order = {
        order_id: list(rows)
        for order_id, rows in groupby(
            sorted(charges, key=lambda row: (row["order_id"], row["charged_at"])),
            key=lambda row: str(row["order_id"]),
        )
    }
    charged = (unique - poison) & frozenset(by_order)
    repeated = frozenset(order_id for order_id in charged if len(by_order[order_id]) > 1)
    interrupted = frozenset(
        order_id for order_id in repeated if all(map(_is_killed, by_order[order_id][:-1]))
    )
    return Account(
        sent=len(sent),
        unique=unique,
        poison=poison,
        charged_once=charged - repeated,
        charged_twice=repeated - interrupted,
        interrupted_repeats=interrupted,
        lost=unique - poison - charged,
        dead_lettered=frozenset(row["order_id"] for row in sent if row[stack]["dead_lettered"]),
        never_sent=frozenset(by_order) - unique,
        poison_charged=poison & frozenset(by_order),
        duplicates_suppressed=sum(
            outcome in SUPPRESSING for row in sent for outcome in row[stack]["outcomes"]
        ),
        kills_after_charge=sum(_is_killed(row) for rows in by_order.values() for row in rows),
    )


def read(directory: Path) -> dict[Stack, Account]:
    """Both stacks' accounts, from the three files alone."""
    sent = _rows(directory / SENT)
    return {stack: account(stack, sent, _rows(directory / LEDGERS[stack])) for stack in STACKS}


def write(path: Path, rows: Iterable[Row]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows))


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _is_killed(charge: Row) -> bool:
    return charge.get("killed_owner") is not None
