"""Settles the effects against what was sent: what was lost, what repeated, and why."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]

ENDING = {"kill", "timeout"}
"""Faults that end the process, by their first word."""

CLOCK_MILLIS = 20
"""How much later than the claim the processor may have computed when the lease ends."""


def settle(
    sent: Sequence[Row],
    effects: Sequence[Row] = (),
    deliveries: Sequence[Row] = (),
    faults: Sequence[Row] = (),
) -> tuple[dict[str, set[str]], Counter[str]]:
    """Settle the effects against what was sent. Rows are plain JSON objects.

    Args:
        sent: every message of the producer: ``message_id``, ``order_id``, ``poison``,
            ``duplicate``, and whether it is in the dead-letter queue (``dead_lettered``).
        effects: what the processor wrote down: ``order_id``, ``message_id``, ``receive_count``,
            ``began_at`` and ``lease_ends_at`` (epoch milliseconds), its ``process``, and ``end``,
            by which the processor was about to end: "kill", "timeout", "raise" or "".
        deliveries: the log's line for each that was settled: ``message_id``, ``receive_count``,
            ``outcome``, ...
        faults: what was armed: ``fault_id``, ``fault``, whether it ``struck``, and the process that
            it was ``struck_in``.

    Returns:
        The orders by the promise that they break, and how many effects repeated one before, by the
        cause that P5 allows: "interrupted", "raised", "unconfirmed".
    """
    unique = {row["order_id"] for row in sent}
    poison = {row["order_id"] for row in sent if row["poison"]}
    outcomes = {
        (row["message_id"], row["receive_count"]): str(row["outcome"]) for row in deliveries
    }
    ended = {
        row["struck_in"]
        for row in faults
        if row["struck"] and row["fault"].partition("_")[0] in ENDING
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
        "lost": unique - poison - by_order.keys(),
        "repeated for no reason that P5 knows": repeated,
        "repeated while an owner's lease was live": early,
        "poison, but took effect": poison & by_order.keys(),
        "poison, but not in the dead-letter queue": {
            row["order_id"] for row in sent if row["poison"] and not row["dead_lettered"]
        },
        "not poison, but in the dead-letter queue": {
            row["order_id"] for row in sent if row["dead_lettered"] and not row["poison"]
        },
        "took effect without having been sent": by_order.keys() - unique,
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
