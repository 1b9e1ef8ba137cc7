"""A clock that stands still."""

import threading

from idempotent_lambda.clock import Clock, EpochMillis, Millis


class ManualClock(Clock):
    """A clock that moves only when told to, or when somebody sleeps."""

    def __init__(self, now: EpochMillis = EpochMillis(1_700_000_000_000)) -> None:  # noqa: B008  # a number
        self._now = now
        self._elapsed = Millis(0)

    def now(self) -> EpochMillis:
        """The wall clock."""
        return self._now

    def monotonic(self) -> Millis:
        """The monotonic clock."""
        return self._elapsed

    def sleep(self, duration: Millis) -> None:
        """Move on by ``duration`` at once."""
        self.advance(duration)

    def wait(self, condition: threading.Condition, duration: Millis) -> bool:
        """Wait in real time for another thread to notify the condition; the clock stands still."""
        return condition.wait(duration / 1000)

    def advance(self, duration: Millis) -> None:
        """Move both clocks forward."""
        self._elapsed = Millis(self._elapsed + duration)
        self._now = EpochMillis(self._now + duration)

    def step(self, correction: Millis) -> None:
        """Correct the wall clock alone, as a time server does."""
        self._now = EpochMillis(self._now + correction)
