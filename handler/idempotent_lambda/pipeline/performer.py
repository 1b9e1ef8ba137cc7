"""The functions that perform each kind of step and return its reply."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import assert_never

from idempotent_lambda.clock import REQUEST_MILLIS, RESERVE_MILLIS, Deadline, EpochMillis, Millis
from idempotent_lambda.errors import MessageError, StoreError, UnconfirmedCopyError, text_of
from idempotent_lambda.observer import is_traced
from idempotent_lambda.pipeline.asking import (
    CLAIM_BUDGET_MILLIS,
    STORE_STEPS,
    StoreStep,
    ask_store,
)
from idempotent_lambda.pipeline.processor import call_processor
from idempotent_lambda.pipeline.reports import Reports
from idempotent_lambda.pipeline.resources import Resources
from idempotent_lambda.pipeline.shared_plan import STORE_BUDGET_MILLIS, SharedPlan
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol import lifecycle
from idempotent_lambda.protocol.claims import Stray
from idempotent_lambda.protocol.plan_state import Task
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
    MarkDeadLettered,
    Park,
    Release,
    Reply,
    Returned,
    Run,
    Settled,
    Unanswered,
    Unkeyed,
    Wait,
    Waited,
)
from idempotent_lambda.sources.message import Message

RECLAIM_DELAY_MILLIS = Millis(1000)
"""The delay between the end of an awaited lease and the next claim."""

Tasks = tuple[Task[WorkItem], ...]
Replies = Sequence[Reply | None]


class Performer:
    """Performs the tasks of one invocation, in any thread. It holds no lock."""

    def __init__(self, resources: Resources, shared: SharedPlan, reports: Reports) -> None:
        self._resources = resources
        self._clock = resources.clock
        self._shared = shared
        self._deadline = shared.deadline
        self._reports = reports

    def perform(self, tasks: Tasks) -> tuple[Tasks, Replies]:
        """Do tasks whose steps have one class; return them with their replies.

        The reply is None for an end, and for an item that gets another key.
        """
        tasks, replies = self._restate_strays(tasks, self._perform_steps(tasks))
        if self._resources.settings.hash_keys:
            _hide_keys(tasks, replies)
        return tasks, replies

    def _perform_steps(self, tasks: Tasks) -> Replies:
        item, first = tasks[0]
        match first:
            case Run(claim):
                return [self._run_processor(item, claim.owner)]
            case Settled():
                return [None for _ in tasks]
            case Wait(_, lease_end):
                return [self._wait_for_lease(lease_end)]
            case DeadLetter(owner):
                return [self._dead_letter(item, owner)]
            case Claim() | Complete() | Release() | Park() | MarkDeadLettered():
                return self._ask_store(tasks, self._limit_call(first))
            case _:
                assert_never(first)

    def _run_processor(self, item: WorkItem, owner: Owner) -> Reply:
        try:
            delivery, resources = item.deliveries[0], self._resources
            message = Message.from_delivery(
                delivery, key=item.key, owner=owner, deadline=self._deadline
            )
            transactional = resources.transactional
            run = partial(call_processor, resources.processor, message, transactional=transactional)
            if not is_traced():
                return Returned(actions=run())
            from idempotent_lambda.tracers import trace_run  # noqa: PLC0415  # only when used

            history = self._reports.histories[item.place]
            return Returned(actions=trace_run(run, delivery, history))
        except BaseException as error:  # noqa: BLE001  # the rest of the batch still gets its answer
            return lifecycle.classify_exception(error)

    def _ask_store(self, tasks: Tasks, limit: Deadline) -> Replies:
        resources = self._resources
        return ask_store(
            resources.store,
            [(item, step) for item, step in tasks if isinstance(step, STORE_STEPS)],
            limit=limit,
            ends=self._deadline,
            settings=resources.settings,
            new_owner=resources.new_owner,
        )

    def _limit_call(self, step: StoreStep) -> Deadline:
        """Return the deadline of a call; a completion may retry until the invocation ends."""
        if isinstance(step, Complete) and not step.observed:
            return self._deadline
        budget = CLAIM_BUDGET_MILLIS if isinstance(step, Claim) else STORE_BUDGET_MILLIS
        left = max(0, min(self._shared.store_budget, budget))
        return self._deadline.sooner(Millis(left + RESERVE_MILLIS))

    def _wait_for_lease(self, lease_end: EpochMillis) -> Waited:
        """Wait for a lease to end; reply whether enough time is left to claim and run."""
        pause = Millis(lease_end - self._clock.now() + RECLAIM_DELAY_MILLIS)
        least = REQUEST_MILLIS + self._resources.settings.minimum_remaining
        in_time = self._deadline.allows(Millis(pause + least))
        # Wait in any case: a source that delivers again at once would soon run out of retries.
        self._clock.sleep(Millis(max(0, min(pause, self._deadline.remaining() - RESERVE_MILLIS))))
        return Waited(in_time)

    def _dead_letter(self, item: WorkItem, owner: Owner) -> Reply:
        queues, leader = self._resources.queues, item.deliveries[0]
        try:
            queues.dead_letter(leader, item.key.record_id, owner, self._deadline)
        except StoreError as error:
            return Unanswered(owner, error)
        return DeadLettered()

    def _restate_strays(self, tasks: Tasks, replies: Replies) -> tuple[Tasks, Replies]:
        """Return the same, but give copies whose stated key does not count their own key.

        These copies are claimed after all other work: one sender must not delay the others.
        """
        if not any(isinstance(reply, Stray) for reply in replies):
            return tasks, replies
        restated, answers = list(tasks), list(replies)
        for index, ((item, step), reply) in enumerate(zip(tasks, replies, strict=True)):
            if isinstance(reply, Stray):
                if isinstance(item.own_key, MessageError):
                    answers[index] = Unkeyed(item.own_key)
                elif item.own_key:
                    restated[index] = replace(item, key=item.own_key, own_key=None), step
                    answers[index] = None
                    self._reports.histories[item.place].errors.append(UnconfirmedCopyError())
        return tuple(restated), answers


def _hide_keys(tasks: Tasks, replies: Replies) -> None:
    """Remove the keys from the errors of a call, which may quote the keys of other requests.

    If the error texts differ, only their codes remain, because each text may quote each key.
    """
    errors = [reply.error for reply in replies if isinstance(reply, Unanswered)]
    texts = {text_of(error) for error in errors}
    hidden = ""
    if len(texts) == 1:
        hidden = reduce(lambda text, task: task[0].key.hide_in(text), tasks, texts.pop())
    for error in errors:
        error.args = (hidden or error.code,)
