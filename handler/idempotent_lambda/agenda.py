"""What of a batch is to be done next: a pure value, so that every order of events can be tried.

Works go through it as their steps do: claims together, a window at a time; then runs in order; then
settlements together, as many as have gathered. What was interrupted before comes singly and last.
Works of one group have different ranks, and no rank is begun before all of the one before is
settled. What a step costs does not depend on the size of the batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from idempotent_lambda import heap, lifecycle
from idempotent_lambda.errors import MessageError
from idempotent_lambda.heap import Heap
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    End,
    Outcome,
    PutOff,
    Release,
    Run,
    Settled,
    Step,
    Wait,
)  # fmt: skip
from idempotent_lambda.sources.delivery import Delivery

WINDOW = 200
"""How many are claimed at once, which takes eight calls side by side; and how many may have
returned without a confirmed completion. A batch may have thousands: their claims would not fit into
the time that a claim may take, and a crash would repeat them all."""

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
        rank: more than that of the work before it in its group; 0 without groups.
        after: the places of the works that it follows: the one before it in its group, and the one
            whose key it repeats. If one of them is not acknowledged, this one must not start.
        repeats: an earlier work has the same key, so this one is claimed when that one is settled.
        own_key: of a redriven copy whose ``key`` is only what it states: the key that it has as any
            message, or why it has none. None for all others.
        differing: the positions of the deliveries whose bodies differ from that of the first.
    """

    key: Key
    deliveries: tuple[Delivery, ...]
    nearly_spent: bool = False
    place: int = 0
    rank: int = 0
    after: tuple[int, ...] = ()
    repeats: bool = False
    own_key: Key | MessageError | None = None
    differing: frozenset[int] = frozenset()

    @property
    def redelivered(self) -> bool:
        """Whether the source has handed one of the deliveries out before."""
        return any(delivery.receive_count > 1 for delivery in self.deliveries)

    @property
    def token(self) -> str | None:
        """The owner token that a copy from the dead-letter queue carries, if one of them is one."""
        return next((each.token for each in self.deliveries if each.token), None)


Task = tuple[Work, lifecycle.Step | Settled]
"""A work and its next step; or its end, if nothing is done for it any more."""

Done = tuple[Work, lifecycle.Step | Settled, lifecycle.Step | lifecycle.End]
"""A work, the step that was done, and what follows it."""

Order = tuple[int, int, int, int]
"""When something is done that is left for later: by rank; then errands by place, before lapsed
works, of which those with fewest attempts come first. Of equals the last of the batch comes first:
what came after a killer never started."""


class Decision(StrEnum):
    """How a thread goes on that has nothing in hand."""

    GO = "it asks for tasks"
    FLUSH = "it asks for tasks, of which the completions come first"
    WAIT = "it waits for the completions in flight, but not for long"


class Later(NamedTuple):
    """A work that is done by itself, once nothing else of its rank is to be done.

    Attributes:
        step: its next step, or its end; None for a lapsed one, which is claimed by a takeover.
        attempts: how often a lapsed one has been claimed.
    """

    order: Order
    work: Work
    step: Step | Settled | None
    attempts: int = 0


class Agenda(NamedTuple):
    """What of a batch is still to be done. Every change makes a new one.

    Attributes:
        works: those that are claimed together, by rank; the first ``taken`` of them have been.
        ready: claimed and not started, in the batch's order.
        returned: run, to be completed.
        given_up: to be released.
        running: how many are being run.
        asking: how many wait for an answer of the table.
        completing: how many of these wait for the answer to their completion.
        later: works that are done one by one once nothing else is to be done, see `Later`.
        acknowledged: a bit for the place of each work that is acknowledged.
        undone: the same for those that are not, or will not be.
        claim: how claims are made.
        rank: the one that is worked on.
        alone: the batch has a single key, so nothing is gained by looking before a takeover.
        at_stake: a message that this batch will acknowledge, if we live to answer, is nearly
            spent.
        stopped: why nothing more is started; None while work goes on.
        window: see `WINDOW`; the simulation has a smaller one.
        together: how many completions are sent at once, so that their answers do not wait for
            each other.
    """

    works: tuple[Work, ...]
    taken: int = 0
    ready: tuple[tuple[Work, Run], ...] = ()
    returned: tuple[tuple[Work, Complete], ...] = ()
    given_up: tuple[tuple[Work, Release], ...] = ()
    running: int = 0
    asking: int = 0
    completing: int = 0
    later: Heap | None = None
    acknowledged: int = 0
    undone: int = 0
    claim: Claim = Claim()
    rank: int = 0
    alone: bool = False
    at_stake: bool = False
    stopped: Outcome | None = None
    window: int = WINDOW
    together: int = WINDOW

    @classmethod
    def of(
        cls,
        works: Iterable[Work],
        claim: Claim = Claim(),  # noqa: B008  # a value
        window: int = WINDOW,
        together: int = WINDOW,
    ) -> "Agenda":
        """The agenda of a batch of which nothing is done yet."""
        by_rank = sorted(works, key=lambda work: work.rank)
        later, alone = None, len(by_rank) == 1
        for work in by_rank:
            if work.repeats:
                takeover = alone and not claim.park_interrupted
                later = heap.push(later, _errand(work, replace(claim, takeover=takeover)))
        first = tuple(work for work in by_rank if not work.repeats)
        return cls(first, later=later, claim=claim, alone=alone, window=window, together=together)

    @property
    def waiting(self) -> bool:
        """Whether some are not claimed yet."""
        return self.taken < len(self.works)

    @property
    def singly(self) -> bool:
        """Whether each is claimed just before it starts.

        What is claimed and never started must not look interrupted where that takes a person; and
        where nothing is coalesced equal keys must not meet in one call.
        """
        return self.claim.park_interrupted or self.claim.observe_only

    @property
    def full(self) -> bool:
        """Whether as much has returned without a confirmed completion as may be lost to a crash."""
        return len(self.returned) + self.completing >= self.window

    @property
    def startable(self) -> bool:
        """Whether something can be run now."""
        at_turn = bool(self.ready) and self.ready[0][0].rank == self.rank
        return at_turn and not (self.stopped or self.full)

    @property
    def helpable(self) -> bool:
        """Whether another thread would find something to do, so that more is started."""
        if self.stopped:
            return False
        if self.full:
            return bool(self.returned and not self.completing and (self.ready or self.waiting))
        return self.startable or self._claimable()

    @property
    def held_up(self) -> bool:
        """Whether only the answers to completions in flight allow more to be started."""
        return bool(self.full and self.completing and not self.stopped)

    @property
    def underway(self) -> bool:
        """Whether somebody is at work, so that more may come."""
        return self.running + self.asking > 0

    def next(self, *, overdue: bool = False) -> tuple["Agenda", tuple[Task, ...]]:  # noqa: C901, PLR0911  # one per place
        """The tasks to be done now, together, and the agenda that knows of it.

        No tasks: if the agenda is underway, those come first; otherwise this is the end.

        Args:
            overdue: what has returned has waited long enough; it comes before anything else.
        """
        claimable = self._claimable()
        # Before the next window is claimed, all of the one before is settled or on its way.
        border = claimable and not (self.singly or self.stopped)
        if self.returned and not self.completing and (overdue or border or self.full):
            return self.flush()
        if self.given_up and (border or len(self.given_up) >= self.window) and not self.stopped:
            return self._release()
        if self.waiting and (self.stopped or claimable) and not self.held_up:
            agenda, tasks = self._take()
            return (agenda, tasks) if tasks else agenda.next()
        if self.ready and (self.stopped or _is_blocked(self.ready[0][0], self.undone)):
            return self._give_back().next()
        if self.startable:
            return self._replace(ready=self.ready[1:], running=self.running + 1), self.ready[:1]
        if self.running or (self.held_up and (self.ready or self.waiting)):
            return self, ()
        if self.returned:
            return self.flush()
        if self.given_up:
            return self._release()
        if self.asking:
            return self, ()
        if self.later and (self.stopped or self.later.top.order[0] <= self.rank):
            task = (self.later.top.work, self._decide(self.later.top))
            return self._replace(later=heap.pop(self.later), asking=self.asking + 1), (task,)
        left = [self.ready[0][0].rank] if self.ready else []
        left += [self.works[self.taken].rank] if self.waiting else []
        left += [self.later.top.order[0]] if self.later else []
        return self._replace(rank=min(left)).next() if left else (self, ())

    def _claimable(self) -> bool:
        """Whether the next claims may be made: singly only at their rank, as they start at once."""
        if self.ready or not self.waiting:
            return False
        if self.singly:
            return self.works[self.taken].rank == self.rank
        return self.asking == self.completing  # no other thread is claiming a window

    def _take(self) -> tuple["Agenda", tuple[Task, ...]]:
        """The claims of the next window, without what is blocked by now; their ends, if stopped."""
        taken, undone, later = self.taken, self.undone, self.later
        most = 1 if self.singly and not self.stopped else self.window
        window: list[Work] = []
        while taken < len(self.works) and len(window) < most:
            work = self.works[taken]
            if self.singly and work.rank != self.rank and not self.stopped:
                break
            taken += 1
            if not self.stopped and _is_blocked(work, undone):
                undone |= 1 << work.place
                later = heap.push(later, _errand(work, Settled(Outcome.BLOCKED)))
            else:
                window.append(work)
        first = (
            Settled(self.stopped)
            if self.stopped
            else self._claim(alone=self.alone or self.claim.observe_only)
        )
        asking = self.asking + len(window)
        agenda = self._replace(taken=taken, undone=undone, later=later, asking=asking)
        return agenda, tuple((work, first) for work in window)

    def _claim(self, *, alone: bool) -> Claim:
        return replace(self.claim, takeover=alone and not self.claim.park_interrupted)

    def _decide(self, later: Later) -> Step | Settled:
        """What is done with a work that was left for later."""
        step, unstarted = later.step, later.step is None or isinstance(later.step, Claim | Wait)
        ends_well = isinstance(step, Settled) and step.acknowledged
        if (unstarted or ends_well) and _is_blocked(later.work, self.undone):
            return Settled(Outcome.BLOCKED)
        if unstarted and self.stopped:
            return Settled(self.stopped)
        if step is not None:
            return step
        if self.at_stake and later.attempts > INTERRUPTIONS_AT_STAKE:
            return Settled(Outcome.DEFERRED)
        return self._claim(alone=True)

    def _give_back(self) -> "Agenda":
        """The agenda when what is ready and blocked is not started; nothing is, if stopped."""
        undone, kept = self.undone, []
        unstarted: list[tuple[Work, Release]] = []
        for work, run in self.ready:
            blocked = _is_blocked(work, undone)
            if not (blocked or self.stopped):
                kept.append((work, run))
                continue
            undone |= blocked << work.place
            why = Outcome.BLOCKED if blocked else self.stopped or Outcome.NOT_STARTED
            unstarted.append((work, Release(run.claim.owner, why)))
        given_up = (*self.given_up, *unstarted)
        return self._replace(ready=tuple(kept), given_up=given_up, undone=undone)

    def _release(self) -> tuple["Agenda", tuple[Task, ...]]:
        """The releases that have gathered, and the agenda that knows of it."""
        agenda = self._give_back()  # what is blocked by now goes with them
        asking = agenda.asking + len(agenda.given_up)
        return agenda._replace(given_up=(), asking=asking), agenda.given_up

    def flush(self) -> tuple["Agenda", tuple[Task, ...]]:
        """The completions that have gathered, and the agenda that knows of it.

        May be done while something runs: a crash of the run then puts fewer effects in doubt.
        """
        sent, rest = self.returned[: self.together], self.returned[self.together :]
        agenda = self._replace(
            returned=rest, asking=self.asking + len(sent), completing=self.completing + len(sent)
        )
        return agenda, sent

    def after(self, done: Iterable[Done]) -> "Agenda":
        """The agenda once tasks are done: where each work belongs in what follows."""
        running, asking, completing = self.running, self.asking, self.completing
        acknowledged, undone = self.acknowledged, self.undone
        at_stake, stopped, later = self.at_stake, self.stopped, self.later
        moved: dict[type, list[Any]] = {Run: [], Complete: [], Release: []}
        for work, step, following in done:
            if isinstance(step, Run):
                running -= 1
            else:
                asking -= 1
                completing -= isinstance(step, Complete)
            if type(following) in moved:
                moved[type(following)].append((work, following))
                if isinstance(following, Release):
                    undone |= 1 << work.place
            elif isinstance(following, PutOff):
                attempts = following.attempts
                order = (work.rank, 1, attempts, -work.place)
                later = heap.push(later, Later(order, work, None, attempts))
            elif not isinstance(following, Settled) or (
                work.after and self.holds_back(work, step, following)
            ):
                later = heap.push(later, _errand(work, following))
            elif following.acknowledged:
                at_stake |= work.nearly_spent
                acknowledged |= 1 << work.place
            else:
                undone |= 1 << work.place
                if following.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
                    stopped = stopped or Outcome.NOT_STARTED
        return self._replace(
            ready=(*moved[Run], *self.ready),
            returned=(*self.returned, *moved[Complete]),
            given_up=(*self.given_up, *moved[Release]),
            running=running,
            asking=asking,
            completing=completing,
            later=later,
            acknowledged=acknowledged,
            undone=undone,
            at_stake=at_stake,
            stopped=stopped,
        )

    def holds_back(self, work: Work, step: Step | Settled, following: Step | End) -> bool:
        """Whether a work that would be acknowledged waits for what it follows.

        A claim may find a key done before what precedes it in its group has run. If that fails, the
        work is reported with the rest of its group.
        """
        if isinstance(step, Settled):
            return False
        ends_well = isinstance(following, Settled) and following.acknowledged
        return ends_well and not all(self.acknowledged >> place & 1 for place in work.after)

    def decide(
        self, *, overdue: bool, late: bool, in_time: bool = True, patient: bool = True
    ) -> tuple["Agenda", Decision]:
        """How a thread goes on, and the agenda, which is stopped if that must be.

        Args:
            overdue: a completion has waited for too long to be sent.
            late: a completion in flight has waited for too long for its answer.
            in_time: there is time to start something.
            patient: the table may be asked for more claims.
        """
        agenda = self
        if not (patient or self.ready or self.claim.observe_only):
            agenda = self.stopping(Outcome.UNAVAILABLE)
        elif not in_time:
            agenda = self.stopping(Outcome.NOT_STARTED)
        if late and not (agenda.stopped or agenda.claim.observe_only):
            return agenda, Decision.WAIT
        return agenda, Decision.FLUSH if overdue else Decision.GO

    def stopping(self, outcome: Outcome) -> "Agenda":
        """The agenda when nothing more is to be started; ``outcome`` says why."""
        return self if self.stopped else self._replace(stopped=outcome)


def _errand(work: Work, step: Step | Settled) -> Later:
    return Later((work.rank, 0, work.place, 0), work, step)


def _is_blocked(work: Work, undone: int) -> bool:
    """Whether a work that it follows is not, or will not be, acknowledged."""
    return any(undone >> place & 1 for place in work.after) if work.after else False
