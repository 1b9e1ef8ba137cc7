"""Settles the effects against what was sent: what was lost, what repeated, and why."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.end_to_end.scenarios.soak.plan import Message

Row = Mapping[str, Any]

LOST = "lost"
REPEATED = "repeated for no reason that P5 knows"
EARLY = "repeated while an owner's lease was live"
POISON = "poison, but took effect"
SPARED = "poison, but not in the dead-letter queue"
CONDEMNED = "not poison, but in the dead-letter queue"
NEVER_SENT = "took effect without having been sent"

CLOCK_MILLIS = 20
"""How much later than the claim the processor may have computed when the lease ends."""


def settle(
    sent: Mapping[str, Message],
    dead: Collection[str] = (),
    effects: Sequence[Row] = (),
    deliveries: Sequence[Row] = (),
    faults: Sequence[Row] = (),
) -> tuple[dict[str, set[str]], Counter[str]]:
    """Settle the effects against what was sent.

    Args:
        sent: every message of the producer, by its message id.
        dead: the ids of those in the dead-letter queue.
        effects: what the processor wrote down: ``order_id``, ``message_id``, ``receive_count``,
            ``began_at`` and ``lease_ends_at`` (epoch milliseconds), its ``process``, and ``end``,
            by which the processor was about to end: "kill", "timeout", "raise" or "".
        deliveries: the log's line for each that was settled: ``message_id``, ``receive_count``,
            ``outcome``, ...
        faults: what was armed: ``fault``, whether it ``struck``, and the process that it was
            ``struck_in``.

    Returns:
        The orders by the promise that they break, and how many effects repeated one before, by the
        cause that P5 allows: "interrupted", "raised", "unconfirmed".
    """
    unique = {message.order_id for message in sent.values()}
    poison = {message.order_id for message in sent.values() if message.poison}
    outcomes = {(row["message_id"], row["receive_count"]): row["outcome"] for row in deliveries}
    ended = {
        row["struck_in"]
        for row in faults
        if row["struck"] and row["fault"].partition("_")[0] in {"kill", "timeout"}
    }
    by_order = defaultdict(list)
    for effect in sorted(effects, key=lambda row: row["began_at"]):
        by_order[effect["order_id"]].append(effect)
    repeats: Counter[str] = Counter()
    repeated, early = set(), set()
    for order_id, rows in by_order.items():
        for before, after in pairwise(rows):
            cause = _find_cause(before, outcomes, ended)
            if cause is None:
                repeated.add(order_id)
                continue
            repeats[cause] += 1
            if cause != "raised" and after["began_at"] < before["lease_ends_at"] - CLOCK_MILLIS:
                early.add(order_id)
    wrong = {
        LOST: unique - poison - by_order.keys(),
        REPEATED: repeated,
        EARLY: early,
        POISON: poison & by_order.keys(),
        SPARED: {sent[name].order_id for name in sent if sent[name].poison and name not in dead},
        CONDEMNED: {sent[name].order_id for name in dead if not sent[name].poison},
        NEVER_SENT: by_order.keys() - unique,
    }
    return {promise: orders for promise, orders in wrong.items() if orders}, repeats


def _find_cause(
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
