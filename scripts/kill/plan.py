"""Plans rounds: a seed decides the batches, the processor's behaviour and the moments of kills."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from idempotent_lambda.protocol.plan_state import WINDOW

LARGEST: Final = 1000
"""The largest batch. A mapping allows ten times as many messages, which take ten times as long."""

DELIVERIES: Final = 6
"""A kill may strike so many deliveries, from the first on. Then every round can end."""

SLOW: Final = (0.0, 0.5, 1.0)
"""Shares of the keys for which a processor takes about a millisecond."""


class Mode(StrEnum):
    """The consumer's handling of interrupted work, or of the side effect."""

    RETRY = "retry"
    PARK = "park"
    TRANSACTION = "transaction"


FULL_EVERY: Final = 40
FULL_FIRST: Final = {Mode.RETRY: 2, Mode.PARK: 12, Mode.TRANSACTION: 12}
"""These rounds are the worst case on purpose: the kill comes when a processor that returns at once
has nearly finished the largest batch."""


class Behaviour(StrEnum):
    """The processor's behaviour for a key."""

    RETURN = "return"
    RAISE_BEFORE = "raise_before"  # before its side effect, in the first delivery
    RAISE_AFTER = "raise_after"  # after it, in the first delivery
    PERMANENT = "permanent"  # PermanentFailure until an operator redrives the message


class Event(StrEnum):
    """Events after which a kill comes: the start of the batch, or of a call of that name."""

    BATCH = "batch"
    EFFECT = "effect"
    CLAIM = "claim"
    COMPLETE = "complete"
    PARK = "park"
    DEAD_LETTER = "dead_letter"
    MARK = "mark"


STEPS: Final = (Event.PARK, Event.DEAD_LETTER, Event.MARK)  # of parking, each for one message


class Moment(NamedTuple):
    """The moment of a kill: after so many events of a kind; a call has only begun."""

    event: Event
    number: int
    share: float = 0.0  # the delay, as a share of the batch's expected duration


class Task(NamedTuple):
    """The work of the processor for one key, and its duration in seconds."""

    behaviour: Behaviour = Behaviour.RETURN
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One batch, delivered until all of its messages are done."""

    name: str  # also the name of its table of records
    mode: Mode
    concurrency: int
    slow: float  # the share of the keys for which the processor takes time, one of `SLOW`
    tasks: Mapping[str, Task]  # the processor's work, by key
    keys: Sequence[str]  # of the batch's messages, in their order; some come twice
    moments: Mapping[int, Moment]  # of the kills, by the number of the delivery
    shuffled: bool  # whether redeliveries come in another order

    @property
    def counters(self) -> str:
        """The name of the table that transactions write to."""
        return f"{self.name}-counters"

    @property
    def bound(self) -> int:
        """The most side effects that one kill may leave unconfirmed."""
        return WINDOW + self.concurrency


def plan_round(mode: Mode, number: int, seed: int) -> Round:
    """Plan one round; the same seed gives the same round."""
    chance = random.Random(f"{seed} {mode} {number}")  # noqa: S311  # guards nothing
    full = number % FULL_EVERY == FULL_FIRST[mode]
    size = LARGEST if full else _choose_size(chance, mode)
    twins = 0 if full else sum(_decide(chance, 0.05) for _ in range(size // 2))
    names = [f"{mode}-{number}-{place}" for place in range(size - twins)]
    keys = [*names, *chance.sample(names, twins)]
    chance.shuffle(keys)
    slow = 0.0 if full else chance.choice(SLOW)
    raising = 0.0 if full or _decide(chance, 0.5) else 0.02
    several = not full and _decide(chance, 0.2)
    moments = {
        delivery: _choose_moment(chance, mode, size, first=delivery == 0)
        for delivery in range(DELIVERIES)
        if delivery == 0 or _decide(chance, 0.35)
    }
    if full:
        moments[0] = Moment(Event.EFFECT, chance.randint(LARGEST - WINDOW + 1, LARGEST))
    return Round(
        name=f"{mode}-{number}",
        mode=mode,
        concurrency=chance.randint(2, 4) if several else 1,
        slow=slow,
        tasks={name: _choose_task(chance, slow, raising) for name in names},
        keys=keys,
        moments=moments,
        shuffled=_decide(chance, 0.5),
    )


def _decide(chance: random.Random, share: float) -> bool:
    """Decide yes in this share of the cases."""
    return chance.random() < share


def _choose_size(chance: random.Random, mode: Mode) -> int:
    """Choose a size of any order of magnitude, more often a small one, or a large one."""
    fewest, most = 1, 300 if mode is Mode.PARK else LARGEST  # that mode claims one by one
    if _decide(chance, 0.04):
        fewest, most = 300, LARGEST
    return round(fewest * math.pow(most / fewest, math.pow(chance.random(), 1.5)))


def _choose_task(chance: random.Random, slow: float, raising: float) -> Task:
    """Choose a task; ``raising`` is the share of the keys for each way to raise."""
    pause = chance.uniform(0.0005, 0.0015) if _decide(chance, slow) else 0.0
    weights = [1 - 3 * raising, raising, raising, raising]
    return Task(chance.choices(list(Behaviour), weights)[0], pause)


def _choose_moment(chance: random.Random, mode: Mode, size: int, *, first: bool) -> Moment:
    """Choose any time, a window's border, a flush, or a place between two steps of a parking."""
    weights = {Event.BATCH: 0.5, Event.EFFECT: 0.2, Event.CLAIM: 0.1, Event.COMPLETE: 0.2}
    if mode is Mode.PARK and not first:
        weights |= dict.fromkeys(STEPS, 0.3)
    (event,) = chance.choices(list(weights), list(weights.values()))
    windows, anywhere = math.ceil(size / WINDOW), chance.randint(1, size)
    border = min(size, WINDOW * chance.randint(1, windows) + chance.randint(-2, 2))
    numbers = {
        Event.BATCH: 1,
        Event.EFFECT: border if windows > 1 and _decide(chance, 0.5) else anywhere,
        Event.CLAIM: anywhere if mode is Mode.PARK else chance.randint(1, windows),
    }
    latest = 1.0 if event is Event.BATCH else chance.choice([0.0, 0.1])
    return Moment(event, numbers.get(event, chance.randint(1, 2)), chance.uniform(0.0, latest))
