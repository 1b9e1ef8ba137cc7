"""The fault matrix: one message, one operation on its record, one fault; then its redelivery.

A cell is played on its own table behind the proxy (arena.py), by this package or by an alternative
(systems.py):

1. For an interrupted message, a first worker dies and its lease ends. For a look at
   a record, a first worker completes it.
2. The message is delivered; this package also gets a neighbour, which shares the calls for many.
   The fault strikes the operation's first attempt, its first two, or all of them.
3. Unacknowledged messages are delivered again without a fault, after the queue's visibility
   timeout. The records are aged by that time instead of waiting.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from idempotent_lambda.protocol.record import Status
from scripts.support import proxy
from scripts.support.proxy import Fault

TIMEOUT_SECONDS = 30
"""The function's timeout: Lambda kills a worker that has not answered by then."""
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS
RECEIVES = 4
"""The module's default: after so many receives the message goes to the dead-letter queue."""

MESSAGE, NEIGHBOUR = "m-a", "m-z"


class Operation(StrEnum):
    """What is done to a record, and how this package does it."""

    CLAIM = "claim"
    """Together with the neighbour's."""
    TAKEOVER = "takeover"
    """Alone, once the neighbour is settled."""
    COMPLETE = "complete"
    """Together with the neighbour's."""
    RELEASE = "release"
    """Alone, as the neighbour does not fail."""

    # Further ways of this package.

    CLAIM_ALONE = "claim alone"
    """In a batch of one."""
    COMPLETE_ALONE = "complete alone"
    """In a batch of one."""
    RELEASE_TOGETHER = "release together"
    """The neighbour fails too."""
    LOOK = "look"
    """The message is a duplicate, and the neighbour's claim goes through."""
    LOOK_FIRST = "look first"
    """Both were delivered before, and the message is a duplicate."""
    PARK = "park"
    """The processor says that no retry will help, once the neighbour is settled."""
    PARK_INTERRUPTED = "park interrupted"
    """A first worker dies, and an operator must look at it."""
    MARK = "mark"
    """The note that the copy of what was parked is sent."""
    COMMIT = "commit"
    """The completion and the effect, a counter in another table, in one transaction."""


COMMON = (Operation.CLAIM, Operation.TAKEOVER, Operation.COMPLETE, Operation.RELEASE)
"""What every system does."""

ALONE = (Operation.CLAIM_ALONE, Operation.COMPLETE_ALONE)
LOOKS = (Operation.LOOK, Operation.LOOK_FIRST)
HOPELESS = (Operation.PARK, Operation.MARK)
PARKS = (*HOPELESS, Operation.PARK_INTERRUPTED)

CALLS = dict.fromkeys(Operation, "BatchExecuteStatement") | {
    Operation.TAKEOVER: "UpdateItem",
    Operation.RELEASE: "DeleteItem",
    Operation.CLAIM_ALONE: "UpdateItem",
    Operation.COMPLETE_ALONE: "UpdateItem",
    Operation.LOOK: "BatchGetItem",
    Operation.LOOK_FIRST: "BatchGetItem",
    **dict.fromkeys(PARKS, "UpdateItem"),
    Operation.COMMIT: "TransactWriteItems",
}
"""The call that is struck of this package."""

FAULTS = (
    Fault.THROTTLE,
    Fault.ERROR,
    Fault.RESET,
    Fault.LOST_REQUEST,
    Fault.LOST_RESPONSE,
    Fault.SLOW,
    Fault.HANG,
)
"""Of any call."""

EXTENTS = (1, 2, None)
"""How many attempts are struck; None is all."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One place of the matrix."""

    operation: Operation
    fault: Fault
    times: int | None

    def __str__(self) -> str:
        """Name the cell in a test's id."""
        extent = {1: "first", 2: "first two", None: "all"}[self.times]
        return f"{self.operation}, {self.fault}, {extent}"

    @property
    def names(self) -> tuple[str, ...]:
        """The messages of the delivery that is struck."""
        return (MESSAGE,) if self.operation in ALONE else (NEIGHBOUR, MESSAGE)

    @property
    def raises(self) -> tuple[str, ...]:
        """For which of them the processor raises."""
        if self.operation is Operation.RELEASE_TOGETHER:
            return self.names
        return (MESSAGE,) if self.operation is Operation.RELEASE else ()

    @property
    def manner(self) -> "Manner":
        """In which way the messages are processed, however often they are delivered."""
        return Manner(
            is_parking=self.operation is Operation.PARK_INTERRUPTED,
            commits=self.operation is Operation.COMMIT,
            hopeless=(MESSAGE,) if self.operation in HOPELESS else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How this package is set up.

    Attributes:
        is_parking: interrupted messages are parked.
        commits: the effect is committed with the completion.
        hopeless: the messages for which the processor says that no retry will help.
    """

    is_parking: bool = False
    commits: bool = False
    hopeless: tuple[str, ...] = ()


def _cells(operations: Iterable[Operation], faults: Iterable[Fault]) -> tuple[Cell, ...]:
    return tuple(Cell(*each) for each in itertools.product(operations, tuple(faults), EXTENTS))


CELLS = _cells(COMMON, FAULTS)
"""What every system goes through."""

PARTS = tuple(fault for fault in proxy.PARTS if fault is not Fault.ALL_THROTTLED)

OWN_CELLS = (
    *_cells((each for each in Operation if each not in COMMON), FAULTS),
    *_cells((Operation.CLAIM, Operation.COMPLETE, Operation.RELEASE_TOGETHER), PARTS),
    *_cells(LOOKS, (Fault.PART_THROTTLED,)),
)
"""What only this package does, with the faults inside calls for many that succeed."""


class Verdict(StrEnum):
    """How a cell ended."""

    DONE = "done"
    """The effect ran once, and this delivery was acknowledged."""
    LATE = "late"
    """It was reported; the redelivery saw to it that the effect ran once."""
    TWICE = "twice"
    """The effect ran again in a redelivery."""
    UNRECORDED = "unrecorded"
    """It was acknowledged though its record does not say completed: a later duplicate runs."""
    LOST = "lost"
    """It was acknowledged without its effect, or went to the dead-letter queue."""
    FREED = "freed"
    """The processor raised, and the record was given back; the redelivery ran."""
    HELD = "held"
    """The processor raised, and the record stayed claimed until its lease ended; then it ran."""
    PARKED = "parked"
    """It was set aside without its effect, acknowledged, and a copy of it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one delivery of a message ended.

    Attributes:
        effects: how often the effect ran in it; how often it was committed, where it is.
        copies: how many were sent to the dead-letter queue.
        seconds: until the answer; the timeout if there was none.
        killed: the timeout ended it.
        outcome: this package's name of the outcome; alternatives do not have one.
        report_batch_calls_unavailable: how often this package reported this, for the whole batch.
    """

    acknowledged: bool
    effects: int
    seconds: float
    copies: int = 0
    killed: bool = False
    outcome: str | None = None
    report_batch_calls_unavailable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What happened to a message in a cell.

    Attributes:
        struck: how many attempts the fault struck.
        answers: of every delivery of the message.
        records: the record's status after every such delivery; None is no record.
        before: how often the effect had run before.
    """

    struck: int
    answers: tuple[Answer, ...]
    records: tuple[str | None, ...]
    before: int = 0

    @property
    def effects(self) -> int:
        """How often the effect ran."""
        return self.before + sum(answer.effects for answer in self.answers)

    @property
    def copies(self) -> int:
        """How many copies were sent to the dead-letter queue."""
        return sum(answer.copies for answer in self.answers)

    def verdict(self, operation: Operation) -> Verdict:
        """How the cell ended."""
        set_aside = self.records[-1] == Status.PARKED and self.copies > 0
        if self.answers[-1].acknowledged and set_aside and not self.effects:
            return Verdict.PARKED
        if not self.answers[-1].acknowledged or not self.effects:
            return Verdict.LOST
        if self.effects > 1:
            return Verdict.TWICE
        if self.records[-1] != Status.COMPLETED:
            return Verdict.UNRECORDED
        if operation in (Operation.RELEASE, Operation.RELEASE_TOGETHER) and len(self.answers) > 1:
            return Verdict.HELD if self.records[0] else Verdict.FREED
        return Verdict.DONE if len(self.answers) == 1 else Verdict.LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One delivery of messages.

    Attributes:
        raises: for which of them the processor raises.
        dies: during which of them the process dies.
        receive_count: how often they have been delivered, this time included.
        manner: in which way they are processed.
    """

    names: tuple[str, ...] = (MESSAGE,)
    raises: tuple[str, ...] = ()
    dies: tuple[str, ...] = ()
    receive_count: int = 1
    manner: Manner = Manner()
