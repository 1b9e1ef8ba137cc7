"""The state of a batch plan, and what can be read off it."""

from typing import Generic, NamedTuple

from idempotent_lambda.protocol.heap import Heap
from idempotent_lambda.protocol.plan_entries import FollowUp, ItemT
from idempotent_lambda.protocol.steps import Claim, Complete, Outcome, Release, Run

WINDOW = 200
"""How many are claimed at once, which takes eight calls side by side; and how many may have
returned without a confirmed completion. A batch may have thousands: their claims would not fit into
the time that a claim may take, and a crash would repeat them all."""


class PlanState(NamedTuple, Generic[ItemT]):
    """What of a batch is still to be done. Every change makes a new state.

    Attributes:
        items: those that are claimed together, by stage; the first ``taken`` of them have been.
        ready: claimed and not started, in the batch's order.
        returned: run, to be completed.
        given_up: to be released.
        running: how many are being run.
        asking: how many wait for an answer of the table.
        completing: how many of these wait for the answer to their completion.
        follow_ups: items that are done one by one once nothing else of their stage is to be done.
        acknowledged: a bit for the place of each item that is acknowledged.
        undone: the same for those that are not, or will not be.
        claim: how claims are made.
        stage: the one that is worked on.
        is_single_key: the batch has one key, so nothing is gained by looking before a takeover.
        would_acknowledge_near_limit: this batch will acknowledge, if it lives to answer, a message
            that is near its receive limit.
        stopped: why nothing more is started; None while work goes on.
        window: see `WINDOW`; the simulation has a smaller one.
        max_completions: how many completions are sent at once, so that their answers do not wait
            for each other.
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
        """Whether some are not claimed yet."""
        return self.taken < len(self.items)

    @property
    def one_at_a_time(self) -> bool:
        """Whether each is claimed just before it starts.

        In park mode a claim that never starts must not look interrupted. In observe mode nothing is
        coalesced, and equal keys must not meet in one call.
        """
        return self.claim.park_interrupted or self.claim.observe_only

    @property
    def is_full(self) -> bool:
        """Whether as much has returned without a confirmed completion as may be lost to a crash."""
        return len(self.returned) + self.completing >= self.window

    @property
    def can_start(self) -> bool:
        """Whether something can be run now."""
        at_turn = bool(self.ready) and self.ready[0][0].stage == self.stage
        return at_turn and not (self.stopped or self.is_full)

    @property
    def has_runnable(self) -> bool:
        """Whether another thread would find something to do, so that more is started."""
        if self.stopped:
            return False
        if self.is_full:
            more = self.ready or self.has_unclaimed
            return bool(self.returned and not self.completing and more)
        return self.can_start or self._can_claim()

    @property
    def is_held_up(self) -> bool:
        """Whether only the answers to completions in flight allow more to be started."""
        return bool(self.is_full and self.completing and not self.stopped)

    @property
    def is_underway(self) -> bool:
        """Whether somebody is at work, so that more may come."""
        return self.running + self.asking > 0

    def _can_claim(self) -> bool:
        """Whether claims may be made; of one at a time only at its stage, as it starts at once."""
        if self.ready or not self.has_unclaimed:
            return False
        if self.one_at_a_time:
            return self.items[self.taken].stage == self.stage
        return self.asking == self.completing  # no other thread is claiming a window
