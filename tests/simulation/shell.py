"""The shell as it goes on from one move to the next, with everything that its agenda decides.

It keeps the contract of production's own: what the agenda hands out together is done together, each
task gets a reply, and the agenda hears of the group when all of it is answered. Three lines of work
go on side by side: the main thread, the flusher, and a thread that runs beside.
"""

from collections.abc import Iterable
from dataclasses import replace

from idempotent_lambda.agenda import Done, Task, Work
from idempotent_lambda.claims import Claimed, Request
from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.lifecycle import (
    Claim,
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
    Wait,
    settlement,
)
from tests.requests import claim_of

from . import promises
from .parking import without
from .world import (
    DEADLINE,
    KEYS,
    ME,
    NOW,
    Call,
    Protocol,
    Stage,
    ViolationError,
    Worker,
    World,
    disowned,
    holding,
    place,
    put,
    stated,
    with_call,
    worker_at,
)


class Shell:
    """What follows when a worker gets a task, an answer or an end, under a protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def turned(self, world: World, slot: int, worker: Worker) -> World:
        """The world in which the worker's main thread has its next tasks, or waits, or is done."""
        while True:
            agenda = worker.agenda
            if worker.short or worker.deadline <= 0:
                agenda = agenda.stopping(Outcome.NOT_STARTED)
            agenda, tasks = agenda.next()
            worker = worker._replace(agenda=agenda)
            world, calls, done = self.handed(world, slot, worker, tasks)
            worker = worker_at(world, slot)
            if done:
                worker = worker._replace(agenda=worker.agenda.after(done))
            if calls or not tasks:
                break
        if not calls and worker.agenda.underway and not (worker.flight or worker.beside):
            raise ViolationError("liveness: a worker waits for nobody")
        return put(world, slot, worker._replace(main=calls))

    def handed(
        self, world: World, slot: int, worker: Worker, tasks: Iterable[Task]
    ) -> tuple[World, tuple[Call, ...], list[Done]]:
        """The tasks as calls; those that are ends are done at once."""
        calls: list[Call] = []
        done: list[Done] = []
        for work, step in tasks:
            promises.check_handed(world, worker, work, step, [call.work for call in calls])
            index = place(work)
            held = worker.held[index]
            assert held is not None
            if isinstance(step, Settled):
                world = self.ended(put(world, slot, worker), slot, index, step)
                worker = worker_at(world, slot)
                done.append((work, step, step))
                continue
            if isinstance(step, Run):
                promises.check_start(world, slot, worker, step, index)
                if calls:
                    raise ViolationError("order: one thread is to run two at once")
                world = put(world, slot, worker)
                if world.terms.claim.parks:
                    world = stated(world, index, world.facts[index]._replace(begun=True))
                calls.append(Call(work, step))
                continue
            if isinstance(step, DeadLetter | Wait):
                calls.append(Call(work, step))
                continue
            if isinstance(step, Claim):
                worker = holding(worker, index, held._replace(put_off=0))
            if isinstance(step, Release):
                worker = holding(worker, index, held._replace(released=True, lease=0))
            if isinstance(step, Park) and step.owner == ME:
                worker = holding(worker, index, held._replace(lease=0))
            together = isinstance(step, Claim) and len(tasks) > 1
            first = Stage.LOOK if work.redelivered else Stage.INSERT
            request = self._request(world, worker, work, step)
            calls.append(Call(work, step, request, first if together else Stage.WRITE))
        return put(world, slot, worker), tuple(calls), done

    def _request(self, world: World, worker: Worker, work: Work, step: Step) -> Request:
        """What is asked, with the same owner, time and lease in every stage and attempt."""
        assert not isinstance(step, Run | Wait | DeadLetter)
        now, retention = EpochMillis(NOW + worker.skew), world.terms.retention
        if not isinstance(step, Claim):
            return settlement(step, record_id=work.key.record_id, now=now, retention=retention)
        request = Request(record_id=work.key.record_id, owner=ME, now=now, retention=retention)
        lease = max(0, worker.deadline + self.protocol.lease - DEADLINE)
        claim = claim_of(
            request,
            lease_expires_at=EpochMillis(now + lease),
            takeover=step.takeover,
            redelivered=work.redelivered,
        )
        shown = worker.copy is not None and self.protocol.shows_token
        return replace(claim, token=worker.copy.token) if shown else claim

    def replied(self, world: World, slot: int, line: str, at: int, reply: Reply) -> World:
        """The world once a call is answered; the group goes on when all of it is."""
        worker = worker_at(world, slot)
        calls = getattr(worker, line)
        answered = Call(calls[at].work, calls[at].step, reply=reply)
        calls = (*calls[:at], answered, *calls[at + 1 :])
        if any(call.reply is None for call in calls):
            return put(world, slot, worker._replace(**{line: calls}))
        done: list[Done] = []
        try:
            for call in calls:
                following = self.protocol.advance(call.step, call.reply)
                done.append((call.work, call.step, following))
        except TypeError as error:
            raise ViolationError(f"the protocol has no answer: {error}") from None
        worker = worker._replace(agenda=worker.agenda.after(done), **{line: ()})
        world = put(world, slot, worker)
        for work, _, following in done:
            world = self._followed(world, slot, place(work), following)
        worker = worker_at(world, slot)
        return world if worker.main else self.turned(world, slot, worker)

    def _followed(self, world: World, slot: int, index: int, following: Step | End) -> World:
        if isinstance(following, Settled):
            return self.ended(world, slot, index, following)
        worker = worker_at(world, slot)
        held = worker.held[index]
        if isinstance(following, PutOff) and held is not None:
            worker = holding(worker, index, held._replace(put_off=following.attempts))
        return put(world, slot, worker)

    def ended(self, world: World, slot: int, index: int, end: Settled) -> World:
        """The world once a worker is done with a key."""
        worker = worker_at(world, slot)
        promises.check_end(world, slot, worker, index, end)
        if end.acknowledged:
            acknowledged = "".join(sorted(worker.acknowledged + KEYS[index]))
            worker = worker._replace(acknowledged=acknowledged)
        if end.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
            worker = worker._replace(halted=True)
        return disowned(put(world, slot, holding(worker, index, None)), slot, index)

    def answered(self, world: World, slot: int) -> World:
        """The world once a worker has answered: what it acknowledges is not delivered again."""
        acknowledged, copy = worker_at(world, slot).acknowledged, worker_at(world, slot).copy
        if copy is None:
            left = "".join(each for each in world.unacknowledged if each not in acknowledged)
            world = world._replace(unacknowledged=left)
        elif acknowledged:
            world = without(world, copy)
        for key in acknowledged:
            promises.check_kept(world, KEYS.index(key))
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
            index = place(call.work)
            record, held = world.records[index], worker.held[index]
            assert held is not None
            lease = 0
            if record is not None and record.owner.startswith(f"w{slot}"):
                lease = max(0, (record.lease_expires_at or NOW) - NOW)
            held = held._replace(claimed=True, lease=lease)
            world = put(world, slot, holding(worker, index, held))
        return self.replied(world, slot, line, at, outcome)
