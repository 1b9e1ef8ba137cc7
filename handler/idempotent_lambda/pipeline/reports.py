"""The ends of the items of one invocation, for the log, the response and the queue."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from idempotent_lambda.errors import MessageError
from idempotent_lambda.observer import ClaimHistory, Observer
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.sources.delivery import Delivery

if TYPE_CHECKING:
    from idempotent_lambda.queues import HeldDelivery

_UNCONFIRMING = (None, "unanswered", "unkeyed")
"""The results of a claim that do not show whether a copy's stated key counts."""


class Reports:
    """Reports each item once, and keeps the facts for the invocation's response.

    Attributes:
        histories: history of each item, by place.
        in_progress: deliveries whose key another owner holds, with the end of that owner's lease.
    """

    def __init__(self, items: Sequence[WorkItem], observer: Observer, request_id: str) -> None:
        self.histories = [ClaimHistory(request_id) for _ in items]
        self.in_progress: list[HeldDelivery] = []
        self._observer = observer
        self._open = {item.place: item for item in items}
        self._acknowledged: set[Delivery] = set()

    def replace_item(self, item: WorkItem) -> None:
        """Replace the item at this place by this item, which has another key."""
        self._open[item.place] = item

    def report(self, item: WorkItem, end: Settled) -> None:
        """Log the end of each message of the item, and note it for the response."""
        del self._open[item.place]
        if end.acknowledged:
            self._acknowledged.update(item.deliveries)
        if end.held_until:
            self.in_progress += [(delivery, end.held_until) for delivery in item.deliveries]
        history = self.histories[item.place]
        leader, *followers = item.deliveries
        # Only the sender says that a stated key is the key of this message.
        unconfirmed = item.own_key is not None and history.claim_result in _UNCONFIRMING
        key = item.own_key if unconfirmed else item.key
        key = None if isinstance(key, MessageError) else key
        self._observer.report_message(leader, key, end, history, follows=False)
        if end.outcome is Outcome.COMPLETED:
            end = Settled(Outcome.DUPLICATE, acknowledged=True)
        for position, follower in enumerate(followers, 1):
            seen = replace(history, payload_differs=True) if position in item.differing else history
            self._observer.report_message(follower, key, end, seen, follows=True)

    def report_unfinished(self) -> None:
        """Report the items that have no end: their result is unknown, or they did not start."""
        for item in tuple(self._open.values()):
            ran = "run_ms" in self.histories[item.place].durations
            self.report(item, Settled(Outcome.UNCONFIRMED if ran else Outcome.NOT_STARTED))

    def find_failed(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return the deliveries that are not acknowledged: not proven completed or parked."""
        return [delivery for delivery in deliveries if delivery not in self._acknowledged]
