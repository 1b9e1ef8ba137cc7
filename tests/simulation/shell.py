"""The shell as it continues from one move to the next, with everything that its plan decides.

It keeps the contract of production's shell: the tasks that the plan hands out together are done
together, each task gets a reply, and the plan hears of the group when all of it is answered. Three
lines of work run in parallel: the main thread, the flusher, and another thread.
"""

from collections.abc import Iterable
from dataclasses import replace

from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import Claimed, Duplicate, Request, Stray
from idempotent_lambda.protocol.lifecycle import build_settlement_request
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import Decision, FinishedTask, Task
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    DeadLetter,
    End,
    Outcome,
    Park,
    Release,
    Reply,
    Run,
    Settled,
    Step,
    TakeOverLater,
    Unanswered,
    Wait,
)
from tests.requests import claim_of

from . import promises, refusals
from .batches import KEYS, strayed
from .parking import without
from .world import (
    DEADLINE,
    ME,
    NOW,
    STALE,
    Call,
    Protocol,
    Stage,
    ViolationError,
    Worker,
    World,
    disowned,
    find_key,
    holding,
    put,
    stated,
    with_call,
    worker_at,
)

LIAR = Owner("liar")
"""The owner of a claim by what a liar states."""


class Shell:
    """What follows when a worker gets a task, an answer or an end, under a protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def turned(self, world: World, slot: int, worker: Worker) -> World:
        """The world in which the worker's main thread has its next tasks, or waits, or is done."""
        while True:
            in_time = not worker.short and worker.deadline > 0
            plan, decision = self.decide(worker, in_time=in_time)
            tasks: Iterable[Task[WorkItem]] = ()
            if decision is not Decision.WAIT:
                plan, tasks = plan.take_tasks(overdue=decision is Decision.FLUSH)
            worker = worker._replace(plan=plan)
            world, calls, done = self.handed(world, slot, worker, tasks)
            worker = worker_at(world, slot)
            if done:
                worker = worker._replace(plan=worker.plan.record_finished(done))
            if calls or not tasks:
                break
        waiting = not calls and (decision is Decision.WAIT or worker.plan.is_underway)
        if waiting and not (worker.flight or worker.concurrent or is_flusher_there(worker)):
            raise ViolationError("liveness: a worker waits for nobody")
        return put(world, slot, worker._replace(main=calls))

    def decide(
        self, worker: Worker, *, in_time: bool = True
    ) -> tuple[BatchPlan[WorkItem], Decision]:
        """How a thread of the worker goes on that has nothing in hand."""
        overdue, late = promises.is_overdue(worker), promises.is_late(worker)
        return self.protocol.decide(worker.plan, overdue=overdue, late=late, in_time=in_time)

    def passed(self, world: World, slot: int, worker: Worker) -> World:
        """The world in which a second has passed for a worker, and its main thread has seen it."""
        late = wait_long(worker)
        moved = put(world, slot, late)
        idle = late.plan.is_underway and not late.main
        if idle and self.protocol.wakes:
            moved = self.turned(moved, slot, late)
        if idle:
            promises.check_idle(worker_at(moved, slot))
        return moved

    def handed(
        self, world: World, slot: int, worker: Worker, tasks: Iterable[Task[WorkItem]]
    ) -> tuple[World, tuple[Call, ...], list[FinishedTask[WorkItem]]]:
        """The tasks as calls; those that are ends are done at once."""
        calls: list[Call] = []
        done: list[FinishedTask[WorkItem]] = []
        for item, step in tasks:
            promises.check_handed(world, worker, item, step, [call.item for call in calls])
            held = worker.held[item.place]
            assert held is not None
            if isinstance(step, Settled):
                world = self.ended(put(world, slot, worker), slot, item, step)
                worker = worker_at(world, slot)
                done.append((item, step, step))
                continue
            if isinstance(step, Run):
                promises.check_start(world, slot, worker, step, item)
                if calls:
                    raise ViolationError("order: one thread is to run two at once")
                world = put(world, slot, worker)
                if world.terms.claim.park_interrupted:
                    index = find_key(item)
                    world = stated(world, index, world.facts[index]._replace(begun=True))
                calls.append(Call(item, step))
                continue
            if isinstance(step, DeadLetter | Wait):
                calls.append(Call(item, step))
                continue
            worker = asking(worker, item, step)
            together = isinstance(step, Claim) and len(tasks) > 1
            known = item.redelivered or item.own_key is not None
            first = Stage.LOOK if known else Stage.INSERT
            request = self._request(world, worker, item, step)
            calls.append(Call(item, step, request, first if together else Stage.WRITE))
        return put(world, slot, worker), tuple(calls), done

    def _request(self, world: World, worker: Worker, item: WorkItem, step: Step) -> Request:
        """What is asked, with the same owner, time and lease in every stage and attempt."""
        assert not isinstance(step, Run | Wait | DeadLetter)
        now, retention = EpochMillis(NOW + worker.skew), world.terms.retention
        copy, lies = worker.copy_at(item.place), worker.batch.lies[item.place]
        token = copy.token if copy else STALE if lies else None
        if not isinstance(step, Claim):
            return build_settlement_request(
                step,
                record_id=item.key.record_id,
                now=now,
                retention=retention,
                copy_token=token if item.own_key else None,
            )
        # Every claim has a different owner: claims of this worker do not belong to the lie.
        owner = LIAR if lies and item.own_key is not None else ME
        request = Request(record_id=item.key.record_id, owner=owner, now=now, retention=retention)
        lease = max(0, worker.deadline + self.protocol.lease - DEADLINE)
        claim = claim_of(
            replace(request, now=NOW) if self.protocol.asks_time else request,
            lease_expires_at=EpochMillis(now + lease),
            takeover=step.takeover,
            redelivered=item.redelivered,
        )
        shown = token is not None and self.protocol.shows_token
        return replace(claim, token=token, stated=item.own_key is not None) if shown else claim

    def replied(self, world: World, slot: int, line: str, at: int, reply: Reply) -> World:
        """The world once a call is answered; the group goes on when all of it is."""
        worker = worker_at(world, slot)
        calls = getattr(worker, line)
        answered = Call(calls[at].item, calls[at].step, reply=reply)
        calls = (*calls[:at], answered, *calls[at + 1 :])
        if all(call.reply is not None for call in calls):
            world, calls = self._restate_strays(world, slot, calls)
            worker = worker_at(world, slot)
        if any(call.reply is None for call in calls):
            return put(world, slot, worker._replace(**{line: calls}))
        done: list[FinishedTask[WorkItem]] = []
        try:
            for call in calls:
                # What only claims to be a copy is claimed by its own key, after all others.
                stray = isinstance(call.reply, Stray)
                following = call.step if stray else self.protocol.advance(call.step, call.reply)
                done.append((call.item, call.step, following))
        except TypeError as error:
            raise ViolationError(f"the protocol has no answer: {error}") from None
        asked = worker.plan
        worker = worker._replace(plan=asked.record_finished(done), **{line: ()})
        lingers = any(worker.due >> item.place & 1 for item, _ in worker.plan.returned)
        if lingers and self.protocol.hires:
            worker = worker._replace(saw_slow_processor=True)
        world = put(world, slot, worker)
        for call, (item, step, following) in zip(calls, done, strict=True):
            assert call.reply is not None
            held_back = asked.should_hold_back(item, step, following)
            if held_back:
                world = put(world, slot, holding_back(worker_at(world, slot), item))
            else:
                world = self._followed(world, slot, item, following, call.reply)
        worker = worker_at(world, slot)
        return world if worker.main else self.turned(world, slot, worker)

    def _restate_strays(
        self, world: World, slot: int, calls: tuple[Call, ...]
    ) -> tuple[World, tuple[Call, ...]]:
        """The calls, where items whose stated key does not count have their own one."""
        strays = [call for call in calls if isinstance(call.reply, Stray)]
        worker = worker_at(world, slot)
        found = []
        for call in calls:
            place = call.item.place
            if call in strays and not worker.batch.lies[place]:
                index = find_key(call.item)
                promises.check_stray(world, index)
                # It is done by another key, which is another story.
                world = stated(world, index, world.facts[index]._replace(completed=True))
                found.append(call._replace(reply=Duplicate()))
            elif call in strays:
                batch = strayed(worker.batch, place, self.protocol.restate)
                worker = worker._replace(batch=batch)
                found.append(call._replace(item=batch.items[place]))
            else:
                found.append(call)
        return (put(world, slot, worker) if strays else world), tuple(found)

    def _followed(
        self, world: World, slot: int, item: WorkItem, following: Step | End, reply: Reply
    ) -> World:
        worker = worker_at(world, slot)
        held = worker.held[item.place]
        if held is not None and isinstance(reply, Unanswered):
            held = held._replace(silent=True)
        if held is not None and isinstance(following, TakeOverLater):
            held = held._replace(put_off=following.attempts)
        worker = holding(worker, item.place, held)
        if not isinstance(following, Complete):
            worker = worker._replace(due=worker.due & ~(1 << item.place))
        world = put(world, slot, worker)
        if isinstance(following, Settled):
            return self.ended(world, slot, item, following, reply)
        return world

    def ended(
        self, world: World, slot: int, item: WorkItem, end: Settled, reply: Reply | None = None
    ) -> World:
        """The world once a worker is done with an item; a reply says why, or the plan did."""
        worker = worker_at(world, slot)
        promises.check_end(world, slot, worker, item, end)
        refusals.check_refusal(worker, item, end, reply)
        if end.acknowledged:
            worker = worker._replace(acknowledged=worker.acknowledged | {item.place})
        if end.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
            worker = worker._replace(halted=True)
        worker = holding(worker, item.place, None)
        return disowned(put(world, slot, worker), slot, find_key(item))

    def answered(self, world: World, slot: int) -> World:
        """The world after a worker has answered: acknowledged messages are not delivered again."""
        worker = worker_at(world, slot)
        messages = worker.batch.messages
        names = [each.name for each in messages if each.place in worker.acknowledged]
        left = tuple(each for each in world.unacknowledged if each not in names)
        world = world._replace(unacknowledged=left)
        for place, copy in zip(worker.batch.copies, worker.copies, strict=True):
            if place in worker.acknowledged:
                world = without(world, copy)
        for name in names:
            promises.check_kept(world, KEYS.index(name[0]))
        return put(world, slot, None)

    def killed(self, world: World, slot: int) -> World:
        """The world once a worker has died, with all that it had in hand."""
        worker = worker_at(world, slot)
        promises.check_doubt(world, worker)
        for index in range(len(world.records)):
            world = disowned(world, slot, index)
        return put(world, slot, None)

    def heard(self, world: World, slot: int, line: str, at: int, outcome: Reply | Stage) -> World:
        """The world once a worker has its answer."""
        worker = worker_at(world, slot)
        call = getattr(worker, line)[at]
        if isinstance(outcome, Stage):
            return put(world, slot, with_call(worker, line, at, call._replace(stage=outcome)))
        if isinstance(outcome, Claimed):
            place = call.item.place
            record, held = world.records[find_key(call.item)], worker.held[place]
            assert held is not None
            lease = 0
            if record is not None and record.owner.startswith(f"w{slot}"):
                lease = max(0, (record.lease_expires_at or NOW) - NOW - worker.skew)
            promises.check_key(worker.batch, call.item)
            held = held._replace(claimed=True, lease=lease)
            world = put(world, slot, holding(worker, place, held))
        return self.replied(world, slot, line, at, outcome)


def is_flusher_there(worker: Worker) -> bool:
    """Whether a flusher may find something to confirm: it is started only while there is more."""
    plan = worker.plan
    more = plan.has_unclaimed or plan.can_start or plan.is_underway
    return bool(worker.saw_slow_processor and plan.returned and more and not worker.flight)


def asking(worker: Worker, item: WorkItem, step: Step) -> Worker:
    """Return the worker that is about to ask the table for a step."""
    held = worker.held[item.place]
    assert held is not None
    match step:
        case Claim():
            held = held._replace(put_off=0)
        case Release():
            held = held._replace(released=True, lease=0)
        case Park() if step.owner == ME:
            held = held._replace(lease=0)
        case Complete():  # It has waited to be sent, but not for its answer.
            worker = worker._replace(due=worker.due & ~(1 << item.place))
        case _:
            pass
    return holding(worker, item.place, held)


def holding_back(worker: Worker, item: WorkItem) -> Worker:
    """Return the worker that has found an item done before its turn."""
    held = worker.held[item.place]
    assert held is not None
    return holding(worker, item.place, held._replace(put_off=0, until=0))


def find_unconfirmed(worker: Worker) -> int:
    """Return a bit for each place whose completion is due and not confirmed."""
    places = [item.place for item, _ in worker.plan.returned]
    places += [call.item.place for call in worker.calls if isinstance(call.step, Complete)]
    return sum(1 << place for place in places)


def wait_long(worker: Worker) -> Worker:
    """Return the worker once what it has to confirm is overdue."""
    return worker._replace(due=find_unconfirmed(worker))
