"""What of a batch is to be done next: a pure value, so that every order of events can be tried.

Works go through it as their steps do: claims together, then runs in order, then settlements
together, as many as have gathered. What was interrupted before comes singly and last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from idempotent_lambda import lifecycle
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import Claim, Complete, Outcome, PutOff, Release, Run, Settled
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
    """

    key: Key
    deliveries: tuple[Delivery, ...]
    nearly_spent: bool = False

    @property
    def redelivered(self) -> bool:
        """Whether the source has handed one of the deliveries out before."""
        return any(delivery.receive_count > 1 for delivery in self.deliveries)


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
        lapsed: interrupted before, with their attempts. They come last, fewest attempts first,
            so that one message that kills its process does not take its neighbours along. Of
            equals the last of the batch comes first: what came after a killer never started.
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
    lapsed: tuple[tuple[int, Work], ...] = ()
    alone: bool = False
    at_stake: bool = False
    stopped: Outcome | None = None

    @classmethod
    def of(cls, works: tuple[Work, ...]) -> "Agenda":
        """The agenda of a batch of which nothing is done yet."""
        return cls(works, alone=len(works) == 1)

    @property
    def underway(self) -> bool:
        """Whether somebody is at work, so that more may come."""
        return self.running + self.asking > 0

    def next(self) -> tuple["Agenda", tuple[Task, ...]]:  # noqa: PLR0911  # one per place
        """The tasks to be done now, together, and the agenda that knows of it.

        No tasks: if the agenda is underway, those come first; otherwise this is the end.
        """
        if self.waiting and (self.stopped or not self.ready):
            first = Settled(self.stopped) if self.stopped else Claim(takeover=self.alone)
            window, rest = self.waiting[:WINDOW], self.waiting[WINDOW:]
            asking = self.asking + len(window)
            return self._replace(waiting=rest, asking=asking), tuple(
                (work, first) for work in window
            )
        if self.stopped and self.ready:
            unstarted = ((work, Release(run.claim.owner, self.stopped)) for work, run in self.ready)
            return self._replace(ready=(), given_up=(*self.given_up, *unstarted)).next()
        if self.ready:
            return self._replace(ready=self.ready[1:], running=self.running + 1), self.ready[:1]
        if self.running:
            return self, ()
        if self.returned:
            return self.flush()
        if self.given_up:
            asking = self.asking + len(self.given_up)
            return self._replace(given_up=(), asking=asking), self.given_up
        if self.asking or not self.lapsed:
            return self, ()
        (attempts, work), *_ = self.lapsed
        step: Claim | Settled = Claim(takeover=True)
        if self.stopped:
            step = Settled(self.stopped)
        elif self.at_stake and attempts > INTERRUPTIONS_AT_STAKE:
            step = Settled(Outcome.DEFERRED)
        return self._replace(lapsed=self.lapsed[1:], asking=self.asking + 1), ((work, step),)

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
        for work, step, following in done:
            if isinstance(step, Run):
                running -= 1
            else:
                asking -= 1
            if isinstance(following, PutOff):
                moved[PutOff].append((following.attempts, work))
            elif not isinstance(following, Settled):
                moved[type(following)].append((work, following))
            elif following.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
                stopped = stopped or Outcome.NOT_STARTED
            else:
                at_stake |= following.acknowledged and work.nearly_spent
        return self._replace(
            ready=(*self.ready, *moved[Run]),
            returned=(*self.returned, *moved[Complete]),
            given_up=(*self.given_up, *moved[Release]),
            lapsed=tuple(sorted((*reversed(moved[PutOff]), *self.lapsed), key=itemgetter(0))),
            running=running,
            asking=asking,
            at_stake=at_stake,
            stopped=stopped,
        )

    def stopping(self, outcome: Outcome) -> "Agenda":
        """The agenda when nothing more is to be started; ``outcome`` says why."""
        return self if self.stopped else self._replace(stopped=outcome)
