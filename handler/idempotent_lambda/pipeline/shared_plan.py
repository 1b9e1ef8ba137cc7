"""The batch plan that the threads of one invocation share, and when it must be stopped.

Whoever reads or changes it holds its lock. Nobody holds the lock during a call to the table, to a
queue or to the processor.
"""

import threading
from collections.abc import Mapping

from idempotent_lambda.clock import REQUEST_MILLIS, Deadline, Millis
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_entries import Decision, Task
from idempotent_lambda.protocol.steps import Complete, Outcome

STORE_BUDGET_MILLIS = Millis(3400)
"""How much of an invocation may be lost to a table that does not answer. Then the rest of the
batch is reported at once: with a last release, a dead table costs less than five seconds."""

UNCONFIRMED_MILLIS = Millis(1000)
"""How long a completion may take before nothing new is started: until it is confirmed, a crash
would repeat its side effect."""

MAX_LINGER_MILLIS = Millis(100)
"""How long a completion waits for others to share its round trip, at most."""

ANSWER_MILLIS = Millis(100)
"""Kept free to answer when a completion still has not been answered."""


class SharedPlan:
    """A plan, its lock, and what the threads must know of each other.

    Attributes:
        plan: what is still to be done. Every method is called by a thread that holds the lock.
        changed: notified when there may be something to do for a thread that waits.
        deadline: when the invocation ends.
        closed: the invocation is over, so nothing that a thread still does counts.
        failure: what another thread has raised, which fails the invocation.
        store_budget: how much more of the invocation may be lost to a silent table.
        linger: how long a completion waits for others: as long as the fastest call has taken.
        due: since when each completion is to be sent, by place; the oldest first.
        sent: since when each completion is in flight, by place; the oldest first.
    """

    def __init__(
        self, plan: BatchPlan[WorkItem], deadline: Deadline, minimum_remaining: Millis
    ) -> None:
        self.plan = plan
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.deadline = deadline
        self.closed = False
        self.failure: BaseException | None = None
        self.store_budget = STORE_BUDGET_MILLIS
        self.linger = MAX_LINGER_MILLIS
        self.due: dict[int, Millis] = {}
        self.sent: dict[int, Millis] = {}
        self._clock = deadline.clock
        self._minimum_remaining = minimum_remaining

    def take_tasks(self) -> tuple[Task[WorkItem], ...]:
        """Take the next tasks, to be done together; none if nothing is to be done now.

        Waits for at most a second, see `stop_or_wait`.
        """
        decision = self.stop_or_wait()
        self.plan, tasks = self.plan.take_tasks(overdue=decision is Decision.FLUSH)
        self._note_sent(tasks)
        return tasks

    def take_completions(self) -> tuple[Task[WorkItem], ...]:
        """Take the completions that have gathered."""
        self.plan, tasks = self.plan.take_completions()
        self._note_sent(tasks)
        return tasks

    def stop_or_wait(self) -> Decision:
        """Stop the plan if time or the store's budget is used up.

        While a completion in flight is overdue, this waits for its answer, for at most a second. It
        releases the lock meanwhile.
        """
        decision = self._stop_or_decide()
        while decision is Decision.WAIT:
            # A run may keep the flusher from hearing its answer: it gets a second after that.
            was_idle = not self.plan.running
            self._wait_for_flight()
            decision = self._stop_or_decide()
            if decision is Decision.WAIT and was_idle:
                self.plan = self.plan.stop(Outcome.NOT_STARTED)
                return Decision.GO
        return decision

    def wait_for_change(self) -> bool:
        """Wait until another thread has changed the plan; False if the answer must be given now."""
        patience = Millis(self.deadline.remaining() - ANSWER_MILLIS)
        # An answer must not leave a processor behind: Lambda would freeze it, and it would go on
        # when its lease is over.
        must_answer = not self.plan.running and patience <= UNCONFIRMED_MILLIS
        # A completion may become overdue meanwhile, of which nobody would hear.
        pause = Millis(max(0, patience)) if must_answer else UNCONFIRMED_MILLIS
        return self._clock.wait(self.changed, pause) or not must_answer

    def note_answer(self, spent: Millis, *, silent: bool) -> None:
        """Note how long a call to the table took, and whether all of it was left unanswered."""
        # A table that answers a part of a call, or the next one, is not silent.
        self.store_budget = Millis(self.store_budget - spent) if silent else STORE_BUDGET_MILLIS

    def note_round_trip(self, spent: Millis) -> None:
        """Linger no longer than this answered call took."""
        self.linger = Millis(max(1, min(self.linger, spent)))

    def _stop_or_decide(self) -> Decision:
        if self.plan.stopped:
            return Decision.GO
        least = self._minimum_remaining
        needed = least if self.plan.ready else Millis(max(least, REQUEST_MILLIS))
        self.plan, decision = self.plan.decide(
            overdue=self._is_overdue(self.due),
            late=self._is_overdue(self.sent),
            in_time=self.deadline.allows(needed) and not self.failure,
            patient=self.store_budget >= REQUEST_MILLIS,
        )
        return decision

    def _wait_for_flight(self) -> None:
        """Wait for at most a second, until no completion in flight is overdue."""
        until = self._clock.monotonic() + UNCONFIRMED_MILLIS
        while self._is_overdue(self.sent):
            left = Millis(until - self._clock.monotonic())
            if left <= 0 or not self._clock.wait(self.changed, left):
                return

    def _is_overdue(self, completions: Mapping[int, Millis]) -> bool:
        """Whether the oldest of some completions has waited for too long."""
        if not completions:
            return False
        return self._clock.monotonic() - next(iter(completions.values())) > UNCONFIRMED_MILLIS

    def _note_sent(self, tasks: tuple[Task[WorkItem], ...]) -> None:
        """Note since when completions are in flight."""
        if tasks and isinstance(tasks[0][1], Complete):
            now = self._clock.monotonic()
            for item, _ in tasks:
                del self.due[item.place]
                self.sent[item.place] = now
