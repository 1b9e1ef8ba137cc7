"""Says when the moment of the kill has come: wraps the consumer's parts, and changes nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from idempotent_lambda.clock import Deadline
from idempotent_lambda.protocol.claims import (
    ClaimAnswer,
    ClaimStore,
    CompleteAnswer,
    ParkAnswer,
    ReleaseAnswer,
)
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.requests import ClaimRequest, Request
from idempotent_lambda.queues import HeldDelivery, Queues
from idempotent_lambda.sources.delivery import Delivery
from scripts.kill.plan import Event, Moment


class Watch:
    """Says once that the moment of the kill has come."""

    def __init__(self, moment: Moment | None, say: Callable[[], None]) -> None:
        self._moment = moment
        self._say = say
        self._counts = {event: count(1) for event in Event}

    def note(self, event: Event) -> None:
        """Count an event, or a call that is about to be made; threads may call at the same time."""
        number = next(self._counts[event])
        if self._moment and (event, number) == (self._moment.event, self._moment.number):
            self._say()


@dataclass(frozen=True, slots=True)
class WatchedStore:
    """A store that notes its calls."""

    inner: ClaimStore
    watch: Watch

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Sequence[ClaimAnswer]:
        """See `ClaimStore.claim`."""
        self.watch.note(Event.CLAIM)
        return self.inner.claim(requests, deadline)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[CompleteAnswer]:
        """See `ClaimStore.complete`."""
        self.watch.note(Event.COMPLETE)
        return self.inner.complete(requests, deadline)

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ReleaseAnswer]:
        """See `ClaimStore.release`."""
        return self.inner.release(requests, deadline)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """See `ClaimStore.park`."""
        self.watch.note(Event.PARK)
        return self.inner.park(requests, deadline)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """See `ClaimStore.mark`."""
        self.watch.note(Event.MARK)
        return self.inner.mark(requests, deadline)


@dataclass(frozen=True, slots=True)
class WatchedQueues:
    """Queues that note their calls."""

    inner: Queues
    watch: Watch

    def postpone(
        self, failed: Iterable[Delivery], in_progress: Sequence[HeldDelivery], deadline: Deadline
    ) -> None:
        """See `Queues.postpone`."""
        self.inner.postpone(failed, in_progress, deadline)

    def dead_letter(self, leader: Delivery, record_id: str, owner: Owner, by: Deadline) -> None:
        """See `Queues.dead_letter`."""
        self.watch.note(Event.DEAD_LETTER)
        self.inner.dead_letter(leader, record_id, owner, by)
