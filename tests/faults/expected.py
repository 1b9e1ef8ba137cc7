"""What every cell of the matrix comes to with this package, by rule, for each of its messages."""

from dataclasses import dataclass

from scripts.lab.proxy import Fault

from .cells import ALONE, MESSAGE, Cell, Operation, Verdict

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
    """

    outcome: str
    effects: int
    record: str | None
    verdict: Verdict


DONE = Expected("completed", 1, "COMPLETED", Verdict.DONE)
FREED = Expected("failed", 0, None, Verdict.FREED)


def expected(cell: Cell, name: str = MESSAGE) -> Expected:
    """What promises and rules of docs/protocol.md say about a cell."""
    struck = name == MESSAGE or _shares(cell)
    match cell.operation:
        case Operation.CLAIM | Operation.CLAIM_ALONE | Operation.TAKEOVER:
            return _claim(cell) if struck else DONE
        case Operation.COMPLETE | Operation.COMPLETE_ALONE:
            return _complete(cell) if struck else DONE
        case Operation.RELEASE:
            return _release(cell) if struck else DONE
        case Operation.RELEASE_TOGETHER:
            return _release(cell) if struck else FREED
        case Operation.LOOK | Operation.LOOK_FIRST:
            return _look(cell, name) if struck else DONE


def _shares(cell: Cell) -> bool:
    """Whether the neighbour shares the message's fate: the call that is struck is for both."""
    if cell.fault in PARTIAL:
        return False
    return cell.operation not in (*ALONE, Operation.TAKEOVER, Operation.RELEASE, Operation.LOOK)


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
    return Expected("unavailable", 0, "IN_PROGRESS" if taken_over else None, Verdict.LATE)


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
            return Expected("duplicate", 0, "COMPLETED", Verdict.DONE)
        return Expected("unavailable", 0, "COMPLETED", Verdict.LATE)
    return DONE if seen else Expected("unavailable", 0, None, Verdict.LATE)
