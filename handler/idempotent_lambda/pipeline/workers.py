"""Further threads that run processors while the main thread does, up to the concurrency."""

from collections.abc import Callable

from idempotent_lambda.pipeline.shared_plan import SharedPlan
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.plan_entries import Task


class Workers:
    """The workers of one invocation.

    Attributes:
        active: how many have begun and not ended.
    """

    def __init__(
        self,
        shared: SharedPlan,
        limit: int,
        start_thread: Callable[[Callable[[], None]], None],
        do_tasks: Callable[[tuple[Task[WorkItem], ...]], None],
    ) -> None:
        """Make the workers, of which none is started yet.

        Args:
            shared: the plan whose tasks they do.
            limit: how many there may be at the same time.
            start_thread: has another thread do some work.
            do_tasks: does tasks together and records what follows.
        """
        self.active = 0
        self._shared = shared
        self._limit = limit
        self._start_thread = start_thread
        self._do_tasks = do_tasks
        self._spawned = 0

    def spawn_worker(self) -> None:
        """Start one more worker, if there is work for it. The caller holds the lock."""
        if self._spawned < self._limit and self._shared.plan.has_runnable:
            self._spawned += 1
            self._start_thread(self._work)

    def _work(self) -> None:
        """Do tasks as long as there are any to start."""
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
        """Take a worker's next tasks; none if there is nothing to start."""
        shared = self._shared
        with shared.lock:
            shared.stop_or_wait()
            if shared.closed or not shared.plan.has_runnable:
                return ()
            tasks = shared.take_tasks()
            self.spawn_worker()
            return tasks
