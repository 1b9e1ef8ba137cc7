"""Settles the effects against what was sent: what was lost, what repeated, and why."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from scripts.support import observation
from scripts.support.faults import list_untaken
from scripts.support.observation import Aws, read_outcome
from scripts.support.traffic import Message

Row = Mapping[str, Any]

LOST: Final = "lost: never took effect"
REPEATED: Final = "charged twice although no owner was killed after the charge"
EARLY: Final = "charged again while the lease of an owner was live"
POISON: Final = "poison, but charged"
SPARED: Final = "poison, but not in the dead-letter queue"
CONDEMNED: Final = "not poison, but in the dead-letter queue"
NEVER_SENT: Final = "charged without having been sent"
UNTAKEN: Final = "to be struck by a fault that never happened"

CLOCK_MILLIS: Final = 20
"""How much later than the claim the processor may have computed when the lease ends."""

ENDINGS: Final = {"kill", "late kill", "timeout"}
"""Faults that end a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of the orders; sets hold order ids.

    Attributes:
        sent: Messages, not orders, that were sent.
        unique: Different orders among them.
        poison: Orders that can never take effect.
        once: Other orders with exactly one effect.
        struck: Orders with an effect after which a fault ended the process.
        dead_lettered: Orders with a message in the dead-letter queue.
        repeats: Of each effect after another one of its order: the order, and the cause that P5
            allows for it, "interrupted", "unconfirmed" or "raised"; "" if there is none.
        interrupted: Effects whose process ended before they were settled, repeated or not.
        outcomes: How many deliveries ended how, by the log.
        wrong: The orders by the promise that they break.
    """

    sent: int
    unique: set[str]
    poison: set[str]
    once: set[str]
    struck: set[str]
    dead_lettered: set[str]
    repeats: Sequence[tuple[str, str]]
    interrupted: int
    outcomes: Counter[str]
    wrong: Mapping[str, set[str]]


def read_account(aws: Aws, outputs: Mapping[str, Any], sent: Mapping[str, Message]) -> Account:
    """Settle what an attacked quickstart left; empties its dead-letter queue.

    Args:
        aws: of its account.
        outputs: of its stack.
        sent: every message of the producer, by its message id.
    """
    return settle(
        sent,
        observation.drain(aws, outputs["dead_letter_queue_url"]),
        observation.rows(aws, outputs["ledger_table_name"]),
        list(observation.log_lines(aws, outputs["log_group_name"])),
        observation.rows(aws, outputs["faults_table_name"]),
    )


def settle(
    sent: Mapping[str, Message],
    dead: Collection[str] = (),
    effects: Sequence[Row] = (),
    deliveries: Sequence[Row] = (),
    faults: Sequence[Row] = (),
) -> Account:
    """Settle the effects against what was sent.

    Args:
        sent: every message of the producer, by its message id.
        dead: the ids of those in the dead-letter queue.
        effects: the rows that orders left, with the notes of ``attack/call_faults.py``.
        deliveries: the log's line for each that was settled: ``message_id``, ``receive_count``,
            ``outcome``, ...
        faults: the rows that the planned faults left.
    """
    unique = {message.order_id for message in sent.values()}
    poison = {message.order_id for message in sent.values() if message.poison}
    outcomes = {(row["message_id"], row["receive_count"]): row["outcome"] for row in deliveries}
    ended = {
        process
        for fault in faults
        if fault["what"] in ENDINGS
        for process in fault.get("processes", ())
    }
    # The effects of one invocation share its lease, and only the last invocation was interrupted.
    last = {
        process: max(row["lease_ends_at"] for row in effects if row["process"] == process)
        for process in ended & {effect["process"] for effect in effects}
    }
    causes = {effect["charge_id"]: _find_cause(effect, outcomes, last) for effect in effects}
    by_order = defaultdict(list)
    for effect in sorted(effects, key=lambda row: row["began_at"]):
        by_order[effect["order_id"]].append(effect)
    repeats, early = [], set()
    for order_id, rows in by_order.items():
        for before, after in pairwise(rows):
            cause = causes[before["charge_id"]]
            repeats.append((order_id, cause))
            is_early = after["began_at"] < before["lease_ends_at"] - CLOCK_MILLIS
            if is_early and cause in {"interrupted", "unconfirmed"}:
                early.add(order_id)
    wrong = {
        LOST: unique - poison - by_order.keys(),
        REPEATED: {order_id for order_id, cause in repeats if not cause},
        EARLY: early,
        POISON: poison & by_order.keys(),
        SPARED: {sent[name].order_id for name in sent if sent[name].poison and name not in dead},
        CONDEMNED: {sent[name].order_id for name in dead if not sent[name].poison},
        NEVER_SENT: by_order.keys() - unique,
        UNTAKEN: set(list_untaken(faults)) - poison,
    }
    return Account(
        sent=len(sent),
        unique=unique,
        poison=poison,
        once={order_id for order_id in unique - poison if len(by_order.get(order_id, ())) == 1},
        struck={effect["order_id"] for effect in effects if effect["end"] in ENDINGS},
        dead_lettered={sent[name].order_id for name in dead},
        repeats=repeats,
        interrupted=list(causes.values()).count("interrupted"),
        outcomes=Counter(map(read_outcome, deliveries)),
        wrong={promise: orders for promise, orders in wrong.items() if orders},
    )


def _find_cause(
    effect: Row, outcomes: Mapping[tuple[str, int], str], last: Mapping[str, int]
) -> str:
    """Why P5 lets this effect be followed by another one; "" if nothing does.

    A process that ends leaves the effects of its last invocation in doubt, of other messages too:
    the log has no line for them. It excuses neither a settled effect nor an earlier invocation.
    ``last`` has the end of the lease of each ended process's last invocation.
    """
    if effect["end"] == "raise":
        return "raised"
    outcome = outcomes.get((effect["message_id"], effect["receive_count"]))
    if outcome is None:
        ends = last.get(effect["process"])
        is_last = ends is not None and effect["lease_ends_at"] >= ends - CLOCK_MILLIS
        return "interrupted" if is_last else ""
    return "unconfirmed" if outcome == "unconfirmed" else ""
