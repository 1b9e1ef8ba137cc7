"""The state of a batch plan, and its properties."""

from typing import Generic, NamedTuple

from idempotent_lambda.protocol.heap import Heap
from idempotent_lambda.protocol.plan_entries import FollowUp, ItemT
from idempotent_lambda.protocol.steps import Claim, Complete, Outcome, Release, Run

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
