"""Time: its units, where it comes from, and what still fits before the deadline."""

import threading
import time
from dataclasses import dataclass
from typing import NewType, Protocol

Millis = NewType("Millis", int)
"""A duration in milliseconds."""

Seconds = NewType("Seconds", int)
"""A duration in seconds."""

EpochMillis = NewType("EpochMillis", int)
"""A moment, in milliseconds since 1970: leases."""

EpochSeconds = NewType("EpochSeconds", int)
"""A moment, in seconds since 1970: the TTL attribute, which DynamoDB reads in seconds."""

RESERVE_MILLIS = Millis(500)
"""Kept free at the end of every invocation, to answer before Lambda's own kill."""


REQUEST_MILLIS = Millis(1500)
"""The worst case of one request to the table."""


class Clock(Protocol):
    """Where the time comes from; tests use a manual one."""

    def now(self) -> EpochMillis:
        """The wall clock, comparable between machines: for leases and expiry only."""

    def monotonic(self) -> Millis:
        """A monotonic count that no clock correction moves: for deadlines and durations."""

    def sleep(self, duration: Millis) -> None:
        """Wait."""

    def wait(self, condition: threading.Condition, duration: Millis) -> bool:
        """Wait until the condition is notified, at most for so long; whether it was notified.

        The caller holds the condition's lock, which is released meanwhile.
        """


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> EpochMillis:
        """See `Clock.now`."""
        return EpochMillis(time.time_ns() // 1_000_000)

    def monotonic(self) -> Millis:
        """See `Clock.monotonic`."""
        return Millis(time.monotonic_ns() // 1_000_000)

    def sleep(self, duration: Millis) -> None:
        """See `Clock.sleep`."""
        time.sleep(duration / 1000)

    def wait(self, condition: threading.Condition, duration: Millis) -> bool:
        """See `Clock.wait`."""
        return condition.wait(duration / 1000)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When Lambda will end this invocation, on the monotonic clock.

    Kept apart from the wall clock, so that a clock correction in the middle of a run neither
    shortens nor stretches it.
    """

    clock: Clock
    ends_at: Millis

    @classmethod
    def from_remaining(cls, clock: Clock, remaining: Millis) -> "Deadline":
        """The deadline that lies ``remaining`` ahead."""
        return cls(clock, Millis(clock.monotonic() + remaining))

    def remaining(self) -> Millis:
        """What is left of the invocation; never negative."""
        return Millis(max(0, self.ends_at - self.clock.monotonic()))

    def allows(self, duration: Millis) -> bool:
        """Whether something that takes at most ``duration`` ends before the reserve."""
        return self.remaining() - RESERVE_MILLIS >= duration

    def sooner(self, remaining: Millis) -> "Deadline":
        """The same deadline, or the one that lies ``remaining`` ahead if that comes first."""
        return Deadline(self.clock, Millis(min(self.ends_at, self.clock.monotonic() + remaining)))

    def lease_end(self, margin: Millis) -> EpochMillis:
        """Until when a claim made now excludes others: the deadline plus the margin."""
        return EpochMillis(self.clock.now() + self.remaining() + margin)


def seconds_after(moment: EpochMillis) -> EpochSeconds:
    """The first whole second at or after ``moment``."""
    return EpochSeconds(-(-moment // 1000))
