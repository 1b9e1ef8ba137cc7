"""The shell as it goes on from one move to the next, with everything that its agenda decides.

It keeps the contract of production's own: what the agenda hands out together is done together, each
task gets a reply, and the agenda hears of the group when all of it is answered. Three lines of work
go on side by side: the main thread, the flusher, and a thread that runs beside.
"""

from collections.abc import Iterable
from dataclasses import replace

from idempotent_lambda.agenda import Agenda, Decision, Done, Task, Work
from idempotent_lambda.claims import Claimed, Duplicate, Owner, Request, Stray
from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    DeadLetter,
    End,
    Outcome,
    Park,
    PutOff,
    Release,
    Reply,
    Run,
    Settled,
    Step,
    Unanswered,
    Wait,
    settlement,
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
            agenda, decision = self.decide(worker, in_time=in_time)
            tasks: Iterable[Task] = ()
            if decision is not Decision.WAIT:
                agenda, tasks = agenda.next(overdue=decision is Decision.FLUSH)
            worker = worker._replace(agenda=agenda)
            world, calls, done = self.handed(world, slot, worker, tasks)
            worker = worker_at(world, slot)
            if done:
                worker = worker._replace(agenda=worker.agenda.after(done))
            if calls or not tasks:
                break
        waits = not calls and (decision is Decision.WAIT or worker.agenda.underway)
        if waits and not (worker.flight or worker.beside or is_flusher_there(worker)):
            raise ViolationError("liveness: a worker waits for nobody")
        return put(world, slot, worker._replace(main=calls))

    def decide(self, worker: Worker, *, in_time: bool = True) -> tuple[Agenda, Decision]:
        """How a thread of the worker goes on that has nothing in hand."""
        overdue, late = promises.is_overdue(worker), promises.is_late(worker)
        return self.protocol.decide(worker.agenda, overdue=overdue, late=late, in_time=in_time)

    def passed(self, world: World, slot: int, worker: Worker) -> World:
        """The world in which a second has passed for a worker, and its main thread has seen it."""
        late = wait_long(worker)
        moved = put(world, slot, late)
        idle = late.agenda.underway and not late.main
        if idle and self.protocol.wakes:
            moved = self.turned(moved, slot, late)
        if idle:
            promises.check_idle(worker_at(moved, slot))
        return moved

    def handed(
        self, world: World, slot: int, worker: Worker, tasks: Iterable[Task]
    ) -> tuple[World, tuple[Call, ...], list[Done]]:
        """The tasks as calls; those that are ends are done at once."""
        calls: list[Call] = []
        done: list[Done] = []
        for work, step in tasks:
            promises.check_handed(world, worker, work, step, [call.work for call in calls])
            held = worker.held[work.place]
            assert held is not None
            if isinstance(step, Settled):
                world = self.ended(put(world, slot, worker), slot, work, step)
                worker = worker_at(world, slot)
                done.append((work, step, step))
                continue
            if isinstance(step, Run):
                promises.check_start(world, slot, worker, step, work)
                if calls:
                    raise ViolationError("order: one thread is to run two at once")
                world = put(world, slot, worker)
                if world.terms.claim.park_interrupted:
                    index = find_key(work)
                    world = stated(world, index, world.facts[index]._replace(begun=True))
                calls.append(Call(work, step))
                continue
            if isinstance(step, DeadLetter | Wait):
                calls.append(Call(work, step))
                continue
            worker = asking(worker, work, step)
            together = isinstance(step, Claim) and len(tasks) > 1
            known = work.redelivered or work.own_key is not None
            first = Stage.LOOK if known else Stage.INSERT
            request = self._request(world, worker, work, step)
            calls.append(Call(work, step, request, first if together else Stage.WRITE))
        return put(world, slot, worker), tuple(calls), done

    def _request(self, world: World, worker: Worker, work: Work, step: Step) -> Request:
        """What is asked, with the same owner, time and lease in every stage and attempt."""
        assert not isinstance(step, Run | Wait | DeadLetter)
        now, retention = EpochMillis(NOW + worker.skew), world.terms.retention
        copy, lies = worker.copy_at(work.place), worker.batch.lies[work.place]
        token = copy.token if copy else STALE if lies else None
        if not isinstance(step, Claim):
            return settlement(
                step,
                record_id=work.key.record_id,
                now=now,
                retention=retention,
                copy_of=token if work.own_key else None,
            )
        # Every claim has an owner of its own: what this worker has claimed is not the lie's.
        owner = LIAR if lies and work.own_key is not None else ME
        request = Request(record_id=work.key.record_id, owner=owner, now=now, retention=retention)
        lease = max(0, worker.deadline + self.protocol.lease - DEADLINE)
        claim = claim_of(
            replace(request, now=NOW) if self.protocol.asks_time else request,
            lease_expires_at=EpochMillis(now + lease),
            takeover=step.takeover,
            redelivered=work.redelivered,
        )
        shown = token is not None and self.protocol.shows_token
        return replace(claim, token=token, stated=work.own_key is not None) if shown else claim

    def replied(self, world: World, slot: int, line: str, at: int, reply: Reply) -> World:
        """The world once a call is answered; the group goes on when all of it is."""
        worker = worker_at(world, slot)
        calls = getattr(worker, line)
        answered = Call(calls[at].work, calls[at].step, reply=reply)
        calls = (*calls[:at], answered, *calls[at + 1 :])
        if all(call.reply is not None for call in calls):
            world, calls = self._restate_strays(world, slot, calls)
            worker = worker_at(world, slot)
        if any(call.reply is None for call in calls):
            return put(world, slot, worker._replace(**{line: calls}))
        done: list[Done] = []
        try:
            for call in calls:
                # What only claims to be a copy is claimed by its own key, after all others.
                stray = isinstance(call.reply, Stray)
                following = call.step if stray else self.protocol.advance(call.step, call.reply)
                done.append((call.work, call.step, following))
        except TypeError as error:
            raise ViolationError(f"the protocol has no answer: {error}") from None
        asked = worker.agenda
        worker = worker._replace(agenda=asked.after(done), **{line: ()})
        lingers = any(worker.due >> work.place & 1 for work, _ in worker.agenda.returned)
        if lingers and self.protocol.hires:
            worker = worker._replace(unhurried=True)
        world = put(world, slot, worker)
        for call, (work, step, following) in zip(calls, done, strict=True):
            assert call.reply is not None
            held_back = asked.holds_back(work, step, following)
            if held_back:
                world = put(world, slot, holding_back(worker_at(world, slot), work))
            else:
                world = self._followed(world, slot, work, following, call.reply)
        worker = worker_at(world, slot)
        return world if worker.main else self.turned(world, slot, worker)

    def _restate_strays(
        self, world: World, slot: int, calls: tuple[Call, ...]
    ) -> tuple[World, tuple[Call, ...]]:
        """The calls, where works whose stated key does not count have their own one."""
        strays = [call for call in calls if isinstance(call.reply, Stray)]
        worker = worker_at(world, slot)
        found = []
        for call in calls:
            place = call.work.place
            if call in strays and not worker.batch.lies[place]:
                index = find_key(call.work)
                promises.check_stray(world, index)
                # It is done by another key, which is another story.
                world = stated(world, index, world.facts[index]._replace(completed=True))
                found.append(call._replace(reply=Duplicate()))
            elif call in strays:
                batch = strayed(worker.batch, place, self.protocol.restate)
                worker = worker._replace(batch=batch)
                found.append(call._replace(work=batch.works[place]))
            else:
                found.append(call)
        return (put(world, slot, worker) if strays else world), tuple(found)

    def _followed(
        self, world: World, slot: int, work: Work, following: Step | End, reply: Reply
    ) -> World:
        worker = worker_at(world, slot)
        held = worker.held[work.place]
        if held is not None and isinstance(reply, Unanswered):
            held = held._replace(silent=True)
        if held is not None and isinstance(following, PutOff):
            held = held._replace(put_off=following.attempts)
        worker = holding(worker, work.place, held)
        if not isinstance(following, Complete):
            worker = worker._replace(due=worker.due & ~(1 << work.place))
        world = put(world, slot, worker)
        if isinstance(following, Settled):
            return self.ended(world, slot, work, following, reply)
        return world

    def ended(
        self, world: World, slot: int, work: Work, end: Settled, reply: Reply | None = None
    ) -> World:
        """The world once a worker is done with a work; a reply says why, or the agenda did."""
        worker = worker_at(world, slot)
        promises.check_end(world, slot, worker, work, end)
        refusals.check_refusal(worker, work, end, reply)
        if end.acknowledged:
            worker = worker._replace(acknowledged=worker.acknowledged | {work.place})
        if end.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
            worker = worker._replace(halted=True)
        worker = holding(worker, work.place, None)
        return disowned(put(world, slot, worker), slot, find_key(work))

    def answered(self, world: World, slot: int) -> World:
        """The world once a worker has answered: what it acknowledges is not delivered again."""
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
            place = call.work.place
            record, held = world.records[find_key(call.work)], worker.held[place]
            assert held is not None
            lease = 0
            if record is not None and record.owner.startswith(f"w{slot}"):
                lease = max(0, (record.lease_expires_at or NOW) - NOW - worker.skew)
            promises.check_key(worker.batch, call.work)
            held = held._replace(claimed=True, lease=lease)
            world = put(world, slot, holding(worker, place, held))
        return self.replied(world, slot, line, at, outcome)


def is_flusher_there(worker: Worker) -> bool:
    """Whether a flusher may find something to confirm: it is started only while there is more."""
    agenda = worker.agenda
    more = agenda.waiting or agenda.startable or agenda.underway
    return bool(worker.unhurried and agenda.returned and more and not worker.flight)


def asking(worker: Worker, work: Work, step: Step) -> Worker:
    """Return the worker that is about to ask the table for a step."""
    held = worker.held[work.place]
    assert held is not None
    match step:
        case Claim():
            held = held._replace(put_off=0)
        case Release():
            held = held._replace(released=True, lease=0)
        case Park() if step.owner == ME:
            held = held._replace(lease=0)
        case Complete():  # It has waited to be sent, but not for its answer.
            worker = worker._replace(due=worker.due & ~(1 << work.place))
        case _:
            pass
    return holding(worker, work.place, held)


def holding_back(worker: Worker, work: Work) -> Worker:
    """Return the worker that has found a work done before its turn."""
    held = worker.held[work.place]
    assert held is not None
    return holding(worker, work.place, held._replace(put_off=0, until=0))


def find_unconfirmed(worker: Worker) -> int:
    """Return a bit for each place whose completion is due and not confirmed."""
    places = [work.place for work, _ in worker.agenda.returned]
    places += [call.work.place for call in worker.calls if isinstance(call.step, Complete)]
    return sum(1 << place for place in places)


def wait_long(worker: Worker) -> Worker:
    """Return the worker once what it has to confirm is overdue."""
    return worker._replace(due=find_unconfirmed(worker))
