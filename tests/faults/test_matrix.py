"""Every operation that the package makes, under every fault, on real sockets."""

import pytest

from scripts.support.proxy import Fault

from .arena import Arena
from .cells import (
    CELLS,
    EXTENTS,
    FAULTS,
    MESSAGE,
    OWN_CELLS,
    TIMEOUT_SECONDS,
    Cell,
    Operation,
    Verdict,
)
from .conftest import CountedClock
from .expected import expected
from .systems import Ours

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

OUTAGE_SECONDS = 5.0
"""P7: no more of an invocation is lost to a table that does not answer."""

REMAINING_SECONDS = 6.0
"""Where completions are struck: they insist until the deadline, so it comes soon."""

COMPLETIONS = (Operation.COMPLETE, Operation.COMPLETE_ALONE, Operation.COMMIT)


@pytest.mark.parametrize("cell", [*CELLS, *OWN_CELLS], ids=str)
def test_cell(
    arena: Arena, clock: CountedClock, cell: Cell, request: pytest.FixtureRequest
) -> None:
    """Effects, record, response and time are as the protocol says, and so is the redelivery."""
    completes = cell.operation in COMPLETIONS
    client = request.getfixturevalue("hasty_client" if cell.fault is Fault.HANG else "client")
    remaining_seconds = REMAINING_SECONDS if completes else TIMEOUT_SECONDS
    seen = arena.play(Ours(client, remaining_seconds, clock), cell)
    struck_seconds = REMAINING_SECONDS if completes else OUTAGE_SECONDS
    for name, each in seen.items():
        rule, struck = expected(cell, name), each.answers[0]
        assert (struck.outcome, struck.effects, each.records[0]) == (
            rule.outcome,
            rule.effects,
            rule.record,
        ), name
        assert struck.acknowledged == rule.acknowledged
        assert each.copies == rule.copies
        assert struck.seconds < struck_seconds
        assert struck.report_batch_calls_unavailable == (cell.fault is Fault.PART_DENIED)
        assert each.verdict(cell.operation) == rule.verdict
        assert each.records[-1] == ("PARKED" if rule.verdict == Verdict.PARKED else "COMPLETED")
        if cell.operation is Operation.COMMIT:
            assert each.effects == 1
        assert len(each.answers) <= 2
    # A fault that never struck would prove nothing.
    found = seen[MESSAGE]
    assert found.struck == cell.times or (found.struck >= 1 and gives_up(cell))


def gives_up(cell: Cell) -> bool:
    """Whether fewer attempts may be made than the fault would strike."""
    once = (Fault.SLOW, Fault.PART_DENIED)
    return cell.times is None or (cell.times == 2 and cell.fault in once)


def test_the_matrix_is_whole() -> None:
    """Every operation meets each of the seven faults on its first attempt, on two and on all."""
    assert len(FAULTS) == 7
    assert len(set(CELLS)) == len(CELLS) == 4 * 7 * 3
    assert {each.operation for each in (*CELLS, *OWN_CELLS)} == set(Operation)
    for operation in Operation:
        cells = [each for each in (*CELLS, *OWN_CELLS) if each.operation is operation]
        assert {(each.fault, each.times) for each in cells} >= {
            (fault, times) for fault in FAULTS for times in EXTENTS
        }
