"""The plan: a seed decides the batches, the processor's behaviour and the moments of the kills."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Final

from idempotent_lambda.protocol.plan_state import WINDOW

LARGEST: Final = 1000
"""The most messages of a batch. A mapping allows ten times as many; they take ten times as long."""

MANY: Final = 300
"""Where large batches begin; most of park mode, which claims one by one, are smaller."""

DELIVERIES: Final = 6
"""Only the first deliveries of a round are killed, so that every round ends."""

AGAIN: Final = 0.35
"""The share of the deliveries after the first that are killed too."""

CLEAN: Final = 0.5
"""The share of the rounds whose processor never raises."""

RAISING: Final = 0.02
"""The share of the keys for each kind of raising, in the other rounds."""

CONCURRENT: Final = 0.2
"""The share of the rounds that run several messages at once."""

LARGE: Final = 0.04
"""The share of the rounds that are large on purpose."""

TWINS: Final = 0.05
"""The share of the keys that come twice in a batch."""

OFTEN: Final = 0.5


class Mode(StrEnum):
    """The consumer's mode: how it treats interrupted work, or how it does the side effect."""

    RETRY = "retry"
    PARK = "park"
    TRANSACTION = "transaction"


SMALLER: Final = 1.5
"""Sizes are spread evenly over the orders of magnitude at 1; more are small above that."""

FULL_EVERY: Final = 40
FULL_FIRST: Final = {Mode.RETRY: 2, Mode.PARK: 12, Mode.TRANSACTION: 12}
"""Which rounds are the worst case on purpose: the kill comes when a processor that returns at once
has nearly finished the largest batch."""


QUICK: Final = 0.0
SLOW: Final = (QUICK, 0.5, 1.0)
"""The shares of the keys for which a processor takes about a millisecond."""


class Behaviour(StrEnum):
    """What the processor does for a key: it returns, or raises.

    Before its side effect or after it, in the first delivery; or PermanentFailure until an operator
    redrives the message.
    """

    RETURN = "return"
    RAISE_BEFORE = "raise_before"
    RAISE_AFTER = "raise_after"
    PERMANENT = "permanent"


class Event(StrEnum):
    """Events after which a process is killed; the batch has begun, or a call of that name."""

    BATCH = "batch"
    EFFECT = "effect"
    CLAIM = "claim"
    COMPLETE = "complete"
    PARK = "park"
    DEAD_LETTER = "dead_letter"
    MARK = "mark"


STEPS: Final = (Event.PARK, Event.DEAD_LETTER, Event.MARK)
"""The steps of parking, each for one message."""

CALLS: Final = frozenset({Event.CLAIM, Event.COMPLETE, *STEPS})
"""Events that are calls of the method of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The moment of a kill: after so many of an event; a call has only begun.

    ``share`` is how much later it comes, as a share of the batch's expected duration.
    """

    event: Event
    number: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The work of the processor for one key, and how many seconds it takes."""

    behaviour: Behaviour = Behaviour.RETURN
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One batch, delivered until all of it is done.

    Attributes:
        tasks: the processor's work, by key.
        keys: of the batch's messages, in their order; some come twice.
        moments: when the process of a delivery is killed, by the delivery's number.
        shuffled: whether redeliveries come in another order.
    """

    name: str
    mode: Mode
    concurrency: int
    slow: float
    tasks: Mapping[str, Task]
    keys: Sequence[str]
    moments: Mapping[int, Moment]
    shuffled: bool

    @property
    def table(self) -> str:
        """The name of its table of records."""
        return f"records-{self.name}"

    @property
    def counters(self) -> str:
        """The name of the table that transactions write to."""
        return f"counters-{self.name}"

    @property
    def bound(self) -> int:
        """How many side effects one kill may leave unconfirmed."""
        return WINDOW + self.concurrency


def plan_rounds(mode: Mode, seed: int) -> Iterator[Round]:
    """Plan the rounds of a mode, without end; the same seed makes the same ones."""
    return (plan_round(mode, number, seed) for number in count(1))


def plan_round(mode: Mode, number: int, seed: int) -> Round:
    """Plan one round."""
    chance = random.Random(f"{seed} {mode} {number}")  # noqa: S311  # guards nothing
    full = number % FULL_EVERY == FULL_FIRST[mode]
    size = LARGEST if full else _choose_size(chance, mode)
    twins = 0 if full else sum(chance.random() < TWINS for _ in range(size // 2))
    names = [f"{mode}-{number}-{place}" for place in range(size - twins)]
    keys = [*names, *chance.sample(names, twins)]
    chance.shuffle(keys)
    slow = QUICK if full else chance.choice(SLOW)
    clean = full or chance.random() < CLEAN
    single = full or chance.random() >= CONCURRENT
    moments = {
        delivery: _choose_moment(chance, mode, size, first=delivery == 0)
        for delivery in range(DELIVERIES)
        if delivery == 0 or chance.random() < AGAIN
    }
    if full:
        late = chance.randint(LARGEST - WINDOW + 1, LARGEST)
        moments[0] = Moment(event=Event.EFFECT, number=late, share=0.0)
    return Round(
        name=f"{mode}-{number}",
        mode=mode,
        concurrency=1 if single else chance.randint(2, 4),
        slow=slow,
        tasks={name: _choose_task(chance, slow, clean=clean) for name in names},
        keys=keys,
        moments=moments,
        shuffled=chance.random() < OFTEN,
    )


def _choose_size(chance: random.Random, mode: Mode) -> int:
    """Choose a size of any order of magnitude, more often a small one."""
    fewest, most = 1, MANY if mode is Mode.PARK else LARGEST
    if chance.random() < LARGE:
        fewest, most = MANY, LARGEST
    share = chance.random() ** SMALLER
    return round(math.exp(math.log(fewest) + share * math.log(most / fewest)))


def _choose_task(chance: random.Random, slow: float, *, clean: bool) -> Task:
    pause = chance.uniform(0.0005, 0.0015) if chance.random() < slow else 0.0
    raising = 0.0 if clean else RAISING
    weights = [1 - 3 * raising, raising, raising, raising]
    return Task(behaviour=chance.choices(list(Behaviour), weights)[0], pause=pause)


def _choose_moment(chance: random.Random, mode: Mode, size: int, *, first: bool) -> Moment:
    """Choose any time, a window's border, a flush, or a place between two steps of a parking."""
    share = chance.uniform(0, 0.1) if chance.random() < OFTEN else 0.0
    weights = {Event.BATCH: 0.5, Event.EFFECT: 0.2, Event.CLAIM: 0.1, Event.COMPLETE: 0.2}
    if mode is Mode.PARK and not first:
        weights |= dict.fromkeys(STEPS, 0.3)
    (event,) = chance.choices(list(weights), list(weights.values()))
    windows = math.ceil(size / WINDOW)
    number = chance.randint(1, 2)
    match event:
        case Event.BATCH:
            number, share = 1, chance.random()
        case Event.EFFECT if windows > 1 and chance.random() < OFTEN:
            near = WINDOW * chance.randint(1, windows) + chance.randint(-2, 2)
            number = min(size, near)
        case Event.EFFECT:
            number = chance.randint(1, size)
        case Event.CLAIM:
            number = chance.randint(1, size if mode is Mode.PARK else windows)
        case _:
            pass
    return Moment(event=event, number=number, share=share)
