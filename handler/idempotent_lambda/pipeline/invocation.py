"""One invocation: its tasks are taken and done here, and what follows is recorded.

The main thread does the tasks of the plan. While it runs a processor, the flusher confirms
completions. If the concurrency is above 1, workers run processors too. All threads call
`Invocation.do_tasks`.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import NO_TIME
from idempotent_lambda.pipeline.asking import STORE_STEPS
from idempotent_lambda.pipeline.performer import Performer, Replies, Tasks
from idempotent_lambda.pipeline.reports import Reports
from idempotent_lambda.pipeline.resources import Resources
from idempotent_lambda.pipeline.shared_plan import SharedPlan
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.pipeline.workers import Flusher, Workers
from idempotent_lambda.protocol import lifecycle
from idempotent_lambda.protocol.claims import PARALLEL_CALLS
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import WINDOW, FinishedTask
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    End,
    Release,
    Reply,
    Run,
    Settled,
    Step,
    Unanswered,
)
from idempotent_lambda.queues import HeldDelivery
from idempotent_lambda.sources.delivery import Delivery

FAST_PROCESSOR_MILLIS = Millis(1)
"""The flusher does not start until a processor of this process takes longer than this, or a
completion waits longer than `MAX_LINGER_MILLIS`; see `workers`."""

_SHARING_STEPS = (Claim, Complete, Release)
"""The steps that share one round trip with many others."""

FinishedTasks = list[FinishedTask[WorkItem]]


class Invocation:
    """Carries out the plan of one batch."""

    def __init__(
        self,
        resources: Resources,
        items: Sequence[WorkItem],
        deadline: Deadline,
        request_id: str,
    ) -> None:
        settings = resources.settings
        self._resources = resources
        self._clock = resources.clock
        wait_for_lease = bool(items) and not items[0].deliveries[0].redelivers_by_itself
        plan = BatchPlan.create(
            items,
            settings.claim(wait_for_lease=wait_for_lease),
            max_completions=_max_completions(resources),
        )
        self._shared = SharedPlan(plan, deadline, settings.minimum_remaining)
        self._reports = Reports(items, resources.observer, request_id)
        self._performer = Performer(resources, self._shared, self._reports)
        self._flusher = Flusher(
            self._shared,
            resources.threads,
            resources.saw_slow_processor,
            self._start_thread,
            self.do_tasks,
        )
        self._workers = Workers(
            self._shared, settings.concurrency - 1, self._start_thread, self.do_tasks
        )
        self._runs: list[tuple[Millis, Millis]] = []
        self.store_times: list[Millis] = []

    @property
    def in_progress(self) -> list[HeldDelivery]:
        """Each delivery whose key another owner holds, with the end of that owner's lease."""
        return self._reports.in_progress

    def wait_for_tasks(self) -> Tasks:
        """Wait for tasks for the main thread and take them; return none at the end.

        Raises:
            BaseException: another thread raised this error.
        """
        shared = self._shared
        with shared.lock:
            while True:
                tasks = shared.take_tasks()
                if shared.failure and not (tasks or self._workers.active):
                    raise shared.failure
                if tasks or not shared.plan.is_underway:
                    self._workers.spawn_worker()
                    return tasks
                if not shared.wait_for_change():
                    return ()

    def do_tasks(self, tasks: Tasks) -> None:
        """Do tasks together and record what follows, unless the invocation is over by then."""
        began = self._clock.monotonic()
        tasks, replies = self._performer.perform(tasks)
        spent = Millis(self._clock.monotonic() - began)
        first = tasks[0][1]
        if spent > FAST_PROCESSOR_MILLIS and isinstance(first, Run):
            self._resources.saw_slow_processor.set()
        with self._shared.lock:
            if self._shared.closed:
                return
            self._record(tasks, replies, began, spent)
            if isinstance(first, Run):
                self._runs.append((began, Millis(began + spent)))
            elif isinstance(first, STORE_STEPS):
                self.store_times.append(spent)

    def close(self) -> None:
        """End the invocation: whatever other threads still do no longer counts."""
        shared = self._shared
        with shared.lock:
            shared.closed = True
            shared.changed.notify_all()
            self._flusher.end_poll()
            # They hold methods of this object. Without the cycle the batch is freed at once.
            del self._flusher, self._workers

    def report_unfinished(self) -> None:
        """Report the items that have no end when the invocation must answer."""
        self._reports.report_unfinished()

    def find_failed(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Return the deliveries that are not acknowledged: not proven completed or parked."""
        return self._reports.find_failed(deliveries)

    def measure_runs(self) -> Millis:
        """Return how long at least one processor ran."""
        return measure_covered(self._runs)

    def _record(self, tasks: Tasks, replies: Replies, began: Millis, spent: Millis) -> None:
        """Report the items that have ended, update the plan, and start useful threads."""
        shared, first = self._shared, tasks[0][1]
        asked = isinstance(first, STORE_STEPS)
        silent = asked and all(isinstance(reply, Unanswered) for reply in replies)
        finished: FinishedTasks = []
        for (item, step), reply in zip(tasks, replies, strict=True):
            following = self._advance(item, step, reply, spent, silent=silent)
            if isinstance(following, Complete):
                shared.due[item.place] = Millis(began + spent)
            if isinstance(step, Complete):
                del shared.sent[item.place]
            finished.append((item, step, following))
            early = item.after and shared.plan.should_hold_back(item, step, following)
            if isinstance(following, Settled) and not early:
                self._reports.report(item, following)
        if asked:
            shared.note_answer(spent, silent=silent)
            answered = not any(isinstance(reply, Unanswered) for reply in replies)
            if answered and isinstance(first, _SHARING_STEPS):
                shared.note_round_trip(spent)
        shared.plan = shared.plan.record_finished(finished)
        self._start_threads(first)

    def _advance(
        self,
        item: WorkItem,
        step: Step | Settled,
        reply: Reply | None,
        spent: Millis,
        *,
        silent: bool,
    ) -> Step | End:
        """Return what follows a step, and note the reply in the item's history."""
        if isinstance(step, Settled) or reply is None:
            self._reports.replace_item(item)
            return step
        self._reports.histories[item.place].note(step, reply, spent)
        following = lifecycle.advance(step, reply)
        if isinstance(reply, Unanswered) and not silent and isinstance(step, Claim):
            # Other requests may have used up the time of the call.
            return step if reply.error.code == NO_TIME else following
        return following

    def _start_threads(self, step: Step | Settled) -> None:
        """Start the threads that are useful after this step, and wake waiting threads."""
        self._flusher.start_if_useful()
        if isinstance(step, (Complete, Release)):
            self._workers.spawn_worker()  # one may have left while too much was unconfirmed
        if not isinstance(step, Run) or self._resources.settings.concurrency > 1:
            self._shared.changed.notify_all()

    def _start_thread(self, work: Callable[[], None]) -> None:
        """Run work in another thread; the main thread raises its errors.

        If no thread can be started, the main thread does all the work.
        """
        # The processor may rely on context variables that were set around the handler.
        with suppress(RuntimeError):
            job = self._resources.threads.start(partial(copy_context().run, work))
            job.add_done_callback(self._note_failure)

    def _note_failure(self, job: Future[None]) -> None:
        shared = self._shared
        with shared.lock:
            shared.failure = shared.failure or job.exception()
            shared.changed.notify_all()


def _max_completions(resources: Resources) -> int:
    """Return how many completions go into one call to the store, or into parallel calls."""
    # A store that makes only single-record calls says so; some stores lack the attribute.
    can_share = getattr(resources.store, "together", True)
    return WINDOW if can_share and not resources.transactional else PARALLEL_CALLS


def measure_covered(spans: Iterable[tuple[Millis, Millis]]) -> Millis:
    """Return the total time that spans cover; each span is a begin and an end."""
    total = reached = 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return Millis(total)
