"""Agendas that are wrong on purpose: each breaks one rule of the order in which a batch is done."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from idempotent_lambda.agenda import Agenda, Done, Task
from idempotent_lambda.lifecycle import Claim, Complete, Outcome, PutOff, Release, Settled

Turn = tuple[Agenda, tuple[Task, ...]]


def _taking(agenda: Agenda, tasks: Iterable[Task], **taken: Any) -> Turn:
    """The tasks, and the agenda that knows of them and has them no more."""
    tasks = tuple(tasks)
    return agenda._replace(asking=agenda.asking + len(tasks), **taken), tasks


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
    def next(self) -> Turn:
        if not self.ready:
            return super().next()
        agenda, tasks = Agenda.next(self._replace(stopped=None))
        return agenda._replace(stopped=self.stopped), tasks


class _KeepsWhatIsReady(Agenda):
    def next(self) -> Turn:
        if not (self.stopped and self.ready):
            return super().next()
        ends = [(work, Settled(self.stopped)) for work, _ in self.ready]
        return _taking(self, ends, ready=())


class _GivesBackWhatReturned(Agenda):
    def next(self) -> Turn:
        if not (self.stopped and self.returned):
            return super().next()
        steps = [(work, Release(step.owner, self.stopped)) for work, step in self.returned]
        return _taking(self, steps, returned=())


class _ForgetsWhatIsGivenUp(Agenda):
    def next(self) -> Turn:
        return Agenda.next(self._replace(given_up=()))


class _RunsAllAtOnce(Agenda):
    def next(self) -> Turn:
        if self.stopped or self.waiting or not self.ready:
            return super().next()
        running = self.running + len(self.ready)
        return self._replace(ready=(), running=running), self.ready


class _TakesOver(Agenda):
    takeover = True

    def next(self) -> Turn:
        agenda, tasks = super().next()
        return agenda, tuple(
            (work, Claim(self.takeover) if isinstance(step, Claim) else step)
            for work, step in tasks
        )


class _NeverTakesOver(_TakesOver):
    takeover = False


class _TakesOverTogether(Agenda):
    def next(self) -> Turn:
        agenda, tasks = super().next()
        if not any(isinstance(step, Claim) and step.takeover for _, step in tasks):
            return agenda, tasks
        more = [(work, Claim(takeover=True)) for _, work in agenda.lapsed]
        agenda, more_tasks = _taking(agenda, more, lapsed=())
        return agenda, (*tasks, *more_tasks)


class _TakesOverInDoubt(Agenda):
    def next(self) -> Turn:
        at_rest = not (self.waiting or self.ready or self.running or self.stopped)
        if not at_rest or not self.lapsed:
            return super().next()
        (_, work), *_ = self.lapsed
        return _taking(self, [(work, Claim(takeover=True))], lapsed=self.lapsed[1:])


class _TakesOverBesideARun(Agenda):
    def next(self) -> Turn:
        agenda, tasks = Agenda.next(self._replace(running=0))
        return agenda._replace(running=agenda.running + self.running), tasks


class _WorstFirst(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        agenda = super().after(done)
        return agenda._replace(lapsed=tuple(reversed(agenda.lapsed)))


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
        return bool(self.ready) and not self.stopped


class _BlocksNothing(Agenda):
    def blocking(self, groups: frozenset[str]) -> Agenda:  # noqa: ARG002
        return self


class _BlocksNoErrand(Agenda):
    def blocking(self, groups: frozenset[str]) -> Agenda:
        agenda = super().blocking(groups)
        kept = {work.place for work, _ in self.errands}
        blocked = (each for each in agenda.errands if each[0].place not in kept)
        return agenda._replace(errands=(*self.errands, *blocked))


class _RunsErrandsOfAnyRank(Agenda):
    def next(self) -> Turn:
        busy = self.waiting or self.startable or self.running or self.returned or self.given_up
        if busy or self.asking or self.stopped or not self.errands:
            return super().next()
        return _taking(self, self.errands[:1], errands=self.errands[1:])


class _LastRankFirst(Agenda):
    def after(self, done: Iterable[Done]) -> Agenda:
        agenda = super().after(done)
        return agenda._replace(lapsed=tuple(sorted(agenda.lapsed, key=lambda of: -of[1].rank)))


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


AGENDAS: dict[str, type[Agenda]] = {
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
    "park mode takes over": _TakesOverWhatItParks,
    "park mode claims together": _ParksTogether,
}
