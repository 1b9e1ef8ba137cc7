"""A clock for tests."""

import threading

from idempotent_lambda.clock import Clock, EpochMillis, Millis


class ManualClock(Clock):
    """A clock that moves only by `advance`, `step` and `sleep`."""

    def __init__(self, now: EpochMillis = EpochMillis(1_700_000_000_000)) -> None:  # noqa: B008  # a number
        self._now = now
        self._elapsed = Millis(0)

    def now(self) -> EpochMillis:
        """Return the wall clock."""
        return self._now

    def monotonic(self) -> Millis:
        """Return the monotonic clock."""
        return self._elapsed

    def sleep(self, duration: Millis) -> None:
        """Move both clocks forward by ``duration`` at once."""
        self.advance(duration)

    def wait(self, condition: threading.Condition, duration: Millis) -> bool:
        """Wait in real time for a notification from another thread; the clock does not move."""
        return condition.wait(duration / 1000)

    def advance(self, duration: Millis) -> None:
        """Move both clocks forward."""
        self._elapsed = Millis(self._elapsed + duration)
        self._now = EpochMillis(self._now + duration)

    def step(self, correction: Millis) -> None:
        """Correct the wall clock alone, as a time server does."""
        self._now = EpochMillis(self._now + correction)
