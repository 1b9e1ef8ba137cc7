"""Time: its units, the clocks, and the remaining time and the deadline of an invocation."""

import threading
import time
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, NamedTuple, NewType, Protocol

Millis = NewType("Millis", int)
"""A duration in milliseconds."""

Seconds = NewType("Seconds", int)
"""A duration in seconds."""

EpochMillis = NewType("EpochMillis", int)
"""A moment, in milliseconds since 1970, for leases."""

EpochSeconds = NewType("EpochSeconds", int)
"""A moment, in seconds since 1970, for the TTL attribute, which DynamoDB reads in seconds."""

RESERVE_MILLIS = Millis(500)
"""The time kept free at the end of every invocation, to respond before Lambda ends it."""


REQUEST_MILLIS = Millis(1500)
"""The longest time that one request to the table can take."""


CONTEXT_REMEDY = "in a test, set its get_remaining_time_in_millis.return_value = 30000"
"""The remedy for a mock in the place of a Lambda context."""


class InvocationContext(NamedTuple):
    """The facts that Lambda's context gives about an invocation.

    Attributes:
        remaining: remaining time, in milliseconds.
        request_id: Lambda's id of the invocation; empty if the context of a test lacks it.
    """

    remaining: Millis
    request_id: str


def read_context(value: Any) -> InvocationContext | None:
    """Return the facts of a Lambda context; None if the value only looks like one, or is another.

    A mock has every attribute, and what its calls return converts to the number 1. So a context
    must return a number itself. https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """
    try:
        found = value.get_remaining_time_in_millis()
        if type(found) is CoroutineType:  # of an AsyncMock
            found.close()
        if type(found) not in (int, float):
            return None
        request_id = getattr(value, "aws_request_id", "")
        return InvocationContext(Millis(int(found)), request_id if type(request_id) is str else "")
    except Exception:  # noqa: BLE001  # the value may be anything
        return None


class Clock(Protocol):
    """The source of time; tests use a manual clock."""

    def now(self) -> EpochMillis:
        """Return the wall-clock time, comparable between machines; only for leases and expiry."""

    def monotonic(self) -> Millis:
        """Return a count that no clock correction changes; for deadlines and durations."""

    def sleep(self, duration: Millis) -> None:
        """Wait for this duration."""

    def wait(self, condition: threading.Condition, duration: Millis) -> bool:
        """Wait for this duration or until notified; return whether the condition was notified.

        The caller must hold the condition's lock, which is released meanwhile.
        """


class SystemClock:
    """The clocks of the machine."""

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
    """The time at which Lambda ends this invocation, on the monotonic clock.

    A correction of the wall clock during a run neither shortens nor extends the deadline.
    """

    clock: Clock
    ends_at: Millis

    @classmethod
    def from_remaining(cls, clock: Clock, remaining: Millis) -> "Deadline":
        """Return the deadline that is ``remaining`` ahead."""
        return cls(clock, Millis(clock.monotonic() + remaining))

    def remaining(self) -> Millis:
        """Return the remaining time of the invocation; never negative."""
        return Millis(max(0, self.ends_at - self.clock.monotonic()))

    def allows(self, duration: Millis) -> bool:
        """Whether an action that takes at most ``duration`` ends before the reserve."""
        return self.remaining() - RESERVE_MILLIS >= duration

    def sooner(self, remaining: Millis) -> "Deadline":
        """Return this deadline, or the deadline that is ``remaining`` ahead if that comes first."""
        return Deadline(self.clock, Millis(min(self.ends_at, self.clock.monotonic() + remaining)))

    def lease_end(self, margin: Millis) -> EpochMillis:
        """Return the end of the lease of a claim made now: the deadline plus the margin."""
        return EpochMillis(self.clock.now() + self.remaining() + margin)


def seconds_after(moment: EpochMillis) -> EpochSeconds:
    """Return the first whole second at or after ``moment``."""
    return EpochSeconds(-(-moment // 1000))
