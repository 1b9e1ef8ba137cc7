"""The rules by which each message of a cell of the matrix ends with this package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scripts.support.proxy import Fault

from .cells import ALONE, LOOKS, MESSAGE, PARKS, Cell, Operation, Verdict

ATTEMPTS = 3
HANGING_ATTEMPTS = 2
"""A third one would not fit into the time that a claim or a release may take."""

WRITTEN = (Fault.LOST_RESPONSE, Fault.PART_LOST, Fault.SHORT)
"""Faults after which the struck call has been carried out."""

PARTIAL = (Fault.PART_THROTTLED, Fault.PART_ERROR, Fault.PART_LOST, Fault.PART_DENIED)
"""Faults that concern the message alone, in a call that it shares with its neighbour."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How a cell ends for a message.

    Attributes:
        outcome: of the delivery that the fault struck.
        effects: that ran in that delivery.
        record: that it left; None is no record.
        verdict: with the redelivery.
        copies: sent to the dead-letter queue, with the redelivery.
        acknowledged: whether that delivery was.
    """

    outcome: str
    effects: int
    record: str | None
    verdict: Verdict
    copies: int = 0
    acknowledged: bool = False


DONE = Expected("completed", 1, "COMPLETED", Verdict.DONE, acknowledged=True)
FREED = Expected("failed", 0, None, Verdict.FREED)


def expected(cell: Cell, name: str = MESSAGE) -> Expected:
    """What promises and rules of docs/protocol.md say about a cell."""
    if name != MESSAGE and not _shares(cell):
        return FREED if cell.operation is Operation.RELEASE_TOGETHER else DONE
    if cell.operation in LOOKS:
        return _look(cell, name)
    return RULES[cell.operation](cell)


def _shares(cell: Cell) -> bool:
    """Whether the neighbour shares the message's fate: the call that is struck is for both."""
    if cell.fault in PARTIAL:
        return False
    single = (Operation.TAKEOVER, Operation.RELEASE, Operation.LOOK, Operation.COMMIT)
    return cell.operation not in (*ALONE, *PARKS, *single)


def _struck_out(cell: Cell, attempts: int) -> bool:
    """Whether no attempt got through.

    What is slow gets through, and what is forbidden to many is allowed to one.
    """
    if cell.fault in (Fault.SLOW, Fault.PART_DENIED):
        return False
    return cell.times is None or cell.times >= attempts


def _attempts(cell: Cell) -> int:
    return HANGING_ATTEMPTS if cell.fault is Fault.HANG else ATTEMPTS


def _claim(cell: Cell) -> Expected:
    if not _struck_out(cell, _attempts(cell)):
        return DONE
    # Fail closed. A claim that did get through is given back; a dead owner's stays as it is.
    taken_over = cell.operation is Operation.TAKEOVER and cell.fault not in WRITTEN
    return Expected("table_unavailable", 0, "IN_PROGRESS" if taken_over else None, Verdict.LATE)


def _complete(cell: Cell) -> Expected:
    if not _struck_out(cell, ATTEMPTS):
        return DONE
    if cell.fault in WRITTEN:
        # The redelivery finds it and is a duplicate.
        return Expected("unconfirmed", 1, "COMPLETED", Verdict.LATE)
    # The third cause of P5: the function had no way to say that the effect is done.
    return Expected("unconfirmed", 1, "IN_PROGRESS", Verdict.TWICE)


def _release(cell: Cell) -> Expected:
    if cell.fault in WRITTEN or not _struck_out(cell, _attempts(cell)):
        return FREED
    return Expected("failed", 0, "IN_PROGRESS", Verdict.HELD)


def _look(cell: Cell, name: str) -> Expected:
    seen = not _struck_out(cell, _attempts(cell))
    if name == MESSAGE:
        # Completed before, so its effect never runs here.
        if seen:
            return Expected("duplicate", 0, "COMPLETED", Verdict.DONE, acknowledged=True)
        return Expected("table_unavailable", 0, "COMPLETED", Verdict.LATE)
    return DONE if seen else Expected("table_unavailable", 0, None, Verdict.LATE)


def _commit(cell: Cell) -> Expected:
    if not _struck_out(cell, ATTEMPTS):
        return DONE
    if cell.fault in WRITTEN:
        # The redelivery finds it and is a duplicate.
        return Expected("unconfirmed", 1, "COMPLETED", Verdict.LATE)
    # Without its record nothing can be committed late, so it is given back and runs again.
    outcome = "failed" if cell.fault is Fault.THROTTLE else "unconfirmed"
    return Expected(outcome, 0, None, Verdict.LATE)


def _park(cell: Cell) -> Expected:
    if not _struck_out(cell, _attempts(cell)):
        return Expected("parked", 0, "PARKED", Verdict.PARKED, copies=1, acknowledged=True)
    # The redelivery parks it, or finds it parked, and sends the copy.
    record = "PARKED" if cell.fault in WRITTEN else "IN_PROGRESS"
    return Expected("parked", 0, record, Verdict.PARKED, copies=1)


def _mark(cell: Cell) -> Expected:
    if not _struck_out(cell, _attempts(cell)):
        return Expected("parked", 0, "PARKED", Verdict.PARKED, copies=1, acknowledged=True)
    # Where nobody knows that the copy is sent, the redelivery sends another.
    copies = 1 if cell.fault in WRITTEN else 2
    return Expected("parked", 0, "PARKED", Verdict.PARKED, copies=copies)


RULES: Mapping[Operation, Callable[[Cell], Expected]] = {
    **dict.fromkeys((Operation.CLAIM, Operation.CLAIM_ALONE, Operation.TAKEOVER), _claim),
    **dict.fromkeys((Operation.COMPLETE, Operation.COMPLETE_ALONE), _complete),
    **dict.fromkeys((Operation.RELEASE, Operation.RELEASE_TOGETHER), _release),
    **dict.fromkeys((Operation.PARK, Operation.PARK_INTERRUPTED), _park),
    Operation.MARK: _mark,
    Operation.COMMIT: _commit,
}
"""Of the message that is struck, by what is done to its record."""
