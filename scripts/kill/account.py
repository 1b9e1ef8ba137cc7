"""Checks a round against the promises: lost messages, repeated side effects and their causes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
    """A record as it is in the table."""

    status: str
    owner: str = ""
    dead_lettered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
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

    def has_confirmed(self, key: str) -> bool:
        """Whether the record says that the key is done."""
        return key in self.records and self.records[key].status == Status.COMPLETED

    @property
    def unsettled(self) -> frozenset[str]:
        """The keys whose side effect happened here while no record confirms it."""
        ran = {effect.key for effect in self.effects if effect.owner not in self.raised}
        ran |= {key for key, times in self.counters.items() if times}
        return frozenset(key for key in ran if not self.has_confirmed(key))

    @property
    def in_doubt(self) -> frozenset[str]:
        """The keys that a kill left in doubt: a takeover repeats them."""
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

    def explain(self) -> Iterator[tuple[str, Cause | None]]:
        """Yield each side effect's key with the cause that allows it to repeat, if there is one."""
        in_doubt = self.in_doubt
        for effect in self.effects:
            cause = Cause.UNCONFIRMED if effect.key in self.unconfirmed else None
            if effect.owner in self.raised:
                cause = Cause.RAISED
            elif effect.key in in_doubt:
                cause = Cause.INTERRUPTED
            yield effect.key, cause


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
    """The result of a round; sets hold keys.

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
    unexplained, repeats = _find_repeats(history.deliveries)
    return Account(
        lost=_find_lost(history),
        unexplained=unexplained,
        without_copy=frozenset().union(*(delivery.without_copy for delivery in history.deliveries)),
        miscounted=_find_miscounted(history),
        unfinished=not history.finished,
        in_doubt=[len(delivery.in_doubt) for delivery in history.deliveries if delivery.killed],
        repeats=repeats,
    )


def _find_lost(history: History) -> frozenset[str]:
    """Find acknowledged keys that are neither done nor parked; at the end all must be done."""
    lost: set[str] = set()
    done: set[str] = set()
    for delivery in history.deliveries:
        done |= {effect.key for effect in delivery.effects if effect.owner not in delivery.raised}
        done |= {key for key, times in delivery.counters.items() if times}
        for key in delivery.acknowledged:
            record = delivery.records.get(key)
            parked = record is not None and record.status == Status.PARKED
            if not parked and not (delivery.has_confirmed(key) and key in done):
                lost.add(key)
    if history.finished:
        last = history.deliveries[-1]
        lost |= {key for key in history.keys if not (last.has_confirmed(key) and key in done)}
    return frozenset(lost)


def _find_miscounted(history: History) -> frozenset[str]:
    if history.mode is not Mode.TRANSACTION:
        return frozenset()
    counters = history.deliveries[-1].counters
    fewest = 1 if history.finished else 0
    return frozenset(key for key in history.keys if not fewest <= counters.get(key, 0) <= 1)


def _find_repeats(deliveries: Sequence[Delivery]) -> tuple[frozenset[str], dict[Cause, int]]:
    """Find the keys with an unexplained repeat, and count how often each cause explains one."""
    by_key = defaultdict(list)
    for delivery in deliveries:
        for key, cause in delivery.explain():
            by_key[key].append(cause)
    unexplained: set[str] = set()
    repeats = dict.fromkeys(Cause, 0)
    for key, causes in by_key.items():
        for cause, _ in pairwise(causes):
            if cause is None:
                unexplained.add(key)
            else:
                repeats[cause] += 1
    return frozenset(unexplained), repeats
