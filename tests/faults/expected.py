"""What every cell of the matrix comes to with this package, by rule."""

from dataclasses import dataclass

from scripts.lab.proxy import Fault

from .cells import Cell, Operation, Verdict

ATTEMPTS = 3
HANGING_ATTEMPTS = 2
"""A third one would not fit into the time that a claim or a release may take."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How a cell ends.

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


def expected(cell: Cell) -> Expected:
    """What promises and rules of docs/protocol.md say about a cell."""
    match cell.operation:
        case Operation.CLAIM | Operation.TAKEOVER:
            return _claim(cell)
        case Operation.COMPLETE:
            return _complete(cell)
        case Operation.RELEASE:
            return _release(cell)


def _struck_out(cell: Cell, attempts: int) -> bool:
    """Whether no attempt got through; what is slow gets through."""
    return cell.fault is not Fault.SLOW and (cell.times is None or cell.times >= attempts)


def _attempts(cell: Cell) -> int:
    return HANGING_ATTEMPTS if cell.fault is Fault.HANG else ATTEMPTS


def _claim(cell: Cell) -> Expected:
    if not _struck_out(cell, _attempts(cell)):
        return Expected("completed", 1, "COMPLETED", Verdict.DONE)
    # Fail closed. A claim that did get through is given back; a dead owner's stays as it is.
    taken_over = cell.operation is Operation.TAKEOVER and cell.fault is not Fault.LOST_RESPONSE
    return Expected("unavailable", 0, "IN_PROGRESS" if taken_over else None, Verdict.LATE)


def _complete(cell: Cell) -> Expected:
    if not _struck_out(cell, ATTEMPTS):
        return Expected("completed", 1, "COMPLETED", Verdict.DONE)
    if cell.fault is Fault.LOST_RESPONSE:
        # It was written; the redelivery finds it and is a duplicate.
        return Expected("unconfirmed", 1, "COMPLETED", Verdict.LATE)
    # The third cause of P5: the function had no way to say that the effect is done.
    return Expected("unconfirmed", 1, "IN_PROGRESS", Verdict.TWICE)


def _release(cell: Cell) -> Expected:
    if cell.fault is Fault.LOST_RESPONSE or not _struck_out(cell, _attempts(cell)):
        return Expected("failed", 0, None, Verdict.FREED)
    return Expected("failed", 0, "IN_PROGRESS", Verdict.HELD)
