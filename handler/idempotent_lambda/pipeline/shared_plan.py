"""The batch plan that the threads of one invocation share, and the rules for stopping it.

A thread holds the lock while it reads or changes the plan. No thread holds the lock during a call
to the table, to a queue or to the processor.
"""

import threading
from collections.abc import Mapping

from idempotent_lambda.clock import REQUEST_MILLIS, Deadline, Millis
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import Decision, Task
from idempotent_lambda.protocol.steps import Complete, Outcome

STORE_BUDGET_MILLIS = Millis(3400)
"""The time of an invocation that a table without answers may cost. After that, the rest of the
batch is reported at once: with a last release, a dead table costs less than five seconds."""

UNCONFIRMED_MILLIS = Millis(1000)
"""The time that a completion may take before nothing new starts: until the completion is confirmed,
a crash would repeat its side effect."""

MAX_LINGER_MILLIS = Millis(100)
"""The longest time that a completion waits for others to share its round trip."""

ANSWER_MILLIS = Millis(100)
"""The time kept free for the response if a completion is still unanswered."""


class SharedPlan:
    """A plan, its lock, and the state that threads share. Callers of methods must hold the lock.

    Attributes:
        plan: open work of the batch.
        changed: condition that is notified when a waiting thread may have something to do.
        deadline: end of the invocation.
        closed: whether the invocation is over, so that nothing that a thread still does counts.
        failure: error of another thread, which fails the invocation.
        store_budget: remaining time of the invocation that a silent table may cost.
        linger: time that a completion waits for others: the duration of the fastest call.
        due: time since which each completion waits to be sent, by place; the oldest first.
        sent: time since which each completion is in flight, by place; the oldest first.
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
        """Take the next tasks, to be done together; none if there is nothing to do now.

        This waits for at most a second, see `stop_or_wait`.
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
        """Stop the plan if the time or the store's budget is used up.

        While a completion in flight is overdue, this waits for its answer for at most a second, and
        releases the lock meanwhile.
        """
        decision = self._stop_or_decide()
        while decision is Decision.WAIT:
            # A run may delay the flusher's answer, so the flusher gets a second after the run.
            was_idle = not self.plan.running
            self._wait_for_flight()
            decision = self._stop_or_decide()
            if decision is Decision.WAIT and was_idle:
                self.plan = self.plan.stop(Outcome.NOT_STARTED)
                return Decision.GO
        return decision

    def wait_for_change(self) -> bool:
        """Wait until another thread changes the plan; return False if the response is due now."""
        patience = Millis(self.deadline.remaining() - ANSWER_MILLIS)
        # A response must not leave a running processor: Lambda would freeze it, and the processor
        # would continue after its lease.
        must_answer = not self.plan.running and patience <= UNCONFIRMED_MILLIS
        # Wake in time to notice that a completion has become overdue.
        pause = Millis(max(0, patience)) if must_answer else UNCONFIRMED_MILLIS
        return self._clock.wait(self.changed, pause) or not must_answer

    def note_answer(self, spent: Millis, *, silent: bool) -> None:
        """Note how long a call to the table took, and whether it was left wholly unanswered."""
        # A table that answers part of a call, or the next call, is not silent.
        self.store_budget = Millis(self.store_budget - spent) if silent else STORE_BUDGET_MILLIS

    def note_round_trip(self, spent: Millis) -> None:
        """Limit the linger to the duration of this answered call."""
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
        """Wait for at most a second until no completion in flight is overdue."""
        until = self._clock.monotonic() + UNCONFIRMED_MILLIS
        while self._is_overdue(self.sent):
            left = Millis(until - self._clock.monotonic())
            if left <= 0 or not self._clock.wait(self.changed, left):
                return

    def _is_overdue(self, completions: Mapping[int, Millis]) -> bool:
        """Whether the oldest of some completions has waited too long."""
        if not completions:
            return False
        return self._clock.monotonic() - next(iter(completions.values())) > UNCONFIRMED_MILLIS

    def _note_sent(self, tasks: tuple[Task[WorkItem], ...]) -> None:
        if tasks and isinstance(tasks[0][1], Complete):
            now = self._clock.monotonic()
            for item, _ in tasks:
                del self.due[item.place]
                self.sent[item.place] = now
