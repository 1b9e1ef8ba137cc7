"""Agendas that are wrong on purpose: each breaks one rule of the order in which a batch is done."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from idempotent_lambda import heap
from idempotent_lambda.agenda import Agenda, Done, Later, Task, Work
from idempotent_lambda.heap import Heap
from idempotent_lambda.lifecycle import Claim, Complete, Outcome, PutOff, Release, Settled, Step

Turn = tuple[Agenda, tuple[Task, ...]]


def _taking(agenda: Agenda, tasks: Iterable[Task], **taken: Any) -> Turn:
    """The tasks, and the agenda that knows of them and has them no more."""
    tasks = tuple(tasks)
    return agenda._replace(asking=agenda.asking + len(tasks), **taken), tasks


def _entries(later: Heap | None) -> list[Later]:
    """All that a heap holds, the smallest first."""
    entries = []
    while later is not None:
        entries.append(later.top)
        later = heap.pop(later)
    return entries


def _heap(entries: Iterable[Later]) -> Heap | None:
    """The heap of these."""
    later = None
    for entry in entries:
        later = heap.push(later, entry)
    return later


class _NeverStops(Agenda):
    def stopping(self, outcome: Outcome) -> Agenda:  # noqa: ARG002
        return self


class _IgnoresInterruptions(Agenda):
    ignored = Outcome.INTERRUPTED

    def after(self, done: Iterable[Done]) -> Agenda:
        def told(end: Any) -> Any:
            return replace(end, outcome=Outcome.BUSY) if self._is_ignored(end) else end

        return super().after((work, step, told(end)) for work, step, end in done)

    def _is_ignored(self, end: Any) -> bool:
        return isinstance(end, Settled) and end.outcome is self.ignored


class _IgnoresUnconfirmed(_IgnoresInterruptions):
    ignored = Outcome.UNCONFIRMED


class _StartsWhatIsReady(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        if not self.ready:
            return super().next(overdue=overdue)
        agenda, tasks = Agenda.next(self._replace(stopped=None), overdue=overdue)
        return agenda._replace(stopped=self.stopped), tasks


class _KeepsWhatIsReady(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        if not (self.stopped and self.ready):
            return super().next(overdue=overdue)
        ends = [(work, Settled(self.stopped)) for work, _ in self.ready]
        return _taking(self, ends, ready=())


class _GivesBackWhatReturned(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        if not (self.stopped and self.returned):
            return super().next(overdue=overdue)
        steps = [(work, Release(step.owner, self.stopped)) for work, step in self.returned]
        return _taking(self, steps, returned=())


class _ForgetsWhatIsGivenUp(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        return Agenda.next(self._replace(given_up=()), overdue=overdue)


class _RunsAllAtOnce(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        if self.stopped or self.waiting or not self.ready:
            return super().next(overdue=overdue)
        running = self.running + len(self.ready)
        return self._replace(ready=(), running=running), self.ready


class _TakesOver(Agenda):
    takeover = True

    def next(self, *, overdue: bool = False) -> Turn:
        agenda, tasks = super().next(overdue=overdue)
        return agenda, tuple(
            (work, Claim(self.takeover) if isinstance(step, Claim) else step)
            for work, step in tasks
        )


class _NeverTakesOver(_TakesOver):
    takeover = False


class _TakesOverTogether(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        agenda, tasks = super().next(overdue=overdue)
        if not any(isinstance(step, Claim) and step.takeover for _, step in tasks):
            return agenda, tasks
        entries = _entries(agenda.later)
        more = [(each.work, Claim(takeover=True)) for each in entries if each.step is None]
        kept = _heap([each for each in entries if each.step is not None])
        agenda, more_tasks = _taking(agenda, more, later=kept)
        return agenda, (*tasks, *more_tasks)


class _TakesOverInDoubt(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        at_rest = not (self.waiting or self.ready or self.running or self.stopped)
        if not (at_rest and self.later and self.later.top.step is None):
            return super().next(overdue=overdue)
        work = self.later.top.work
        return _taking(self, [(work, Claim(takeover=True))], later=heap.pop(self.later))


class _TakesOverBesideARun(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        agenda, tasks = Agenda.next(self._replace(running=0), overdue=overdue)
        return agenda._replace(running=agenda.running + self.running), tasks


class _LapsedInAnotherOrder(Agenda):
    @staticmethod
    def urgency(later: Later) -> int:
        raise AssertionError(later)

    def next(self, *, overdue: bool = False) -> Turn:
        if self.later is None or self.later.top.step is not None:
            return super().next(overdue=overdue)
        entries = sorted(_entries(self.later), key=self.urgency)
        later = Heap(entries[-1], left=_heap(entries[:-1]))
        return Agenda.next(self._replace(later=later), overdue=overdue)


class _WorstFirst(_LapsedInAnotherOrder):
    @staticmethod
    def urgency(later: Later) -> int:
        return later.order[2]


class _LastRankFirst(_LapsedInAnotherOrder):
    @staticmethod
    def urgency(later: Later) -> int:
        return later.order[0]


class _TakesCompany(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        return super().after(done)._replace(at_stake=False)


class _ReportsLapsed(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        busy = Settled(Outcome.BUSY)
        return super().after(
            (work, step, busy if isinstance(end, PutOff) else end) for work, step, end in done
        )


class _AcknowledgesTheFlush(Agenda):
    def flush(self) -> Turn:
        agenda, tasks = super().flush()
        done = Settled(Outcome.COMPLETED, acknowledged=True)
        return agenda, tuple((work, done) for work, _ in tasks)


class _FlushesTwice(Agenda):
    def flush(self) -> Turn:
        agenda, tasks = super().flush()
        return agenda._replace(returned=self.returned), tasks


class _ForgetsWhatReturned(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        done = tuple(done)
        agenda = super().after(done)
        if any(isinstance(following, Complete) for _, _, following in done):
            return agenda._replace(returned=agenda.returned[-1:])
        return agenda


class _WaitsForNoFlight(Agenda):
    @property
    def underway(self) -> bool:
        return self.running > 0


class _WaitsForNoRun(Agenda):
    @property
    def underway(self) -> bool:
        return self.asking > 0


class _StartsAnyRank(Agenda):
    @property
    def startable(self) -> bool:
        return bool(self.ready) and not (self.stopped or self.full)


class _BlocksNothing(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        return Agenda.next(self._replace(undone=0), overdue=overdue)


class _BlocksNoErrand(Agenda):
    def _decide(self, later: Later) -> Step | Settled:
        return Agenda._decide(self._replace(undone=0), later)


class _RunsErrandsOfAnyRank(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        busy = self.waiting or self.startable or self.running or self.returned or self.given_up
        errand = self.later is not None and self.later.top.step is not None
        if busy or self.asking or self.stopped or self.later is None or not errand:
            return super().next(overdue=overdue)
        task = (self.later.top.work, self.later.top.step)
        return _taking(self, [task], later=heap.pop(self.later))


class _StartsWhatIsFull(Agenda):
    @property
    def full(self) -> bool:
        return False


class _DoesNotCountCompletions(Agenda):
    @property
    def full(self) -> bool:
        return len(self.returned) >= self.window


class _ClaimsOverWhatReturned(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        if not (self.waiting and self._claimable() and self.returned) or self.stopped:
            return super().next(overdue=overdue)
        agenda, tasks = Agenda.next(self._replace(returned=()))
        return agenda._replace(returned=self.returned), tasks


class _ClaimsOverWhatIsGivenUp(Agenda):
    def next(self, *, overdue: bool = False) -> Turn:
        if not (self.waiting and self._claimable() and self.given_up) or self.stopped:
            return super().next(overdue=overdue)
        agenda, tasks = Agenda.next(self._replace(given_up=()), overdue=overdue)
        return agenda._replace(given_up=self.given_up), tasks


class _ForgetsAtTheBorder(_ClaimsOverWhatIsGivenUp):
    def next(self, *, overdue: bool = False) -> Turn:
        agenda, tasks = super().next(overdue=overdue)
        if any(isinstance(step, Claim) for _, step in tasks):
            agenda = agenda._replace(given_up=())
        return agenda, tasks


class HasNoBound(_ClaimsOverWhatReturned):
    """The rules of old: all that is claimed runs before the main thread confirms any of it."""

    @property
    def full(self) -> bool:
        return False

    def next(self, *, overdue: bool = False) -> Turn:  # noqa: ARG002
        return super().next()


class _ClaimsMore(Agenda):
    def _take(self) -> Turn:
        agenda, tasks = Agenda._take(self._replace(window=self.window + 1))
        return agenda._replace(window=self.window), tasks


class _ClaimsWhatIsBlocked(Agenda):
    def _take(self) -> Turn:
        agenda, tasks = Agenda._take(self._replace(undone=0))
        return agenda._replace(undone=self.undone), tasks


class _ClaimsRepeatedKeys(Agenda):
    @classmethod
    def of(cls, works: Iterable[Work], claim: Claim, window: int) -> Agenda:
        works = sorted(works, key=lambda work: work.rank)
        return super().of(works, claim, window)._replace(works=tuple(works), later=None)


class _StopsAtAFailure(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        done = tuple(done)
        failed = any(getattr(end, "outcome", None) is Outcome.FAILED for _, _, end in done)
        agenda = Agenda.after(self, done)
        return agenda.stopping(Outcome.NOT_STARTED) if failed else agenda


class _BlocksWhatFollowsADone(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        done = tuple(done)
        agenda = super().after(done)
        ended = {work.place for work, _, end in done if isinstance(end, Settled)}
        return agenda._replace(undone=agenda.undone | sum(1 << place for place in ended))


class _DefersAllThatLapsed(Agenda):
    def _decide(self, later: Later) -> Step | Settled:
        if later.step is None:
            return Settled(Outcome.DEFERRED)
        return super()._decide(later)


class _TakesOverWhatItParks(Agenda):
    def _claim(self, *, alone: bool) -> Claim:
        return replace(self.claim, takeover=alone)


class _ParksTogether(Agenda):
    @property
    def singly(self) -> bool:
        return False


class _MiscountsAnswers(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        return super().after(done)._replace(asking=self.asking)


class _HoldsNothingBack(Agenda):
    def holds_back(self, *_: object) -> bool:
        return False


AGENDAS: dict[str, type[Agenda]] = {
    "a key that is found done passes a failure": _HoldsNothingBack,
    "a stopped batch goes on": _NeverStops,
    "an interruption stops nothing": _IgnoresInterruptions,
    "an unconfirmed completion stops nothing": _IgnoresUnconfirmed,
    "a stopped batch starts what is ready": _StartsWhatIsReady,
    "a stopped batch does not give back what is ready": _KeepsWhatIsReady,
    "a stopped batch gives back what has returned": _GivesBackWhatReturned,
    "what is given up is forgotten": _ForgetsWhatIsGivenUp,
    "all that is ready runs at once": _RunsAllAtOnce,
    "lapsed records are taken over at once": _TakesOver,
    "lapsed records are never taken over": _NeverTakesOver,
    "lapsed records are taken over together": _TakesOverTogether,
    "lapsed records come before completions are confirmed": _TakesOverInDoubt,
    "lapsed records come beside a run": _TakesOverBesideARun,
    "lapsed records come most attempts first": _WorstFirst,
    "lapsed records run beside what is at stake": _TakesCompany,
    "lapsed records are reported": _ReportsLapsed,
    "a flush acknowledges before its answer": _AcknowledgesTheFlush,
    "completions are handed out twice": _FlushesTwice,
    "only the last completion is kept": _ForgetsWhatReturned,
    "nobody waits for the flight": _WaitsForNoFlight,
    "nobody waits for what runs beside": _WaitsForNoRun,
    "an answer is not counted": _MiscountsAnswers,
    "a group starts in any order": _StartsAnyRank,
    "a failed group goes on": _BlocksNothing,
    "a failed group goes on with what waits": _BlocksNoErrand,
    "what waits is claimed before its turn": _RunsErrandsOfAnyRank,
    "lapsed records of a group come last first": _LastRankFirst,
    "a full window starts more": _StartsWhatIsFull,
    "completions in flight are not counted": _DoesNotCountCompletions,
    "the next window is claimed over what has returned": _ClaimsOverWhatReturned,
    "the next window is claimed over what is given up": _ClaimsOverWhatIsGivenUp,
    "what is given up is forgotten at a window's border": _ForgetsAtTheBorder,
    "nothing bounds what has returned": HasNoBound,
    "a window claims more than it may": _ClaimsMore,
    "blocked works of the next window are claimed": _ClaimsWhatIsBlocked,
    "a repeated key is claimed together with its first": _ClaimsRepeatedKeys,
    "a failure stops the batch": _StopsAtAFailure,
    "what follows a done message is blocked": _BlocksWhatFollowsADone,
    "every lapsed record is deferred": _DefersAllThatLapsed,
    "park mode takes over": _TakesOverWhatItParks,
    "park mode claims together": _ParksTogether,
}
