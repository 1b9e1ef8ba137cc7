"""The state of a batch plan, its properties, and its entries: items, tasks and follow-ups."""

from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from idempotent_lambda.protocol.heap import Heap
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    End,
    Outcome,
    Release,
    Run,
    Settled,
    Step,
)


class Item(Protocol):
    """The properties of a work item that a plan uses. A plan uses no others."""

    @property
    def place(self) -> int:
        """The item's number in the batch, from 0."""

    @property
    def stage(self) -> int:
        """The item's stage: it starts only after all lower stages are settled; 0 without groups."""

    @property
    def after(self) -> tuple[int, ...]:
        """The places of items that must be acknowledged before this item starts."""

    @property
    def repeats(self) -> bool:
        """Whether an earlier item has the same key: once that is settled, this item is claimed."""

    @property
    def near_receive_limit(self) -> bool:
        """Whether a message of the item is dead-lettered after this receive or the next."""


ItemT = TypeVar("ItemT", bound=Item)

Task = tuple[ItemT, Step | Settled]
"""An item and its next step; or its end, if nothing more is done for the item."""

FinishedTask = tuple[ItemT, Step | Settled, Step | End]
"""An item, the step that was done, and the step or end that follows."""

Order = tuple[int, int, int, int]
"""The sort key of a follow-up: the stage; then steps by place, then takeovers. Takeovers with the
fewest attempts come first; among equals, the last item of the batch: items after one that kills its
process never started."""


class Decision(StrEnum):
    """The next action of a thread that has nothing to do."""

    GO = "it asks for tasks"
    FLUSH = "it asks for tasks, of which the completions come first"
    WAIT = "it waits for the completions in flight, but not for long"


class FollowUp(NamedTuple, Generic[ItemT]):
    """An item that is handled alone, after all other work of its stage.

    Attributes:
        step: next step, or the end; None for a takeover, whose claim is not made yet.
        attempts: number of claims of the key before a takeover.
    """

    order: Order
    item: ItemT
    step: Step | Settled | None
    attempts: int = 0


def follow_up_with_step(item: ItemT, step: Step | Settled) -> FollowUp[ItemT]:
    """Return the follow-up for a step."""
    return FollowUp((item.stage, 0, item.place, 0), item, step)


def follow_up_with_takeover(item: ItemT, attempts: int) -> FollowUp[ItemT]:
    """Return the follow-up for the takeover of a key whose claim is stale."""
    return FollowUp((item.stage, 1, attempts, -item.place), item, None, attempts)


def is_blocked(item: Item, undone: int) -> bool:
    """Whether an item that must come first is not acknowledged, or will not be.

    ``undone`` has a bit for the place of each such item.
    """
    return any(undone >> place & 1 for place in item.after) if item.after else False


WINDOW = 200
"""The most items that are claimed at once, which takes eight parallel calls, and the most items
that may have returned without a confirmed completion. A batch may have thousands of items: their
claims would not fit into the time of a claim, and a crash would repeat them all."""


class PlanState(NamedTuple, Generic[ItemT]):
    """The open work of a batch. Every change returns a new state.

    Attributes:
        items: items that are claimed together, by stage; the first ``taken`` items have been taken.
        ready: claimed items that have not started, in the batch's order.
        returned: items that have run and must be completed.
        given_up: items that must be released.
        running: number of items that are running.
        asking: number of items whose current task is not a run.
        completing: number of those items that wait for the answer to their completion.
        follow_ups: items that are handled one by one after all other work of their stage.
        acknowledged: bit mask of the places of acknowledged items.
        undone: bit mask of the places of items that are not, or will not be, acknowledged.
        claim: template for claims.
        stage: current stage.
        is_single_key: the batch has one key, so that reading before a takeover gains nothing.
        would_acknowledge_near_limit: if this batch lives to answer, it acknowledges a message that
            is near its receive limit.
        stopped: reason why nothing more starts; None while work goes on.
        window: see `WINDOW`; the simulation has a smaller window.
        max_completions: number of completions sent at once, so that their answers do not wait for
            each other.
    """

    items: tuple[ItemT, ...]
    taken: int = 0
    ready: tuple[tuple[ItemT, Run], ...] = ()
    returned: tuple[tuple[ItemT, Complete], ...] = ()
    given_up: tuple[tuple[ItemT, Release], ...] = ()
    running: int = 0
    asking: int = 0
    completing: int = 0
    follow_ups: Heap[FollowUp[ItemT]] | None = None
    acknowledged: int = 0
    undone: int = 0
    claim: Claim = Claim()
    stage: int = 0
    is_single_key: bool = False
    would_acknowledge_near_limit: bool = False
    stopped: Outcome | None = None
    window: int = WINDOW
    max_completions: int = WINDOW

    @property
    def has_unclaimed(self) -> bool:
        """Whether some items are not claimed yet."""
        return self.taken < len(self.items)

    @property
    def one_at_a_time(self) -> bool:
        """Whether each item is claimed just before it starts.

        In park mode, a claim that never starts must not look interrupted. In observe mode, nothing
        is coalesced, and equal keys must not meet in one call.
        """
        return self.claim.park_interrupted or self.claim.observe_only

    @property
    def is_full(self) -> bool:
        """Whether the limit of items without a confirmed completion is reached."""
        return len(self.returned) + self.completing >= self.window

    @property
    def can_start(self) -> bool:
        """Whether an item can run now."""
        at_turn = bool(self.ready) and self.ready[0][0].stage == self.stage
        return at_turn and not (self.stopped or self.is_full)

    @property
    def has_runnable(self) -> bool:
        """Whether another thread would find a task, so that more items start."""
        if self.stopped:
            return False
        if self.is_full:
            more = self.ready or self.has_unclaimed
            return bool(self.returned and not self.completing and more)
        return self.can_start or self._can_claim()

    @property
    def is_held_up(self) -> bool:
        """Whether nothing more can start before completions in flight are answered."""
        return bool(self.is_full and self.completing and not self.stopped)

    @property
    def is_underway(self) -> bool:
        """Whether a thread is at work, so that more tasks may follow."""
        return self.running + self.asking > 0

    def _can_claim(self) -> bool:
        """Whether a claim can be made; one at a time only in the current stage, to start then."""
        if self.ready or not self.has_unclaimed:
            return False
        if self.one_at_a_time:
            return self.items[self.taken].stage == self.stage
        return self.asking == self.completing  # no other thread is claiming a window
