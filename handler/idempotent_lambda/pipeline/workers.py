"""The threads that run processors in parallel with the main thread, up to the concurrency."""

from collections.abc import Callable

from idempotent_lambda.pipeline.shared_plan import SharedPlan
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.plan_entries import Task


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
