"""Compares the effects with the messages sent: finds losses, repetitions and their causes."""

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
"""The processor computes the end of the lease at most so much later than the claim."""

ENDINGS: Final = {"kill", "late kill", "timeout"}
"""Faults that end a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The fate of the orders; sets hold order ids."""

    sent: int  # messages, not orders
    unique: set[str]
    poison: set[str]  # can never take effect
    once: set[str]  # not poison, with exactly one effect
    struck: set[str]  # with an effect after which a fault ended the process
    dead_lettered: set[str]
    # The order of each effect after the first, and the cause that P5 allows for the repetition:
    # "interrupted", "unconfirmed" or "raised"; "" if there is none.
    repeats: Sequence[tuple[str, str]]
    interrupted: int  # effects whose process ended before they were settled, repeated or not
    outcomes: Counter[str]  # the number of deliveries with each outcome, by the log
    wrong: Mapping[str, set[str]]  # the orders that break a promise, by the promise


def read_account(aws: Aws, outputs: Mapping[str, Any], sent: Mapping[str, Message]) -> Account:
    """Settle an attacked quickstart by its stack's outputs; this empties its dead-letter queue."""
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
    """Compare the effects with the messages that were sent.

    ``sent`` has the messages by their id, and ``dead`` the ids in the dead-letter queue. Each row
    of ``effects`` has the notes of ``attack/call_faults.py``. ``deliveries`` are lines of the log.
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
    """Find why P5 allows another effect after this one; "" if nothing allows it.

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
