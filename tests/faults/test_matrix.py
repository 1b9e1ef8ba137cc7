"""Every operation that the package makes, under every fault, on real sockets."""

import pytest

from idempotent_lambda.lifecycle import Outcome
from scripts.lab.proxy import Fault

from .cells import CELLS, FAULTS, Arena, Cell, Operation, Ours
from .expected import expected

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

OUTAGE_SECONDS = 5.0
"""P7: no more of an invocation is lost to a table that does not answer."""

REMAINING_SECONDS = 6.0
"""Where completions are struck: they insist until the deadline, so it comes soon."""

HANG_SECONDS = 1.0
"""The client's read timeout."""


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(arena: Arena, cell: Cell) -> None:
    """Effects, record, response and time are as the protocol says, and so is the redelivery."""
    completes = cell.operation is Operation.COMPLETE
    ours = Ours(arena.client, REMAINING_SECONDS) if completes else Ours(arena.client)
    seen = arena.play(ours, cell)
    if cell.fault is Fault.HANG and seen.answers[0].seconds > seen.struck * HANG_SECONDS + 0.3:
        # The machine stood still meanwhile, and the attempts that fit into a claim are fewer then.
        seen = arena.play(ours, cell)
    rule, struck = expected(cell), seen.answers[0]
    # A fault that never struck would prove nothing.
    assert seen.struck == cell.times or (seen.struck >= 1 and gives_up(cell))
    assert (struck.outcome, struck.effects, seen.records[0]) == (
        rule.outcome,
        rule.effects,
        rule.record,
    )
    assert struck.acknowledged == (rule.outcome == Outcome.COMPLETED)
    assert struck.seconds < (REMAINING_SECONDS if completes else OUTAGE_SECONDS)
    assert seen.verdict(cell.operation) == rule.verdict
    assert seen.records[-1] == "COMPLETED"
    assert len(seen.answers) <= 2


def gives_up(cell: Cell) -> bool:
    """Whether fewer attempts may be made than the fault would strike."""
    return cell.times is None or (cell.times == 2 and cell.fault is Fault.SLOW)


def test_the_matrix_is_whole() -> None:
    """Every operation meets each of the seven faults on its first attempt, on two and on all."""
    assert len(FAULTS) == 7
    assert len(set(CELLS)) == len(CELLS) == 4 * 7 * 3
