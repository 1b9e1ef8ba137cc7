"""Two workers whose clocks differ: the margin is what keeps them apart.

The lease's end is computed with the holder's clock and compared with the claimant's, so a holder
whose clock is behind is as dangerous as a claimant whose clock is ahead, and both add up.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.handler.harness import START, ConsumerHarness

TIMEOUT = 10_000
MARGIN = 5_000  # the harness's


def overlap(behind: int, ahead: int, late: int) -> bool:
    """Whether a second worker starts a key while the first one still runs it.

    Args:
        behind: by how many ms the first worker's clock, the holder's, is behind.
        ahead: by how many ms the second worker's clock, the claimant's, is ahead.
        late: how many ms after the first began the second receives the message; from `TIMEOUT`
            on, Lambda kills the first too late.
    """
    store = InMemoryClaimStore()
    first = ConsumerHarness(store, ManualClock(EpochMillis(START - behind)))
    second = ConsumerHarness(store, ManualClock(EpochMillis(START + ahead)))
    second.owners = 100  # so that no two claims share a token

    def process(message: Message) -> None:
        assert message.remaining_millis() == TIMEOUT
        second.clock.advance(Millis(late))
        second.deliver("a")

    first.behaviour["a"] = process
    first.deliver("a", remaining=TIMEOUT)
    return second.ran == ["a"]


@given(st.integers(-60_000, 60_000), st.integers(-60_000, MARGIN), st.integers(0, TIMEOUT - 1))
def test_within_the_margin(behind: int, difference: int, late: int) -> None:
    """Clocks whose difference is at most the margin never let two workers overlap."""
    assert not overlap(behind, difference - behind, late)


@pytest.mark.parametrize(
    ("behind", "ahead"),
    [(0, MARGIN), (MARGIN, 0), (MARGIN // 2, MARGIN - MARGIN // 2), (MARGIN + 700, -700)],
    ids=["fast claimant", "slow holder", "both", "a slow holder and a slower claimant"],
)
def test_the_bound_is_tight(behind: int, ahead: int) -> None:
    """At a difference of exactly the margin they never overlap, and one millisecond more does."""
    last = TIMEOUT - 1
    assert not overlap(behind, ahead, last)
    assert overlap(behind + 1, ahead, last)
    assert overlap(behind, ahead + 1, last)


@pytest.mark.parametrize("kill_delay", [1, 700, MARGIN])
def test_the_margin_covers_the_kill_too(kill_delay: int) -> None:
    """The delay of Lambda's kill reduces the difference of the clocks that the margin covers."""
    last, left = TIMEOUT + kill_delay - 1, MARGIN - kill_delay
    assert not overlap(left, 0, last)
    assert not overlap(0, left, last)
    assert overlap(left + 1, 0, last)
    assert overlap(0, left + 1, last)


@pytest.mark.parametrize(("behind", "ahead"), [(MARGIN + TIMEOUT, 0), (0, MARGIN + TIMEOUT)])
def test_far_beyond_the_margin(behind: int, ahead: int) -> None:
    """With a difference of the whole lease the second worker need not wait at all."""
    assert overlap(behind, ahead, 0)
    assert not overlap(behind - 1, ahead, 0)
