"""The pipeline: from the event to the response, for each message of a batch.

One message takes these ten steps. The loop in `Consumer.consume` does the claim (steps 3 to 5), the
run (step 6) and the completion (steps 7 to 9).

 1. `read_event` parses the event into deliveries.
 2. `group_by_key` finds the key of each delivery, and the work item that the delivery is part of.
 3. `Invocation.wait_for_tasks` takes the next tasks of the plan (`BatchPlan.take_tasks`).
 4. `Performer.perform` claims the key, together with the keys of other items (`ask_store`).
 5. `advance` says what follows the answer: a run. `BatchPlan.record_finished` keeps it.
 6. `Performer.perform` runs the processor (`call_processor`).
 7. `Flusher` takes the completion while the next processor runs. After the last run, the loop does.
 8. `Performer.perform` completes the key, together with other keys (`ask_store`).
 9. `advance` says that the item has ended, and `Reports.report` logs it.
10. `build_response` names the messages that Lambda delivers again.
"""

from dataclasses import dataclass

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import ConfigurationError
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.pipeline.grouping import group_by_key
from idempotent_lambda.pipeline.invocation import Invocation
from idempotent_lambda.pipeline.resources import Resources
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.response import PartialBatchResponse, build_response


@dataclass(frozen=True, kw_only=True)
class Consumer(Resources):
    """Makes a processor idempotent. One instance serves all invocations of a function."""

    def __post_init__(self) -> None:
        """Refuse a transactional processor in observe mode: side effects would be lost.

        Raises:
            ConfigurationError: a run without a claim has no completion for a transaction.
        """
        if self.transactional and self.settings.observe_only:
            raise ConfigurationError(
                "the processor takes a transaction, which observe mode cannot commit for "
                "duplicates: set idempotency.mode to enforce"
            )

    def consume(
        self, event: object, remaining: Millis, request_id: str = ""
    ) -> PartialBatchResponse | None:
        """Process a batch; return the response, which names the messages to deliver again.

        Args:
            event: event as Lambda delivers it.
            remaining: remaining time of this invocation, in milliseconds.
            request_id: Lambda's id of this invocation, for the log.

        Raises:
            UnsupportedEventError: see `read_event`.
            BatchFailedError: see `build_response`.
        """
        deadline, began = Deadline.from_remaining(self.clock, remaining), self.clock.monotonic()
        deliveries = read_event(event, self.settings.unwrap)
        items, ended = group_by_key(deliveries, self.settings)
        for delivery, end, error in ended:
            history = ClaimHistory(request_id, errors=[error] if error else [])
            self.observer.report_message(delivery, None, end, history, follows=False)
        invocation = Invocation(self, items, deadline, request_id)
        try:
            while tasks := invocation.wait_for_tasks():
                invocation.do_tasks(tasks)
        finally:
            invocation.close()
        invocation.report_unfinished()
        failed = invocation.find_failed(deliveries)
        if invocation.in_progress:
            self.queues.postpone(failed, invocation.in_progress, deadline)
        if deliveries:
            overhead = Millis(self.clock.monotonic() - began - invocation.measure_runs())
            stats = BatchStats(request_id, len(deliveries), overhead, invocation.store_times)
            self.observer.report_batch(stats)
        return build_response(deliveries, failed)
