"""Two workers whose clocks differ: the margin is what keeps them apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda.messages import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.handler.bench import START, Bench

TIMEOUT = 10_000
MARGIN = 5_000  # the bench's


def overlap(skew: int, late: int) -> bool:
    """Whether a second worker starts a key while the first, still within its time, runs it.

    The second's clock is ahead by ``skew`` ms; it is delivered ``late`` ms after the first began.
    """
    store = InMemoryClaimStore()
    first = Bench(store)
    second = Bench(store, ManualClock(EpochMillis(START + skew)))
    second.owners = 100  # so that no two claims share a token

    def process(message: Message) -> None:
        assert message.remaining_millis() == TIMEOUT
        second.clock.advance(Millis(late))
        second.deliver("a")

    first.behaviour["a"] = process
    first.deliver("a", remaining=TIMEOUT)
    return second.ran == ["a"]


@given(st.integers(-60_000, MARGIN), st.integers(0, TIMEOUT - 1))
def test_within_the_margin(skew: int, late: int) -> None:
    """However slow, or fast by up to the margin, a clock never lets two workers overlap."""
    assert not overlap(skew, late)


@pytest.mark.parametrize(
    ("skew", "late", "overlaps"),
    [
        (MARGIN, TIMEOUT - 1, False),
        (MARGIN + 1, TIMEOUT - 1, True),
        (MARGIN + TIMEOUT, 0, True),
    ],
)
def test_beyond_the_margin(skew: int, late: int, overlaps: bool) -> None:
    """A clock that is fast by more than the margin does overlap: this is the margin's price."""
    assert overlap(skew, late) is overlaps
