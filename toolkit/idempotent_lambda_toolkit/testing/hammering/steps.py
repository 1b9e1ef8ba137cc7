"""The deliveries of a scenario, with their faults."""

from dataclasses import dataclass
from enum import Enum, auto

from idempotent_lambda.clock import Millis

SHORT_MILLIS = Millis(2100)
"""About the shortest remaining time with which the package still claims and runs a message."""

SLOW_MILLIS = Millis(400)
"""The remaining time after a slow side effect: too short for the package to start anything."""

FAILURES = 5
"""The number of deliveries in which a side effect fails that fails repeatedly."""


RESENT = 1
"""The number of the event that the producer has sent again."""


class FaultPoint(Enum):
    """A fault of a delivery at a side effect."""

    FAILS = auto()
    EXITS = auto()
    KILLED = auto()
    TIMES_OUT = auto()
    SLOW = auto()
    LOSES_ANSWER = auto()


class Fault(Enum):
    """A fault of the table: the answer or the request is lost."""

    CLAIM_LOST = auto()
    CLAIM_UNANSWERED = auto()
    COMPLETION_LOST = auto()
    COMPLETION_UNANSWERED = auto()


@dataclass(frozen=True, kw_only=True)
class DeliveryStep:
    """One delivery.

    Attributes:
        event_index: the number of the event.
        fault_point: the fault at a side effect; None for no fault.
        at: the number of that side effect in this delivery, from 0.
        after: whether the fault comes after the side effect. An answer is lost after it, a request
            before it, and the code gets the same exception.
        fault: the fault of the table; None for no fault.
        at_once: whether it comes while the lease of the delivery before may still be live.
        short: whether it comes with little time left.
        concurrent: whether another delivery of the same event comes during that side effect.
        again: whether the side effect that failed in the delivery before fails again.
        every: whether every side effect fails with `FaultPoint.FAILS`, instead of only that one.
        only: the position of the one record that is delivered; None for the whole event.
    """

    event_index: int = 0
    fault_point: FaultPoint | None = None
    at: int = 0
    after: bool = False
    fault: Fault | None = None
    at_once: bool = False
    short: bool = False
    concurrent: bool = False
    again: bool = False
    every: bool = False
    only: int | None = None

    @property
    def interrupts(self) -> bool:
        """Whether its side effects may repeat without a mistake in the code."""
        ended = self.fault_point in (FaultPoint.EXITS, FaultPoint.KILLED, FaultPoint.TIMES_OUT)
        return ended or self.fault is Fault.COMPLETION_UNANSWERED
