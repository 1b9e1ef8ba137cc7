"""Plans that are wrong on purpose: each breaks one rule of the order in which a batch is done."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol import heap
from idempotent_lambda.protocol.heap import Heap
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import FinishedTask, FollowUp, Task
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    Outcome,
    Release,
    Settled,
    Step,
    TakeOverLater,
)

Plan = BatchPlan[WorkItem]
Turn = tuple[Plan, tuple[Task[WorkItem], ...]]


def _taking(plan: Plan, tasks: Iterable[Task[WorkItem]], **taken: Any) -> Turn:
    """The tasks, and the plan that knows of them and has them no more."""
    tasks = tuple(tasks)
    return plan._replace(asking=plan.asking + len(tasks), **taken), tasks


def _entries(follow_ups: Heap[FollowUp[WorkItem]] | None) -> list[FollowUp[WorkItem]]:
    """All that a heap holds, the smallest first."""
    entries = []
    while follow_ups is not None:
        entries.append(follow_ups.top)
        follow_ups = heap.pop(follow_ups)
    return entries


def _heap(entries: Iterable[FollowUp[WorkItem]]) -> Heap[FollowUp[WorkItem]] | None:
    """The heap of these."""
    follow_ups = None
    for entry in entries:
        follow_ups = heap.push(follow_ups, entry)
    return follow_ups


class _NeverStops(Plan):
    def stop(self, outcome: Outcome) -> Plan:  # noqa: ARG002
        return self


class _IgnoresInterruptions(Plan):
    ignored = Outcome.INTERRUPTED

    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        def reported(end: Any) -> Any:
            return replace(end, outcome=Outcome.IN_PROGRESS) if self._is_ignored(end) else end

        return super().record_finished((item, step, reported(end)) for item, step, end in done)

    def _is_ignored(self, end: Any) -> bool:
        return isinstance(end, Settled) and end.outcome is self.ignored


class _IgnoresUnconfirmed(_IgnoresInterruptions):
    ignored = Outcome.UNCONFIRMED


class _StartsWhatIsReady(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if not self.ready:
            return super().take_tasks(overdue=overdue)
        plan, tasks = BatchPlan.take_tasks(self._replace(stopped=None), overdue=overdue)
        return plan._replace(stopped=self.stopped), tasks


class _KeepsWhatIsReady(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if not (self.stopped and self.ready):
            return super().take_tasks(overdue=overdue)
        ends = [(item, Settled(self.stopped)) for item, _ in self.ready]
        return _taking(self, ends, ready=())


class _GivesBackWhatReturned(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if not (self.stopped and self.returned):
            return super().take_tasks(overdue=overdue)
        steps = [(item, Release(step.owner, self.stopped)) for item, step in self.returned]
        return _taking(self, steps, returned=())


class _ForgetsWhatIsGivenUp(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        return BatchPlan.take_tasks(self._replace(given_up=()), overdue=overdue)


class _RunsAllAtOnce(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if self.stopped or self.has_unclaimed or not self.ready:
            return super().take_tasks(overdue=overdue)
        running = self.running + len(self.ready)
        return self._replace(ready=(), running=running), self.ready


class _TakesOver(Plan):
    takeover = True

    def take_tasks(self, *, overdue: bool = False) -> Turn:
        plan, tasks = super().take_tasks(overdue=overdue)
        return plan, tuple(
            (item, Claim(self.takeover) if isinstance(step, Claim) else step)
            for item, step in tasks
        )


class _NeverTakesOver(_TakesOver):
    takeover = False


class _TakesOverTogether(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        plan, tasks = super().take_tasks(overdue=overdue)
        if not any(isinstance(step, Claim) and step.takeover for _, step in tasks):
            return plan, tasks
        entries = _entries(plan.follow_ups)
        more = [(each.item, Claim(takeover=True)) for each in entries if each.step is None]
        kept = _heap([each for each in entries if each.step is not None])
        plan, more_tasks = _taking(plan, more, follow_ups=kept)
        return plan, (*tasks, *more_tasks)


class _TakesOverInDoubt(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        at_rest = not (self.has_unclaimed or self.ready or self.running or self.stopped)
        if not (at_rest and self.follow_ups and self.follow_ups.top.step is None):
            return super().take_tasks(overdue=overdue)
        item = self.follow_ups.top.item
        return _taking(self, [(item, Claim(takeover=True))], follow_ups=heap.pop(self.follow_ups))


class _TakesOverBesideARun(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        plan, tasks = BatchPlan.take_tasks(self._replace(running=0), overdue=overdue)
        return plan._replace(running=plan.running + self.running), tasks


class _StaleInAnotherOrder(Plan):
    @staticmethod
    def urgency(follow_up: FollowUp[WorkItem]) -> int:
        raise AssertionError(follow_up)

    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if self.follow_ups is None or self.follow_ups.top.step is not None:
            return super().take_tasks(overdue=overdue)
        entries = sorted(_entries(self.follow_ups), key=self.urgency)
        follow_ups = Heap(entries[-1], left=_heap(entries[:-1]))
        return BatchPlan.take_tasks(self._replace(follow_ups=follow_ups), overdue=overdue)


class _WorstFirst(_StaleInAnotherOrder):
    @staticmethod
    def urgency(follow_up: FollowUp[WorkItem]) -> int:
        return follow_up.order[2]


class _LastStageFirst(_StaleInAnotherOrder):
    @staticmethod
    def urgency(follow_up: FollowUp[WorkItem]) -> int:
        return follow_up.order[0]


class _TakesCompany(Plan):
    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        return super().record_finished(done)._replace(would_acknowledge_near_limit=False)


class _ReportsStale(Plan):
    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        in_progress = Settled(Outcome.IN_PROGRESS)
        return super().record_finished(
            (item, step, in_progress if isinstance(end, TakeOverLater) else end)
            for item, step, end in done
        )


class _AcknowledgesTheFlush(Plan):
    def take_completions(self) -> Turn:
        plan, tasks = super().take_completions()
        done = Settled(Outcome.COMPLETED, acknowledged=True)
        return plan, tuple((item, done) for item, _ in tasks)


class _FlushesTwice(Plan):
    def take_completions(self) -> Turn:
        plan, tasks = super().take_completions()
        return plan._replace(returned=self.returned), tasks


class _ForgetsWhatReturned(Plan):
    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        done = tuple(done)
        plan = super().record_finished(done)
        if any(isinstance(following, Complete) for _, _, following in done):
            return plan._replace(returned=plan.returned[-1:])
        return plan


class _WaitsForNoFlight(Plan):
    @property
    def is_underway(self) -> bool:
        return self.running > 0


class _WaitsForNoRun(Plan):
    @property
    def is_underway(self) -> bool:
        return self.asking > 0


class _StartsAnyStage(Plan):
    @property
    def can_start(self) -> bool:
        return bool(self.ready) and not (self.stopped or self.is_full)


class _BlocksNothing(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        return BatchPlan.take_tasks(self._replace(undone=0), overdue=overdue)


class _BlocksNoFollowUp(Plan):
    def _choose_step(self, follow_up: FollowUp[WorkItem]) -> Step | Settled:
        return BatchPlan._choose_step(self._replace(undone=0), follow_up)


class _RunsFollowUpsOfAnyStage(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        in_progress = (
            self.has_unclaimed or self.can_start or self.running or self.returned or self.given_up
        )
        has_step = self.follow_ups is not None and self.follow_ups.top.step is not None
        if in_progress or self.asking or self.stopped or self.follow_ups is None or not has_step:
            return super().take_tasks(overdue=overdue)
        task = (self.follow_ups.top.item, self.follow_ups.top.step)
        return _taking(self, [task], follow_ups=heap.pop(self.follow_ups))


class _StartsWhatIsFull(Plan):
    @property
    def is_full(self) -> bool:
        return False


class _DoesNotCountCompletions(Plan):
    @property
    def is_full(self) -> bool:
        return len(self.returned) >= self.window


class _ClaimsOverWhatReturned(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if not (self.has_unclaimed and self._can_claim() and self.returned) or self.stopped:
            return super().take_tasks(overdue=overdue)
        plan, tasks = BatchPlan.take_tasks(self._replace(returned=()))
        return plan._replace(returned=self.returned), tasks


class _ClaimsOverWhatIsGivenUp(Plan):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        if not (self.has_unclaimed and self._can_claim() and self.given_up) or self.stopped:
            return super().take_tasks(overdue=overdue)
        plan, tasks = BatchPlan.take_tasks(self._replace(given_up=()), overdue=overdue)
        return plan._replace(given_up=self.given_up), tasks


class _ForgetsAtTheBorder(_ClaimsOverWhatIsGivenUp):
    def take_tasks(self, *, overdue: bool = False) -> Turn:
        plan, tasks = super().take_tasks(overdue=overdue)
        if any(isinstance(step, Claim) for _, step in tasks):
            plan = plan._replace(given_up=())
        return plan, tasks


class HasNoBound(_ClaimsOverWhatReturned):
    """The rules of old: all that is claimed runs before the main thread confirms any of it."""

    @property
    def is_full(self) -> bool:
        return False

    def take_tasks(self, *, overdue: bool = False) -> Turn:  # noqa: ARG002
        return super().take_tasks()


class _ClaimsMore(Plan):
    def _take_claims(self) -> Turn:
        plan, tasks = BatchPlan._take_claims(self._replace(window=self.window + 1))
        return plan._replace(window=self.window), tasks


class _ClaimsWhatIsBlocked(Plan):
    def _take_claims(self) -> Turn:
        plan, tasks = BatchPlan._take_claims(self._replace(undone=0))
        return plan._replace(undone=self.undone), tasks


class _ClaimsRepeatedKeys(Plan):
    @classmethod
    def create(cls, items: Iterable[WorkItem], claim: Claim, window: int) -> Plan:
        items = sorted(items, key=lambda item: item.stage)
        return super().create(items, claim, window)._replace(items=tuple(items), follow_ups=None)


class _StopsAtAFailure(Plan):
    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        done = tuple(done)
        failed = any(getattr(end, "outcome", None) is Outcome.FAILED for _, _, end in done)
        plan = BatchPlan.record_finished(self, done)
        return plan.stop(Outcome.NOT_STARTED) if failed else plan


class _BlocksWhatFollowsADone(Plan):
    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        done = tuple(done)
        plan = super().record_finished(done)
        ended = {item.place for item, _, end in done if isinstance(end, Settled)}
        return plan._replace(undone=plan.undone | sum(1 << place for place in ended))


class _DefersAllThatStale(Plan):
    def _choose_step(self, follow_up: FollowUp[WorkItem]) -> Step | Settled:
        if follow_up.step is None:
            return Settled(Outcome.DEFERRED)
        return super()._choose_step(follow_up)


class _TakesOverWhatItParks(Plan):
    def _make_claim(self, *, unseen: bool) -> Claim:
        return replace(self.claim, takeover=unseen)


class _ParksTogether(Plan):
    @property
    def one_at_a_time(self) -> bool:
        return False


class _MiscountsAnswers(Plan):
    def record_finished(self, done: Iterable[FinishedTask[WorkItem]]) -> Plan:
        return super().record_finished(done)._replace(asking=self.asking)


class _HoldsNothingBack(Plan):
    def should_hold_back(self, *_: object) -> bool:
        return False


PLANS: dict[str, type[Plan]] = {
    "a key that is found done passes a failure": _HoldsNothingBack,
    "a stopped batch goes on": _NeverStops,
    "an interruption stops nothing": _IgnoresInterruptions,
    "an unconfirmed completion stops nothing": _IgnoresUnconfirmed,
    "a stopped batch starts what is ready": _StartsWhatIsReady,
    "a stopped batch does not give back what is ready": _KeepsWhatIsReady,
    "a stopped batch gives back what has returned": _GivesBackWhatReturned,
    "what is given up is forgotten": _ForgetsWhatIsGivenUp,
    "all that is ready runs at once": _RunsAllAtOnce,
    "stale records are taken over at once": _TakesOver,
    "stale records are never taken over": _NeverTakesOver,
    "stale records are taken over together": _TakesOverTogether,
    "stale records come before completions are confirmed": _TakesOverInDoubt,
    "stale records come during a run": _TakesOverBesideARun,
    "stale records come most attempts first": _WorstFirst,
    "stale records run with items near their limit": _TakesCompany,
    "stale records are reported": _ReportsStale,
    "a flush acknowledges before its answer": _AcknowledgesTheFlush,
    "completions are handed out twice": _FlushesTwice,
    "only the last completion is kept": _ForgetsWhatReturned,
    "nobody waits for the flight": _WaitsForNoFlight,
    "nobody waits for parallel runs": _WaitsForNoRun,
    "an answer is not counted": _MiscountsAnswers,
    "a group starts in any order": _StartsAnyStage,
    "a failed group goes on": _BlocksNothing,
    "a failed group goes on with what waits": _BlocksNoFollowUp,
    "what waits is claimed before its turn": _RunsFollowUpsOfAnyStage,
    "stale records of a group come last first": _LastStageFirst,
    "a full window starts more": _StartsWhatIsFull,
    "completions in flight are not counted": _DoesNotCountCompletions,
    "the next window is claimed over what has returned": _ClaimsOverWhatReturned,
    "the next window is claimed over what is given up": _ClaimsOverWhatIsGivenUp,
    "what is given up is forgotten at a window's border": _ForgetsAtTheBorder,
    "nothing bounds what has returned": HasNoBound,
    "a window claims more than it may": _ClaimsMore,
    "blocked items of the next window are claimed": _ClaimsWhatIsBlocked,
    "a repeated key is claimed together with its first": _ClaimsRepeatedKeys,
    "a failure stops the batch": _StopsAtAFailure,
    "what follows a done message is blocked": _BlocksWhatFollowsADone,
    "every stale record is deferred": _DefersAllThatStale,
    "park mode takes over": _TakesOverWhatItParks,
    "park mode claims together": _ParksTogether,
}
