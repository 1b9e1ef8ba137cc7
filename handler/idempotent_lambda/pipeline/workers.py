"""The threads that help the main thread: the workers, which run processors, and the flusher.

There are workers up to the concurrency. The flusher confirms completions while the next processor
runs. It starts once a processor has returned and more work follows. It does not start while all
processors of this process have been fast: starting a thread would be a large part of the cost of a
fast batch, and the main thread confirms a window before it claims the next one. If a run then takes
long after all, a poll that all batches share starts the flusher.
"""

import threading
from collections.abc import Callable

from idempotent_lambda.clock import Clock, Millis
from idempotent_lambda.pipeline.shared_plan import MAX_LINGER_MILLIS, SharedPlan
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.plan_state import Task
from idempotent_lambda.threads import Threads


class Workers:
    """The workers of one invocation.

    Attributes:
        active: number of workers that are running.
    """

    def __init__(
        self,
        shared: SharedPlan,
        limit: int,
        start_thread: Callable[[Callable[[], None]], None],
        do_tasks: Callable[[tuple[Task[WorkItem], ...]], None],
    ) -> None:
        """Create the workers; none is started yet.

        Args:
            shared: plan whose tasks the workers do.
            limit: maximum number of workers at the same time.
            start_thread: function that runs work in another thread.
            do_tasks: function that does tasks together and records what follows.
        """
        self.active = 0
        self._shared = shared
        self._limit = limit
        self._start_thread = start_thread
        self._do_tasks = do_tasks
        self._spawned = 0

    def spawn_worker(self) -> None:
        """Start one more worker if there is work for it. The caller must hold the lock."""
        if self._spawned < self._limit and self._shared.plan.has_runnable:
            self._spawned += 1
            self._start_thread(self._work)

    def _work(self) -> None:
        with self._shared.lock:
            self.active += 1
        try:
            while tasks := self._take_tasks():
                self._do_tasks(tasks)
        finally:
            with self._shared.lock:
                self.active -= 1
                self._spawned -= 1

    def _take_tasks(self) -> tuple[Task[WorkItem], ...]:
        shared = self._shared
        with shared.lock:
            shared.stop_or_wait()
            if shared.closed or not shared.plan.has_runnable:
                return ()
            tasks = shared.take_tasks()
            self.spawn_worker()
            return tasks


class Flusher:
    """Confirms the completions of one invocation."""

    def __init__(
        self,
        shared: SharedPlan,
        threads: Threads,
        saw_slow_processor: threading.Event,
        start_thread: Callable[[Callable[[], None]], None],
        do_tasks: Callable[[tuple[Task[WorkItem], ...]], None],
    ) -> None:
        """Create a flusher that is not started yet.

        Args:
            shared: plan whose completions the flusher sends.
            threads: threads for the poll.
            saw_slow_processor: set once a processor of this process was slow.
            start_thread: function that runs work in another thread.
            do_tasks: function that does tasks together and records what follows.
        """
        self._shared = shared
        self._clock: Clock = shared.deadline.clock
        self._threads = threads
        self._saw_slow_processor = saw_slow_processor
        self._start_thread = start_thread
        self._do_tasks = do_tasks
        self._is_started = self._is_polling = False

    def start_if_useful(self) -> None:
        """Start the thread, or the poll that may start it later. The caller must hold the lock."""
        plan = self._shared.plan
        if not plan.returned or self._is_started or self._is_polling:
            return
        if plan.can_start or plan.has_unclaimed or plan.running:
            if self._saw_slow_processor.is_set():
                self._start()
            else:
                # The next run may take long.
                self._is_polling = True
                self._threads.poll(self._start_if_late)

    def end_poll(self) -> None:
        """End the poll. The caller must hold the lock."""
        if self._is_polling:
            self._threads.end_poll(self._start_if_late)

    def _start(self) -> None:
        self._is_started = True
        self._start_thread(self._confirm_all)

    def _start_if_late(self) -> bool:
        """Start the thread if a run takes long; return whether to poll again."""
        shared = self._shared
        with shared.lock:
            returned = () if shared.closed else shared.plan.returned
            if returned and self._measure_wait(returned[0][0]) > MAX_LINGER_MILLIS:
                self._saw_slow_processor.set()
            if returned and self._saw_slow_processor.is_set() and not self._is_started:
                self._start()
            self._is_polling = not (shared.closed or self._is_started)
            return self._is_polling

    def _confirm_all(self) -> None:
        while completions := self._wait_for_completions():
            self._do_tasks(completions)

    def _wait_for_completions(self) -> tuple[Task[WorkItem], ...]:
        """Take the completions once the first has lingered for others; return none if none is due.

        The linger waits on the injected clock and releases the lock meanwhile.
        """
        shared = self._shared
        with shared.lock:
            while returned := () if shared.closed else shared.plan.returned:
                left = Millis(shared.linger - self._measure_wait(returned[0][0]))
                if left <= 0:
                    return shared.take_completions()
                self._clock.wait(shared.changed, left)
            self._is_started = False
            return ()

    def _measure_wait(self, item: WorkItem) -> Millis:
        return Millis(self._clock.monotonic() - self._shared.due[item.place])
