"""Settles the effects against what was sent: what was lost, what repeated, and why."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from scripts.demo import effects_table

Row = Mapping[str, Any]

ENDING: Final = {"kill", "timeout"}
"""Faults that end the process, by their first word."""

CLOCK_MILLIS: Final = 20
"""How much later than the claim the processor may have computed when the lease ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was sent, and all that is known of what came of it. Rows are plain JSON objects.

    Attributes:
        sent: every message of the producer: ``message_id``, ``order_id``, ``poison``,
            ``duplicate``, and whether it is in the dead-letter queue (``dead_lettered``).
        effects: what the processor wrote down: ``order_id``, ``message_id``, ``receive_count``,
            ``began_at`` and ``lease_ends_at`` (epoch milliseconds), its ``process``, and ``end``,
            by which the processor was about to end: "kill", "timeout", "raise" or "".
        deliveries: the log's line for each that was settled: ``message_id``, ``receive_count``,
            ``outcome``, ...
        faults: what was armed: ``fault_id``, ``fault``, whether it ``struck``, and the process that
            it was ``struck_in``.
    """

    sent: Sequence[Row]
    effects: Sequence[Row]
    deliveries: Sequence[Row]
    faults: Sequence[Row]

    def write(self, directory: Path) -> None:
        """Write one file of JSON lines for each kind of row."""
        for kind in fields(self):
            effects_table.write(directory / f"{kind.name}.jsonl", getattr(self, kind.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of the orders; every set holds order ids.

    Attributes:
        lost: not poison, and without effect.
        repeated: an effect repeated although no owner before had raised, been interrupted, or
            been unable to confirm its completion: what P5 rules out.
        early: an effect began while the lease of an interrupted or unconfirmed owner was live.
        poison_effects: poison, and took effect all the same.
        spared: poison with a message that is not in the dead-letter queue.
        condemned: not poison, and a message of it is in the dead-letter queue.
        never_sent: took effect without having been sent.
        repeats: effects, not orders, that repeated one before, by the cause: "interrupted",
            "raised", "unconfirmed".
    """

    unique: frozenset[str]
    poison: frozenset[str]
    lost: frozenset[str]
    repeated: frozenset[str]
    early: frozenset[str]
    poison_effects: frozenset[str]
    spared: frozenset[str]
    condemned: frozenset[str]
    never_sent: frozenset[str]
    repeats: Mapping[str, int]


def account(evidence: Evidence) -> Account:
    """Settle the effects against what was sent."""
    unique = frozenset(row["order_id"] for row in evidence.sent)
    poison = frozenset(row["order_id"] for row in evidence.sent if row["poison"])
    outcomes = {
        (row["message_id"], row["receive_count"]): str(row["outcome"])
        for row in evidence.deliveries
    }
    ended = {
        str(row["struck_in"])
        for row in evidence.faults
        if row["struck"] and str(row["fault"]).partition("_")[0] in ENDING
    }
    by_order = defaultdict(list)
    for effect in sorted(evidence.effects, key=lambda row: int(row["began_at"])):
        by_order[str(effect["order_id"])].append(effect)
    repeats: Counter[str] = Counter()
    repeated, early = set(), set()
    for order_id, rows in by_order.items():
        for before, after in pairwise(rows):
            cause = _cause(before, outcomes, ended)
            if cause is None:
                repeated.add(order_id)
                continue
            repeats[cause] += 1
            lease_ends_at = before["lease_ends_at"] - CLOCK_MILLIS
            if cause != "raised" and after["began_at"] < lease_ends_at:
                early.add(order_id)
    return Account(
        unique=unique,
        poison=poison,
        lost=unique - poison - frozenset(by_order),
        repeated=frozenset(repeated),
        early=frozenset(early),
        poison_effects=poison & frozenset(by_order),
        spared=frozenset(
            row["order_id"] for row in evidence.sent if row["poison"] and not row["dead_lettered"]
        ),
        condemned=frozenset(
            row["order_id"] for row in evidence.sent if row["dead_lettered"] and not row["poison"]
        ),
        never_sent=frozenset(by_order) - unique,
        repeats=repeats,
    )


def _cause(
    effect: Row, outcomes: Mapping[tuple[str, int], str], ended: Collection[str]
) -> str | None:
    """Why P5 lets this effect be followed by another one; None if nothing does.

    A process that ends takes along what it ran and what it had not confirmed yet, of other messages
    too: of those the log has no line. What it had settled it cannot excuse.
    """
    if effect["end"] == "raise":
        return "raised"
    outcome = outcomes.get((effect["message_id"], effect["receive_count"]))
    if outcome is None:
        return "interrupted" if effect["process"] in ended else None
    return "unconfirmed" if outcome == "unconfirmed" else None
