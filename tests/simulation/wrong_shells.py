"""Shells that are wrong on purpose: each breaks one rule of when a batch is stopped or flushed."""

from collections.abc import Iterator

from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import Decision
from idempotent_lambda.protocol.steps import Outcome

from .world import Protocol
from .wrong_plans import HasNoBound

Plan = BatchPlan[WorkItem]
Decided = tuple[Plan, Decision]


def _stop(plan: Plan, *, overdue: bool, **given: bool) -> Decided:
    plan, _ = plan.decide(overdue=False, **given)
    return (plan.stop(Outcome.NOT_STARTED) if overdue else plan), Decision.GO


def _stop_for_flight(plan: Plan, **given: bool) -> Decided:
    plan, decision = plan.decide(**given)
    if decision is Decision.WAIT:
        return plan.stop(Outcome.NOT_STARTED), Decision.GO
    return plan, decision


def _ignore_flight(plan: Plan, **given: bool) -> Decided:
    plan, decision = plan.decide(**given)
    return plan, Decision.GO if decision is Decision.WAIT else decision


def _ignore_returned(plan: Plan, **given: bool) -> Decided:
    plan, decision = plan.decide(**given)
    return plan, Decision.GO if decision is Decision.FLUSH else decision


def _wait_for_flusher(plan: Plan, *, overdue: bool, **given: bool) -> Decided:
    plan, decision = plan.decide(overdue=overdue, **given)
    waiting = overdue and plan.returned and not plan.stopped
    return plan, Decision.WAIT if waiting else decision


def shells() -> Iterator[tuple[str, Protocol]]:
    """Each rule of the shell, broken; and the old rules, which had no bound."""
    yield "what is overdue stops the batch", Protocol(decide=_stop)
    yield "what is overdue in flight gets no second", Protocol(decide=_stop_for_flight)
    yield "what is overdue in flight is ignored", Protocol(decide=_ignore_flight)
    yield "what is overdue is not flushed", Protocol(decide=_ignore_returned)
    yield "what is overdue waits for a flusher", Protocol(decide=_wait_for_flusher)
    yield "what is overdue waits for a run of another thread", Protocol(wakes=False)
    yield (
        "what is overdue stops the batch, and nobody flushes it",
        Protocol(plan=HasNoBound, decide=_stop, hires=False),
    )
