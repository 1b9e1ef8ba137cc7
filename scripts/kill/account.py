"""Checks a round against the promises: lost messages, repeated side effects and their causes."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from scripts.kill.plan import Mode

COMPLETED, PARKED = "COMPLETED", "PARKED"
"""The states of a record that matter here."""

PROMISES: Final[Mapping[str, str]] = {
    "lost": "lost",
    "unexplained_repeats": "repeated without a cause that P5 allows",
    "parked_without_copy": "parked without a copy in the dead-letter queue",
    "counter_errors": "not exactly once although in a transaction",
    "unfinished": "without an end: delivered again and again",
}
"""What must not happen to any key, by the name of its figure."""

Copy = tuple[str, str]
"""A message of the dead-letter queue: its key, and the owner token that it carries."""


class Cause(StrEnum):
    """Why P5 lets an effect repeat."""

    RAISED = "raised"
    INTERRUPTED = "interrupted"
    UNCONFIRMED = "unconfirmed"


class Seen(NamedTuple):
    """A record as it is in the table."""

    status: str
    owner: str = ""
    dead_lettered: bool = False


class Effect(NamedTuple):
    """One side effect; each run of a key has another owner token."""

    key: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery of a batch to one process, and the state of the tables after it ended.

    Attributes:
        killed: whether it was killed before it had answered.
        acknowledged: the keys of the messages that its answer does not name.
        effects: in their order; transaction mode has counters instead.
        raised: the owners whose processor raised.
        unconfirmed: the keys whose completion it reported as unconfirmed.
        records: by key, after it.
        copies: of parked messages, all that were sent so far.
        counters: how often the effect of a transaction was committed, by key.
    """

    killed: bool = False
    acknowledged: frozenset[str] = frozenset()
    effects: Sequence[Effect] = ()
    raised: frozenset[str] = frozenset()
    unconfirmed: frozenset[str] = frozenset()
    records: Mapping[str, Seen] = field(default_factory=dict)
    copies: frozenset[Copy] = frozenset()
    counters: Mapping[str, int] = field(default_factory=dict)

    @property
    def done(self) -> set[str]:
        """The keys whose side effect happened here, or by now in transactions."""
        ran = {effect.key for effect in self.effects if effect.owner not in self.raised}
        return ran | {key for key, times in self.counters.items() if times}

    @property
    def in_doubt(self) -> set[str]:
        """The keys that a kill left without a record that confirms them: they may repeat."""
        return {key for key in self.done if not self.has_status(key, COMPLETED) and self.killed}

    def has_status(self, key: str, status: str) -> bool:
        """Whether the key's record has this status."""
        return key in self.records and self.records[key].status == status

    def list_without_copy(self) -> Iterator[str]:
        """List the keys that are parked for an operator who cannot find them."""
        for key, record in self.records.items():
            settled = record.dead_lettered or key in self.acknowledged
            if record.status == PARKED and settled and (key, record.owner) not in self.copies:
                yield key

    def explain(self) -> Iterator[tuple[str, Cause | None]]:
        """Yield each side effect's key with the cause that allows it to repeat, if there is one."""
        in_doubt = self.in_doubt
        for key, owner in self.effects:
            cause = Cause.UNCONFIRMED if key in self.unconfirmed else None
            cause = Cause.INTERRUPTED if key in in_doubt else cause
            yield key, Cause.RAISED if owner in self.raised else cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The keys of a round that break each of the `PROMISES`, if any do.

    And how many effects each kill left in doubt, and how many were repeated, by cause.
    """

    wrong: Mapping[str, set[str]]
    in_doubt: Sequence[int]
    repeats: Mapping[Cause, int]


def settle(mode: Mode, keys: set[str], deliveries: Sequence[Delivery], left: set[str]) -> Account:
    """Settle a round of messages with these keys; some may be left unacknowledged in the end."""
    unexplained, repeats = _find_repeats(deliveries)
    counters, fewest = deliveries[-1].counters, 0 if left else 1
    in_transactions = keys if mode is Mode.TRANSACTION else set()
    found = {
        "lost": _find_lost(keys, deliveries, finished=not left),
        "unexplained_repeats": unexplained,
        "parked_without_copy": {key for part in deliveries for key in part.list_without_copy()},
        "counter_errors": {
            key for key in in_transactions if not fewest <= counters.get(key, 0) <= 1
        },
        "unfinished": left,
    }
    return Account(
        wrong={name: wrong for name, wrong in found.items() if wrong},
        in_doubt=[len(delivery.in_doubt) for delivery in deliveries if delivery.killed],
        repeats=repeats,
    )


def _find_lost(keys: set[str], deliveries: Sequence[Delivery], *, finished: bool) -> set[str]:
    """Find acknowledged keys that are neither done nor parked; at the end all must be done."""
    lost: set[str] = set()
    done: set[str] = set()
    for delivery in deliveries:
        done |= delivery.done
        safe = {key for key in done if delivery.has_status(key, COMPLETED)}
        parked = {key for key in delivery.acknowledged if delivery.has_status(key, PARKED)}
        lost |= delivery.acknowledged - safe - parked
    return lost | (keys - safe if finished else set())


def _find_repeats(deliveries: Sequence[Delivery]) -> tuple[set[str], Counter[Cause]]:
    """Find the keys with an unexplained repeat, and count how often each cause explains one."""
    by_key = defaultdict(list)
    for delivery in deliveries:
        for key, cause in delivery.explain():
            by_key[key].append(cause)
    allowing = [(key, cause) for key, causes in by_key.items() for cause, _ in pairwise(causes)]
    unexplained = {key for key, cause in allowing if cause is None}
    return unexplained, Counter(cause for _, cause in allowing if cause)
