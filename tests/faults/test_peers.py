"""The alternatives behave as the matrix says, in the cells in which they differ most."""

from collections.abc import Iterator

import pytest

from scripts.support.proxy import Fault

from .arena import Arena
from .cells import MESSAGE, TIMEOUT_SECONDS, Cell, Operation, Verdict
from .systems import PEERS_INTERPRETER, Peer

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.slow,
    pytest.mark.skipif(
        not PEERS_INTERPRETER.exists(), reason="make .venv-peers/.ready installs the peers"
    ),
]


@pytest.fixture
def peer(arena: Arena, request: pytest.FixtureRequest) -> Iterator[Peer]:
    """The alternative that the test names, in a separate process."""
    made = Peer(request.param, arena)
    yield made
    made.close()


@pytest.mark.parametrize("peer", ["powertools", "idemkit"], indirect=True)
def test_a_lost_claim_answer_refuses_its_own_worker(arena: Arena, peer: Peer) -> None:
    """The peer meets its own record, takes it for another's and does not run."""
    seen = arena.play(peer, Cell(Operation.CLAIM, Fault.LOST_RESPONSE, 1))[MESSAGE]
    assert (seen.struck, seen.answers[0].effects, seen.records[0]) == (1, 0, "IN_PROGRESS")
    assert seen.verdict(Operation.CLAIM) == Verdict.LATE


@pytest.mark.parametrize("peer", ["idemkit"], indirect=True)
def test_an_unrecorded_completion_is_acknowledged(arena: Arena, peer: Peer) -> None:
    """The peer acknowledges a message whose completion it could not write."""
    seen = arena.play(peer, Cell(Operation.COMPLETE, Fault.THROTTLE, None))[MESSAGE]
    assert seen.answers[0].acknowledged
    assert seen.records == ("IN_PROGRESS",)
    assert seen.verdict(Operation.COMPLETE) == Verdict.UNRECORDED


@pytest.mark.parametrize("peer", ["powertools", "idemkit"], indirect=True)
def test_a_peer_in_peace_works(arena: Arena, peer: Peer) -> None:
    """Without an effective fault the peer is done at once: the harness is not what breaks it."""
    seen = arena.play(peer, Cell(Operation.COMPLETE, Fault.SLOW, 1))[MESSAGE]
    assert seen.verdict(Operation.COMPLETE) == Verdict.DONE
    assert seen.answers[0].seconds < TIMEOUT_SECONDS / 2
