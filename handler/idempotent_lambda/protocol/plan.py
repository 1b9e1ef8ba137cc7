"""The next tasks of a batch, as a pure value, so that tests can try every order of events.

Items pass through the plan as their steps do: claims together, a window at a time; then runs in
order; then settlements together, as many as have gathered. Interrupted items come last, one by one.
Items of one group have different stages. A stage begins once the stage before is settled. The cost
of a step does not depend on the size of the batch.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from idempotent_lambda.protocol import heap
from idempotent_lambda.protocol.heap import Heap
from idempotent_lambda.protocol.plan_state import (
    WINDOW,
    Decision,
    FinishedTask,
    FollowUp,
    ItemT,
    PlanState,
    Task,
    follow_up_with_step,
    follow_up_with_takeover,
    is_blocked,
)
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    DeadLetter,
    End,
    MarkDeadLettered,
    Outcome,
    Park,
    Release,
    Run,
    Settled,
    Step,
    TakeOverLater,
    Wait,
)

MAX_INTERRUPTIONS_NEAR_LIMIT = 1
"""The most interruptions after which a key still runs in a batch with messages near their receive
limit: one interruption can happen to any key."""


class BatchPlan(PlanState[ItemT]):
    """The open work of a batch and its next tasks. Every change returns a new plan."""

    __slots__ = ()

    @classmethod
    def create(
        cls,
        items: Iterable[ItemT],
        claim: Claim = Claim(),  # noqa: B008  # a value
        window: int = WINDOW,
        max_completions: int = WINDOW,
    ) -> "BatchPlan[ItemT]":
        """Return the plan of a batch in which nothing is done yet."""
        by_stage = sorted(items, key=lambda item: item.stage)
        is_single = len(by_stage) == 1
        again = replace(claim, takeover=is_single and not claim.park_interrupted)
        follow_ups = None
        for item in by_stage:
            if item.repeats:
                follow_ups = heap.push(follow_ups, follow_up_with_step(item, again))
        first = tuple(item for item in by_stage if not item.repeats)
        return cls(
            first,
            follow_ups=follow_ups,
            claim=claim,
            is_single_key=is_single,
            window=window,
            max_completions=max_completions,
        )

    def take_tasks(  # noqa: C901, PLR0911  # one branch for each kind of task
        self, *, overdue: bool = False
    ) -> tuple["BatchPlan[ItemT]", tuple[Task[ItemT], ...]]:
        """Return the plan without the next tasks, and these tasks, to be done together.

        If there are no tasks, the batch is finished, unless the plan is underway.

        Args:
            overdue: a completion has waited long enough; completions come before anything else.
        """
        can_claim = self._can_claim()
        # Before the next window is claimed, the window before is settled or in flight.
        at_border = can_claim and not (self.one_at_a_time or self.stopped)
        if self.returned and not self.completing and (overdue or at_border or self.is_full):
            return self.take_completions()
        must_release = at_border or len(self.given_up) >= self.window
        if self.given_up and must_release and not self.stopped:
            return self._take_releases()
        if self.has_unclaimed and (self.stopped or can_claim) and not self.is_held_up:
            plan, tasks = self._take_claims()
            return (plan, tasks) if tasks else plan.take_tasks()
        if self.ready and (self.stopped or is_blocked(self.ready[0][0], self.undone)):
            return self._give_up_ready().take_tasks()
        if self.can_start:
            return self._replace(ready=self.ready[1:], running=self.running + 1), self.ready[:1]
        if self.running or (self.is_held_up and (self.ready or self.has_unclaimed)):
            return self, ()
        if self.returned:
            return self.take_completions()
        if self.given_up:
            return self._take_releases()
        if self.asking:
            return self, ()
        if self.follow_ups and (self.stopped or self.follow_ups.top.order[0] <= self.stage):
            return self._take_follow_up(self.follow_ups)
        return self._begin_next_stage()

    def _take_claims(self) -> tuple["BatchPlan[ItemT]", tuple[Task[ItemT], ...]]:
        """Take the claims of the next window, without blocked items; their ends, if stopped."""
        taken, undone, follow_ups = self.taken, self.undone, self.follow_ups
        size = 1 if self.one_at_a_time and not self.stopped else self.window
        window: list[ItemT] = []
        while taken < len(self.items) and len(window) < size:
            item = self.items[taken]
            if self.one_at_a_time and item.stage != self.stage and not self.stopped:
                break
            taken += 1
            if not self.stopped and is_blocked(item, undone):
                undone |= 1 << item.place
                blocked = follow_up_with_step(item, Settled(Outcome.BLOCKED))
                follow_ups = heap.push(follow_ups, blocked)
            else:
                window.append(item)
        step: Claim | Settled
        if self.stopped:
            step = Settled(self.stopped)
        else:
            step = self._make_claim(unseen=self.is_single_key or self.claim.observe_only)
        asking = self.asking + len(window)
        plan = self._replace(taken=taken, undone=undone, follow_ups=follow_ups, asking=asking)
        return plan, tuple((item, step) for item in window)

    def _make_claim(self, *, unseen: bool) -> Claim:
        """Return a claim; ``unseen`` if it takes over a stale record without a read before."""
        return replace(self.claim, takeover=unseen and not self.claim.park_interrupted)

    def _take_follow_up(
        self, follow_ups: Heap[FollowUp[ItemT]]
    ) -> tuple["BatchPlan[ItemT]", tuple[Task[ItemT], ...]]:
        first = follow_ups.top
        task = (first.item, self._choose_step(first))
        return self._replace(follow_ups=heap.pop(follow_ups), asking=self.asking + 1), (task,)

    def _choose_step(self, follow_up: FollowUp[ItemT]) -> Step | Settled:
        """Return the step of a follow-up, or its end if it must no longer start."""
        step = follow_up.step
        is_unstarted = step is None or isinstance(step, Claim | Wait)
        ends_well = isinstance(step, Settled) and step.acknowledged
        if (is_unstarted or ends_well) and is_blocked(follow_up.item, self.undone):
            return Settled(Outcome.BLOCKED)
        if is_unstarted and self.stopped:
            return Settled(self.stopped)
        if step is not None:
            return step
        risky = follow_up.attempts > MAX_INTERRUPTIONS_NEAR_LIMIT
        if self.would_acknowledge_near_limit and risky:
            return Settled(Outcome.DEFERRED)
        return self._make_claim(unseen=True)

    def _begin_next_stage(self) -> tuple["BatchPlan[ItemT]", tuple[Task[ItemT], ...]]:
        """Take the first tasks of the lowest stage that is left; none at the end."""
        stages = [self.ready[0][0].stage] if self.ready else []
        stages += [self.items[self.taken].stage] if self.has_unclaimed else []
        stages += [self.follow_ups.top.order[0]] if self.follow_ups else []
        return self._replace(stage=min(stages)).take_tasks() if stages else (self, ())

    def _give_up_ready(self) -> "BatchPlan[ItemT]":
        """Return the plan without blocked ready items; without all ready items, if stopped."""
        undone = self.undone
        kept: list[tuple[ItemT, Run]] = []
        given_up: list[tuple[ItemT, Release]] = []
        for item, run in self.ready:
            blocked = is_blocked(item, undone)
            if not (blocked or self.stopped):
                kept.append((item, run))
                continue
            undone |= blocked << item.place
            why = Outcome.BLOCKED if blocked else self.stopped or Outcome.NOT_STARTED
            given_up.append((item, Release(run.claim.owner, why)))
        return self._replace(ready=tuple(kept), given_up=(*self.given_up, *given_up), undone=undone)

    def _take_releases(self) -> tuple["BatchPlan[ItemT]", tuple[Task[ItemT], ...]]:
        plan = self._give_up_ready()  # also releases the items that are blocked by now
        asking = plan.asking + len(plan.given_up)
        return plan._replace(given_up=(), asking=asking), plan.given_up

    def take_completions(self) -> tuple["BatchPlan[ItemT]", tuple[Task[ItemT], ...]]:
        """Return the plan without the completions that have gathered, and these completions.

        You may call this while a processor runs: its crash then puts fewer side effects in doubt.
        """
        sent = self.returned[: self.max_completions]
        rest = self.returned[self.max_completions :]
        plan = self._replace(
            returned=rest, asking=self.asking + len(sent), completing=self.completing + len(sent)
        )
        return plan, sent

    def record_finished(self, finished: Iterable[FinishedTask[ItemT]]) -> "BatchPlan[ItemT]":  # noqa: C901, PLR0912  # one branch for each kind of task
        """Return the plan after tasks are done, each item where its next step is taken from."""
        running, asking, completing = self.running, self.asking, self.completing
        acknowledged, undone, follow_ups = self.acknowledged, self.undone, self.follow_ups
        near_limit, stopped = self.would_acknowledge_near_limit, self.stopped
        ready: list[tuple[ItemT, Run]] = []
        returned: list[tuple[ItemT, Complete]] = []
        given_up: list[tuple[ItemT, Release]] = []
        for item, step, following in finished:
            if isinstance(step, Run):
                running -= 1
            else:
                asking -= 1
                completing -= isinstance(step, Complete)
            match following:
                case Run():
                    ready.append((item, following))
                case Complete():
                    returned.append((item, following))
                case Release():
                    given_up.append((item, following))
                    undone |= 1 << item.place
                case Settled() if item.after and self.should_hold_back(item, step, following):
                    follow_ups = heap.push(follow_ups, follow_up_with_step(item, following))
                case Settled(acknowledged=True):
                    near_limit |= item.near_receive_limit
                    acknowledged |= 1 << item.place
                case Settled(outcome):
                    undone |= 1 << item.place
                    if outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
                        stopped = stopped or Outcome.NOT_STARTED
                case TakeOverLater(attempts):
                    follow_ups = heap.push(follow_ups, follow_up_with_takeover(item, attempts))
                case Claim() | Wait() | Park() | DeadLetter() | MarkDeadLettered():
                    follow_ups = heap.push(follow_ups, follow_up_with_step(item, following))
                case _:
                    assert_never(following)
        return self._replace(
            ready=(*ready, *self.ready),
            returned=(*self.returned, *returned),
            given_up=(*self.given_up, *given_up),
            running=running,
            asking=asking,
            completing=completing,
            follow_ups=follow_ups,
            acknowledged=acknowledged,
            undone=undone,
            would_acknowledge_near_limit=near_limit,
            stopped=stopped,
        )

    def should_hold_back(self, item: ItemT, step: Step | Settled, following: Step | End) -> bool:
        """Whether an item that would be acknowledged must wait for the items before it.

        A claim may find a key done before earlier items of its group have run. If one of those
        fails, the item is reported with the rest of its group.
        """
        if isinstance(step, Settled):
            return False
        ends_well = isinstance(following, Settled) and following.acknowledged
        return ends_well and not all(self.acknowledged >> place & 1 for place in item.after)

    def decide(
        self, *, overdue: bool, late: bool, in_time: bool = True, patient: bool = True
    ) -> tuple["BatchPlan[ItemT]", Decision]:
        """Return the plan, stopped if necessary, and the next action of a thread.

        Args:
            overdue: a completion has waited too long to be sent.
            late: a completion in flight has waited too long for its answer.
            in_time: enough time is left to start another task.
            patient: the table may still receive claims.
        """
        plan = self
        if not (patient or self.ready or self.claim.observe_only):
            plan = self.stop(Outcome.TABLE_UNAVAILABLE)
        elif not in_time:
            plan = self.stop(Outcome.NOT_STARTED)
        if late and not (plan.stopped or plan.claim.observe_only):
            return plan, Decision.WAIT
        return plan, Decision.FLUSH if overdue else Decision.GO

    def stop(self, outcome: Outcome) -> "BatchPlan[ItemT]":
        """Return the plan with no further starts; ``outcome`` is the reason."""
        return self if self.stopped else self._replace(stopped=outcome)
