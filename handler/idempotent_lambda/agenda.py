"""What of a batch is to be done next: a pure value, so that every order of events can be tried.

Works go through it as their steps do: claims together, then runs in order, then settlements
together, as many as have gathered. What was interrupted before comes singly and last. Works of one
group have different ranks, and no rank is begun before all of the one before is settled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple

from idempotent_lambda import lifecycle
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    Outcome,
    PutOff,
    Release,
    Run,
    Settled,
    Step,
    Wait,
)  # fmt: skip
from idempotent_lambda.messages import Delivery

WINDOW = 200
"""How many are claimed at once, which takes eight calls side by side. A batch may have thousands:
their claims would not fit into the time that a claim may take."""

INTERRUPTIONS_AT_STAKE = 1
"""How many interruptions a key may have behind it and still run beside what is at stake: one can
happen to anybody."""


@dataclass(frozen=True, slots=True)
class Work:
    """One key of the batch and its deliveries: the first leads, the others share its end.

    Attributes:
        nearly_spent: one of the deliveries is on its last receive, or the one before: after
            that the dead-letter queue has it.
        place: its number in the batch.
        rank: more than that of every work before it in one of its groups; 0 without groups.
    """

    key: Key
    deliveries: tuple[Delivery, ...]
    nearly_spent: bool = False
    place: int = 0
    rank: int = 0

    @property
    def groups(self) -> frozenset[str]:
        """The groups whose order its deliveries are part of."""
        return frozenset(each.group for each in self.deliveries if each.group is not None)

    @property
    def redelivered(self) -> bool:
        """Whether the source has handed one of the deliveries out before."""
        return any(delivery.receive_count > 1 for delivery in self.deliveries)

    @property
    def token(self) -> str | None:
        """The owner token that a copy from the dead-letter queue bears, if one of them is one."""
        return next((each.token for each in self.deliveries if each.token), None)


Task = tuple[Work, lifecycle.Step | Settled]
"""A work and its next step; or its end, if nothing is done for it any more."""

Done = tuple[Work, lifecycle.Step | Settled, lifecycle.Step | lifecycle.End]
"""A work, the step that was done, and what follows it."""


class Agenda(NamedTuple):
    """What of a batch is still to be done. Every change makes a new one.

    Attributes:
        waiting: not claimed yet, in the batch's order.
        ready: claimed and not started, in the batch's order.
        returned: run, to be completed.
        given_up: to be released.
        running: how many are being run.
        asking: how many wait for an answer of the table.
        errands: steps that are done one by one once nothing else is to be done.
        lapsed: interrupted before, with their attempts. They come last, fewest attempts first,
            so that one message that kills its process does not take its neighbours along. Of
            equals the last of the batch comes first: what came after a killer never started.
        claim: how claims are made.
        rank: the one that is worked on.
        alone: the batch has a single key, so nothing is gained by looking before a takeover.
        at_stake: a message that this batch will acknowledge, if we live to answer, is nearly
            spent.
        stopped: why nothing more is started; None while work goes on.
    """

    waiting: tuple[Work, ...]
    ready: tuple[tuple[Work, Run], ...] = ()
    returned: tuple[tuple[Work, Complete], ...] = ()
    given_up: tuple[tuple[Work, Release], ...] = ()
    running: int = 0
    asking: int = 0
    errands: tuple[tuple[Work, Step | Settled], ...] = ()
    lapsed: tuple[tuple[int, Work], ...] = ()
    claim: Claim = Claim()
    rank: int = 0
    alone: bool = False
    at_stake: bool = False
    stopped: Outcome | None = None

    @classmethod
    def of(cls, works: Iterable[Work], claim: Claim = Claim()) -> "Agenda":  # noqa: B008  # a value
        """The agenda of a batch of which nothing is done yet."""
        waiting = tuple(sorted(works, key=lambda work: work.rank))
        return cls(waiting, claim=claim, alone=len(waiting) == 1)

    @property
    def singly(self) -> bool:
        """Whether each is claimed just before it starts.

        What is claimed and never started must not look interrupted where that takes a person; and
        where nothing is coalesced equal keys must not meet in one call.
        """
        return self.claim.parks or self.claim.observes

    @property
    def startable(self) -> bool:
        """Whether something can be run now."""
        return bool(self.ready) and self.ready[0][0].rank == self.rank and not self.stopped

    @property
    def helpable(self) -> bool:
        """Whether another thread would find something to start."""
        claimable = self.singly and self.waiting and not (self.ready or self._early())
        return self.startable or bool(claimable and not self.stopped)

    @property
    def underway(self) -> bool:
        """Whether somebody is at work, so that more may come."""
        return self.running + self.asking > 0

    def next(self) -> tuple["Agenda", tuple[Task, ...]]:  # noqa: C901, PLR0911  # one per place
        """The tasks to be done now, together, and the agenda that knows of it.

        No tasks: if the agenda is underway, those come first; otherwise this is the end.
        """
        if self.waiting and (self.stopped or not (self.ready or self._early())):
            first = (
                Settled(self.stopped)
                if self.stopped
                else self._claim(alone=self.alone or self.claim.observes)
            )
            most = 1 if self.singly else WINDOW
            window, rest = self.waiting[:most], self.waiting[most:]
            asking = self.asking + len(window)
            return self._replace(waiting=rest, asking=asking), tuple(
                (work, first) for work in window
            )
        if self.stopped and self.ready:
            return self.giving_back(self.ready, self.stopped).next()
        if self.startable:
            return self._replace(ready=self.ready[1:], running=self.running + 1), self.ready[:1]
        if self.running:
            return self, ()
        if self.returned:
            return self.flush()
        if self.given_up:
            asking = self.asking + len(self.given_up)
            return self._replace(given_up=(), asking=asking), self.given_up
        if self.asking:
            return self, ()
        one = self._replace(asking=1)
        if self.errands and (self.stopped or self.errands[0][0].rank <= self.rank):
            (work, step), *_ = self.errands
            if self.stopped and isinstance(step, Claim | Wait):
                step = Settled(self.stopped)
            return one._replace(errands=self.errands[1:]), ((work, step),)
        if self.lapsed and (self.stopped or self.lapsed[0][1].rank == self.rank):
            (attempts, work), *_ = self.lapsed
            last: Claim | Settled = self._claim(alone=True)
            if self.stopped:
                last = Settled(self.stopped)
            elif self.at_stake and attempts > INTERRUPTIONS_AT_STAKE:
                last = Settled(Outcome.DEFERRED)
            return one._replace(lapsed=self.lapsed[1:]), ((work, last),)
        left = [work.rank for work, _ in (*self.ready[:1], *self.errands[:1])]
        left += [work.rank for work in (*self.waiting[:1], *(work for _, work in self.lapsed[:1]))]
        return self._replace(rank=min(left)).next() if left else (self, ())

    def _early(self) -> bool:
        """Whether the next claim must wait for its rank, because it must start at once."""
        return self.singly and self.waiting[0].rank != self.rank

    def _claim(self, *, alone: bool) -> Claim:
        return replace(self.claim, takeover=alone and not self.claim.parks)

    def giving_back(self, ready: Sequence[tuple[Work, Run]], outcome: Outcome) -> "Agenda":
        """The agenda when these are not started; the others stay ready."""
        works = {work.place for work, _ in ready}
        unstarted = tuple((work, Release(run.claim.owner, outcome)) for work, run in ready)
        kept = tuple(each for each in self.ready if each[0].place not in works)
        return self._replace(ready=kept, given_up=(*self.given_up, *unstarted))

    def blocking(self, failed: dict[str, int]) -> "Agenda":
        """The agenda when groups have failed at a rank: what is behind that is not started."""

        def follows(work: Work) -> bool:
            return any(work.rank > failed.get(of, work.rank) for of in work.groups)

        unstarted = [*self.waiting, *(work for _, work in self.lapsed)]
        unstarted += [work for work, step in self.errands if isinstance(step, Claim | Wait)]
        blocked = {work.place: work for work in unstarted if follows(work)}
        errands = [each for each in self.errands if each[0].place not in blocked]
        errands += [(work, Settled(Outcome.BLOCKED)) for work in blocked.values()]
        return self._replace(
            waiting=tuple(work for work in self.waiting if not follows(work)),
            lapsed=tuple(each for each in self.lapsed if not follows(each[1])),
            errands=tuple(sorted(errands, key=_rank)),
        ).giving_back([each for each in self.ready if follows(each[0])], Outcome.BLOCKED)

    def flush(self) -> tuple["Agenda", tuple[Task, ...]]:
        """The completions that have gathered, and the agenda that knows of it.

        May be done while something runs: a crash of the run then puts fewer effects in doubt.
        """
        asking = self.asking + len(self.returned)
        return self._replace(returned=(), asking=asking), self.returned

    def after(self, done: Iterable[Done]) -> "Agenda":
        """The agenda once tasks are done: where each work stands in what follows."""
        running, asking, at_stake, stopped = self.running, self.asking, self.at_stake, self.stopped
        moved: dict[type, list[Any]] = {Run: [], Complete: [], Release: [], PutOff: []}
        errands: list[tuple[Work, Any]] = []
        failed: dict[str, int] = {}
        for work, step, following in done:
            if isinstance(step, Run):
                running -= 1
            else:
                asking -= 1
            if isinstance(following, PutOff):
                moved[PutOff].append((following.attempts, work))
            elif not isinstance(following, Settled):
                moved.get(type(following), errands).append((work, following))
            else:
                if following.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
                    stopped = stopped or Outcome.NOT_STARTED
                at_stake |= following.acknowledged and work.nearly_spent
                if work.rank and not following.acknowledged:
                    failed |= {of: min(work.rank, failed.get(of, work.rank)) for of in work.groups}
        seldom: dict[str, Any] = {}
        if errands:
            seldom["errands"] = tuple(sorted((*self.errands, *errands), key=_rank))
        if moved[PutOff]:
            lapsed = sorted((*reversed(moved[PutOff]), *self.lapsed), key=itemgetter(0))
            seldom["lapsed"] = tuple(sorted(lapsed, key=lambda each: each[1].rank))
        agenda = self._replace(
            ready=(*moved[Run], *self.ready),
            returned=(*self.returned, *moved[Complete]),
            given_up=(*self.given_up, *moved[Release]),
            running=running,
            asking=asking,
            at_stake=at_stake,
            stopped=stopped,
            **seldom,
        )
        return agenda.blocking(failed) if failed else agenda

    def stopping(self, outcome: Outcome) -> "Agenda":
        """The agenda when nothing more is to be started; ``outcome`` says why."""
        return self if self.stopped else self._replace(stopped=outcome)


def _rank(task: tuple[Work, Any]) -> int:
    return task[0].rank
