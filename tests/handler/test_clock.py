"""Time: units, the deadline's arithmetic, and what a clock correction must not move."""

import threading
import time
from unittest import mock

import pytest

from idempotent_lambda.clock import (
    Deadline,
    EpochMillis,
    Millis,
    SystemClock,
    seconds_after,
)
from idempotent_lambda_toolkit.testing import ManualClock
from tests.waiting import SECONDS

from .harness import START


class TestSystemClock:
    """The machine's clocks."""

    def test_now_is_in_milliseconds(self) -> None:
        """The wall clock is the epoch's, in milliseconds."""
        before = time.time()
        now = SystemClock().now()
        assert before * 1000 - 1 <= now <= time.time() * 1000 + 1

    def test_elapsed_ignores_the_wall_clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The count of elapsed time does not follow a correction of the wall clock."""
        clock = SystemClock()
        before = clock.monotonic()
        monkeypatch.setattr(time, "time_ns", lambda: 0)
        assert clock.now() == 0
        assert 0 <= clock.monotonic() - before < 1000 * SECONDS

    def test_sleep_is_in_milliseconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sleeping 250 ms sleeps a quarter of a second."""
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        SystemClock().sleep(Millis(250))
        assert slept == [0.25]

    def test_wait_is_in_milliseconds(self) -> None:
        """Waiting for 250 ms waits for a quarter of a second, and says whether it was notified."""
        condition = mock.Mock(spec=threading.Condition)
        condition.wait.side_effect = [True, False]
        assert SystemClock().wait(condition, Millis(250))
        assert not SystemClock().wait(condition, Millis(250))
        assert condition.wait.call_args_list == [mock.call(0.25)] * 2


class TestDeadline:
    """The time that an invocation has left."""

    def test_remaining_runs_down_to_zero(self, clock: ManualClock) -> None:
        """The rest of the invocation shrinks with time and never becomes negative."""
        deadline = Deadline.from_remaining(clock, Millis(1000))
        clock.advance(Millis(400))
        assert deadline.remaining() == 600
        clock.advance(Millis(601))
        assert deadline.remaining() == 0

    @pytest.mark.parametrize(("left", "fits"), [(2000, True), (1999, False)])
    def test_half_a_second_stays_free(self, clock: ManualClock, left: int, fits: bool) -> None:
        """A call that takes 1.5 s is allowed with 2 s left, and not with a millisecond less."""
        assert Deadline.from_remaining(clock, Millis(left)).allows(Millis(1500)) is fits

    def test_nothing_fits_into_the_reserve(self, clock: ManualClock) -> None:
        """Inside the reserve not even what takes no time is allowed."""
        assert not Deadline.from_remaining(clock, Millis(499)).allows(Millis(0))

    @pytest.mark.parametrize("correction", [-3_600_000, 3_600_000])
    def test_clock_correction(self, clock: ManualClock, correction: int) -> None:
        """A correction of the wall clock by an hour neither shortens nor stretches a run."""
        deadline = Deadline.from_remaining(clock, Millis(3000))
        clock.step(Millis(correction))
        assert deadline.remaining() == 3000
        assert deadline.allows(Millis(2500))

    def test_lease_end(self, clock: ManualClock) -> None:
        """A claim made 4 s into a run of 10 s excludes others for 6 s and the margin."""
        deadline = Deadline.from_remaining(clock, Millis(10_000))
        clock.advance(Millis(4000))
        assert deadline.lease_end(Millis(5000)) == START + 10_000 + 5000

    def test_lease_end_after_the_deadline(self, clock: ManualClock) -> None:
        """A claim made after the deadline still has the whole margin."""
        deadline = Deadline.from_remaining(clock, Millis(1000))
        clock.advance(Millis(9000))
        assert deadline.lease_end(Millis(5000)) == START + 9000 + 5000

    @pytest.mark.parametrize(("patience", "left"), [(300, 300), (5000, 1000)])
    def test_sooner(self, clock: ManualClock, patience: int, left: int) -> None:
        """A sooner deadline is never later than the invocation's."""
        deadline = Deadline.from_remaining(clock, Millis(1000))
        assert deadline.sooner(Millis(patience)).remaining() == left


@pytest.mark.parametrize(
    ("millis", "seconds"),
    [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (1_700_000_000_000, 17e8)],
)
def test_seconds_after(millis: int, seconds: int) -> None:
    """Milliseconds become the first whole second that is not before them."""
    assert seconds_after(EpochMillis(millis)) == seconds
