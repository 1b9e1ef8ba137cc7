"""The decisions about a batch, as values."""

import pytest

from idempotent_lambda.keys import Key
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import Claimed
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import WINDOW, FinishedTask, Task
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    End,
    Outcome,
    Release,
    Run,
    Settled,
    Step,
    TakeOverLater,
)

MINE = Owner("mine")
RUN = Run(Claimed(MINE, attempts=1))
DONE = Settled(Outcome.COMPLETED, acknowledged=True)


def make_item(name: str) -> WorkItem:
    """Return an item with this key."""
    return WorkItem(Key(name, f"n#{name}"), ())


A, B, C = (make_item(name) for name in "abc")


def followed(plan: BatchPlan[WorkItem], *following: Step | End) -> BatchPlan[WorkItem]:
    """The plan after its next tasks, each followed by one of these."""
    taken, tasks = plan.take_tasks()
    assert len(tasks) == len(following)
    done: list[FinishedTask[WorkItem]] = [
        (item, step, each) for (item, step), each in zip(tasks, following, strict=True)
    ]
    return taken.record_finished(done)


def next_of(plan: BatchPlan[WorkItem]) -> tuple[Task[WorkItem], ...]:
    """What is to be done next."""
    return plan.take_tasks()[1]


def test_nothing_to_do() -> None:
    """An empty plan has no next, and nobody is at work."""
    plan = BatchPlan.create(())
    assert next_of(plan) == ()
    assert not plan.is_underway


def test_all_are_claimed_together() -> None:
    """Several keys are claimed at once, and only if they are free."""
    plan, tasks = BatchPlan.create((A, B)).take_tasks()
    assert tasks == ((A, Claim(takeover=False)), (B, Claim(takeover=False)))
    assert plan.is_underway
    assert next_of(plan) == ()


def test_a_large_batch_is_claimed_in_windows() -> None:
    """No more are claimed at once than eight calls hold; the next when these have run."""
    items = tuple(make_item(f"{number}") for number in range(WINDOW + 1))
    plan, tasks = BatchPlan.create(items).take_tasks()
    assert len(tasks) == WINDOW == 8 * 25
    plan = plan.record_finished(
        [(each, step, Settled(Outcome.IN_PROGRESS)) for each, step in tasks[1:]]
    )
    plan = plan.record_finished([(*tasks[0], RUN)])
    plan, running = plan.take_tasks()
    assert running == ((items[0], RUN),)
    plan = plan.record_finished([(*running[0], Complete(MINE))])
    # Before the next window is claimed, all of the one before is confirmed.
    plan = followed(plan, DONE)
    # Not taken over unseen, though it is the only one left: it is not alone in its batch.
    assert next_of(plan) == ((items[-1], Claim(takeover=False)),)


def test_a_stopped_batch_claims_no_more() -> None:
    """The rest of a large batch that is stopped is reported unclaimed."""
    items = tuple(make_item(f"{number}") for number in range(2))
    plan = BatchPlan.create(items).stop(Outcome.NOT_STARTED)
    assert next_of(plan) == tuple((each, Settled(Outcome.NOT_STARTED)) for each in items)


def test_alone() -> None:
    """A single key is claimed whether free or stale."""
    assert next_of(BatchPlan.create((A,))) == ((A, Claim(takeover=True)),)


def test_runs_come_one_by_one_in_order() -> None:
    """Claimed messages run in the batch's order, before anything is settled."""
    plan = followed(BatchPlan.create((A, B, C)), RUN, Settled(Outcome.IN_PROGRESS), RUN)
    assert next_of(plan) == ((A, RUN),)
    plan = followed(plan, Complete(MINE))
    assert next_of(plan) == ((C, RUN),)


def test_completions_gather() -> None:
    """Without a flush in between all completions go together, and then all releases."""
    plan = followed(BatchPlan.create((A, B, C)), RUN, RUN, RUN)
    plan = followed(plan, Complete(MINE))
    plan = followed(plan, Release(MINE, Outcome.FAILED))
    plan = followed(plan, Complete(MINE))
    assert next_of(plan) == ((A, Complete(MINE)), (C, Complete(MINE)))
    plan = followed(plan, DONE, DONE)
    assert next_of(plan) == ((B, Release(MINE, Outcome.FAILED)),)


def test_flush() -> None:
    """A completion that is flushed while another message runs is not handed out again."""
    plan = followed(followed(BatchPlan.create((A, B)), RUN, RUN), Complete(MINE))
    plan, (running,) = plan.take_tasks()
    plan, flushed = plan.take_completions()
    assert flushed == ((A, Complete(MINE)),)
    assert plan.take_completions()[1] == ()
    assert next_of(plan) == ()
    plan = plan.record_finished([(*running, Complete(MINE))])
    plan, rest = plan.take_tasks()
    assert rest == ((B, Complete(MINE)),)
    assert plan.record_finished([(*flushed[0], DONE), (*rest[0], DONE)]).is_underway is False


def test_stale_items_come_when_all_is_settled() -> None:
    """An item that was put off comes back with a takeover once the others are confirmed."""
    plan = followed(BatchPlan.create((A, B)), TakeOverLater(1), RUN)
    plan = followed(plan, Complete(MINE))
    plan, ((_, complete),) = plan.take_tasks()
    assert next_of(plan) == ()
    plan = plan.record_finished([(B, complete, DONE)])
    assert next_of(plan) == ((A, Claim(takeover=True)),)


def test_stale_items_come_one_by_one() -> None:
    """The next stale item is not claimed before the last one is settled."""
    plan = followed(BatchPlan.create((A, B)), TakeOverLater(2), TakeOverLater(1))
    plan = followed(plan, RUN)
    assert next_of(plan) == ((B, RUN),)
    plan = followed(plan, Complete(MINE))
    plan = followed(plan, DONE)
    assert next_of(plan) == ((A, Claim(takeover=True)),)


@pytest.mark.parametrize("outcome", [Outcome.INTERRUPTED, Outcome.UNCONFIRMED])
def test_stops(outcome: Outcome) -> None:
    """After an interruption or a doubt the unstarted are released together, stale ones left."""
    plan = followed(BatchPlan.create((A, B, C, make_item("d"))), RUN, RUN, RUN, TakeOverLater(1))
    plan = followed(plan, Settled(outcome))
    release = Release(MINE, Outcome.NOT_STARTED)
    assert next_of(plan) == ((B, release), (C, release))
    plan = followed(plan, Settled(Outcome.NOT_STARTED), Settled(Outcome.NOT_STARTED))
    assert next_of(plan) == ((make_item("d"), Settled(Outcome.NOT_STARTED)),)


def test_the_first_reason_stands() -> None:
    """A plan that is stopped twice keeps its first reason."""
    plan = BatchPlan.create((A,)).stop(Outcome.TABLE_UNAVAILABLE).stop(Outcome.NOT_STARTED)
    assert next_of(plan) == ((A, Settled(Outcome.TABLE_UNAVAILABLE)),)


def test_changes_make_new_plans() -> None:
    """A plan is a value, so that later plans do not change earlier decisions."""
    plan = BatchPlan.create((A, B))
    followed(plan, TakeOverLater(1), RUN)
    assert plan == BatchPlan.create((A, B))
