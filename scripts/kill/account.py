"""Settles what happened in a round against the promises: what was lost, what repeated, and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from scripts.kill.plan import Mode

Copy = tuple[str, str]
"""A message of the dead-letter queue: its key, and the owner token that it carries."""


class Status(StrEnum):
    """The states of a record that matter here."""

    COMPLETED = "COMPLETED"
    PARKED = "PARKED"


class Cause(StrEnum):
    """Why P5 lets an effect repeat."""

    RAISED = "raised"
    INTERRUPTED = "interrupted"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A record as the table has it."""

    status: str
    owner: str = ""
    dead_lettered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect; the owner token tells it from others of its key."""

    key: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one process got, what it did, and what was there once it had ended.

    Attributes:
        killed: whether it was killed before it had answered.
        acknowledged: the keys of the messages that its answer does not name.
        effects: in their order; in transaction mode those are in the counters.
        raised: the owners whose processor raised.
        unconfirmed: the keys whose completion it reported as unconfirmed.
        records: by key, after it.
        copies: what has been in the dead-letter queue up to then.
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

    def confirms(self, key: str) -> bool:
        """Whether the record says that the key is done."""
        return key in self.records and self.records[key].status == Status.COMPLETED

    @property
    def unsettled(self) -> frozenset[str]:
        """The keys that took effect here while no record says so."""
        ran = {each.key for each in self.effects if each.owner not in self.raised}
        ran |= {key for key, times in self.counters.items() if times}
        return frozenset(key for key in ran if not self.confirms(key))

    @property
    def in_doubt(self) -> frozenset[str]:
        """What a kill left in doubt, and a takeover repeats."""
        return self.unsettled if self.killed else frozenset()

    @property
    def without_copy(self) -> frozenset[str]:
        """The keys that are parked for an operator who cannot find them."""
        return frozenset(
            key
            for key, record in self.records.items()
            if record.status == Status.PARKED
            and (record.dead_lettered or key in self.acknowledged)
            and (key, record.owner) not in self.copies
        )

    def cause(self, effect: Effect) -> Cause | None:
        """Why an effect of this delivery may be followed by another; None if it may not."""
        if effect.owner in self.raised:
            return Cause.RAISED
        if effect.key in self.in_doubt:
            return Cause.INTERRUPTED
        return Cause.UNCONFIRMED if effect.key in self.unconfirmed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One round.

    Attributes:
        keys: of its messages.
        bound: how many effects one kill may leave unconfirmed.
        deliveries: in their order.
        finished: whether every message was acknowledged, and every copy redriven.
    """

    mode: Mode
    keys: frozenset[str]
    bound: int
    deliveries: Sequence[Delivery]
    finished: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of a round; sets hold keys.

    Attributes:
        lost: acknowledged without its effect, or without a record or copy that keeps it.
        unexplained: an effect repeated for no reason that P5 knows.
        without_copy: parked without a copy in the dead-letter queue.
        miscounted: in transaction mode, not exactly one effect.
        unfinished: whether messages are left.
        in_doubt: how many effects each kill left unconfirmed.
        repeats: how many effects were repeated, by cause.
    """

    lost: frozenset[str]
    unexplained: frozenset[str]
    without_copy: frozenset[str]
    miscounted: frozenset[str]
    unfinished: bool
    in_doubt: Sequence[int]
    repeats: Mapping[Cause, int]


def account(history: History) -> Account:
    """Settle a round."""
    unexplained, repeats = _repeats(history.deliveries)
    return Account(
        lost=_lost(history),
        unexplained=unexplained,
        without_copy=frozenset().union(*(each.without_copy for each in history.deliveries)),
        miscounted=_miscounted(history),
        unfinished=not history.finished,
        in_doubt=[len(each.in_doubt) for each in history.deliveries if each.killed],
        repeats=repeats,
    )


def _lost(history: History) -> frozenset[str]:
    """What was acknowledged and is neither done nor parked; at the end all must be done."""
    lost: set[str] = set()
    done: set[str] = set()
    for delivery in history.deliveries:
        done |= {each.key for each in delivery.effects if each.owner not in delivery.raised}
        done |= {key for key, times in delivery.counters.items() if times}
        for key in delivery.acknowledged:
            record = delivery.records.get(key)
            parked = record is not None and record.status == Status.PARKED
            if not parked and not (delivery.confirms(key) and key in done):
                lost.add(key)
    if history.finished:
        last = history.deliveries[-1]
        lost |= {key for key in history.keys if not (last.confirms(key) and key in done)}
    return frozenset(lost)


def _miscounted(history: History) -> frozenset[str]:
    if history.mode is not Mode.TRANSACTION:
        return frozenset()
    counters = history.deliveries[-1].counters
    fewest = 1 if history.finished else 0
    return frozenset(key for key in history.keys if not fewest <= counters.get(key, 0) <= 1)


def _repeats(deliveries: Sequence[Delivery]) -> tuple[frozenset[str], dict[Cause, int]]:
    """The keys with an unexplained repeat, and how often each cause explains one."""
    by_key = defaultdict(list)
    for delivery in deliveries:
        for effect in delivery.effects:
            by_key[effect.key].append(delivery.cause(effect))
    unexplained: set[str] = set()
    repeats = dict.fromkeys(Cause, 0)
    for key, causes in by_key.items():
        for cause, _ in pairwise(causes):
            if cause is None:
                unexplained.add(key)
            else:
                repeats[cause] += 1
    return frozenset(unexplained), repeats
