"""Every move that leads from one world to the next.

Production code alone decides the actions of a worker: `BatchPlan` (what next), `lifecycle.advance`
(what follows a reply) and the conditions and records of `claims`. This module plays the rest: the
threads of the shell, the network, the processor, Lambda's kill and the queue.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda.errors import PermanentFailure
from idempotent_lambda.protocol.claims import Completed, InProgress, Parked
from idempotent_lambda.protocol.plan_state import Decision
from idempotent_lambda.protocol.record import Owner, Status
from idempotent_lambda.protocol.steps import (
    Claim,
    DeadLetter,
    DeadLettered,
    Interrupted,
    Outcome,
    Raised,
    Reply,
    Returned,
    Run,
    Settled,
    Wait,
    Waited,
)

from . import promises, refusals
from .batches import KEYS, batch_of
from .parking import redriven, resolved, sent, superseded, without
from .shell import Shell, is_flusher_there, wait_long
from .table import FOUND, Table, committed, make_zombie, name_request, silence
from .time_steps import next_pause, pass_time
from .world import (
    MARGIN,
    NOW,
    STALE,
    Call,
    Copy,
    Holding,
    Move,
    Protocol,
    Stage,
    Worker,
    World,
    find_key,
    holding,
    put,
    recorded,
    spent,
    stated,
    with_call,
    worker_at,
)

RAISED = Raised(RuntimeError("the processor raised"))
STOPPED = Interrupted(SystemExit())
HOPELESS = Raised(PermanentFailure("no retry will help"))
RETURNED = Returned()
WRITES: Any = ("the processor's writes",)
"""They have an effect in the table of the simulation, whatever they are."""
COMMITTING = Returned(actions=WRITES)


class Transitions:
    """All moves of a world, under a protocol.

    Attributes:
        doing: the move that is being tried, for the story of a broken promise.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.shell = Shell(protocol)
        self.table = Table(protocol)
        self.doing = ""

    def moves(self, world: World) -> Iterator[Move]:
        """Everything that can happen next.

        Raises:
            ViolationError: while iterating, when a move breaks a promise.
        """
        for kind in dict.fromkeys(world.unstarted):
            yield from self._starts(world, kind)
        for slot, worker in enumerate(world.workers):
            if worker is not None:
                yield from self._items(world, slot, worker)
        if world.budget.redrive and None in world.workers:
            for copy in dict.fromkeys(world.copies):
                moved = self.redriven(spent(world, "redrive"), copy, world.terms.company)
                yield Move(self.doing, moved, calm=False)
        yield from self._time(world)
        for at, zombie in enumerate(world.zombies):
            rest = world._replace(zombies=world.zombies[:at] + world.zombies[at + 1 :])
            kind = zombie[0].__name__.lower()
            yield Move(f"the delayed {kind} arrives", self.table.arrives(rest, zombie), calm=True)

    def redelivery(self, world: World) -> World | None:
        """After everything has come to rest: the queue delivers again what is not acknowledged."""
        in_progress = any(world.workers) or world.unstarted or world.zombies
        if in_progress:
            return None
        if world.unacknowledged:
            return world._replace(unstarted=("".join(world.unacknowledged).lower(),))
        # What is redriven comes by itself; the rest waits for an operator.
        copies = sorted(world.copies, key=lambda copy: not copy.redriven)
        return self.redriven(world, copies[0], "!") if copies else None

    def redriven(self, world: World, copy: Copy, company: str) -> World:
        """The world in which a worker has received a copy of a parked message, and its company."""
        slot = world.workers.index(None)
        self.doing = f"worker {slot} receives the copy of {KEYS[copy.index]}"
        twin = next(iter(without(world, copy).copies), None)
        copies = [copy, twin] if twin and company.count("!") > 1 else [copy]
        kind = _with_copies(copies, company, "!" if world.terms.stated else "*")
        if not all(each.redriven for each in copies):
            self.doing = f"an operator redrives it, and {self.doing}"
            for at, each in enumerate(copies):
                world, copies[at] = redriven(world, each), each._replace(redriven=True)
        fresh = self._received(world, kind)._replace(copies=tuple(copies))
        return self.shell.turned(world, slot, fresh)

    def _received(self, world: World, kind: str) -> Worker:
        batch, terms = batch_of(kind, self.protocol.group), world.terms
        return Worker(
            plan=self.protocol.plan.create(batch.items, terms.claim, terms.window),
            batch=batch,
            held=(Holding(),) * len(batch.items),
            saw_slow_processor=not terms.quick,
        )

    # Workers

    def _starts(self, world: World, kind: str) -> Iterator[Move]:
        if None not in world.workers:
            return
        slot = world.workers.index(None)
        unstarted = list(world.unstarted)
        unstarted.remove(kind)
        moved = world._replace(unstarted=tuple(unstarted))
        fresh = self._received(world, kind)
        reported = self.doing = f"worker {slot} receives {kind}"
        yield Move(reported, self.shell.turned(moved, slot, fresh), calm=True)
        for fault, skew in (("fast", MARGIN), ("behind", -MARGIN)):
            if getattr(world.budget, fault):
                skewed = fresh._replace(skew=skew)
                turned = self.shell.turned(spent(moved, fault), slot, skewed)
                clock = "a fast clock" if skew > 0 else "a clock that is behind"
                yield Move(f"{reported} with {clock}", turned, calm=False)
        if world.budget.short:
            short = self.shell.turned(spent(moved, "short"), slot, _hurried(fresh))
            yield Move(f"{reported} too late", short, calm=False)

    def _items(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        yield from self._progress(world, slot, worker)
        yield from self._threads(world, slot, worker)
        if world.budget.crash:
            self.doing = f"worker {slot} is killed"
            yield Move(self.doing, self.shell.killed(spent(world, "crash"), slot), calm=False)
        yield from self._stops(world, slot, worker)

    def _threads(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        """The moves of the flusher and of another thread that runs processors."""
        turns = []
        if is_flusher_there(worker):
            turns.append(("flight", "flushes", worker.plan.take_completions()))
        free = world.terms.concurrency > 1 and not worker.concurrent
        if free and worker.plan.has_runnable and not worker.short:
            plan, decision = self.shell.decide(worker)
            if decision is not Decision.WAIT:
                turn = plan.take_tasks(overdue=decision is Decision.FLUSH)
                turns.append(("concurrent", "starts another one,", turn))
        for line, reported, (plan, tasks) in turns:
            keys = "".join(item.key.text for item, _ in tasks)
            self.doing = f"worker {slot} {reported} {keys}"
            took = worker._replace(plan=plan)
            moved, calls, done = self.shell.handed(world, slot, took, tasks)
            took = worker_at(moved, slot)._replace(plan=plan.record_finished(done), **{line: calls})
            yield Move(self.doing, put(moved, slot, took), calm=True)

    def _progress(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        if not worker.main and not worker.plan.is_underway:
            self.doing = f"worker {slot} answers"
            promises.check_answer(worker)
            refusals.check_open(worker)
            yield Move(self.doing, self.shell.answered(world, slot), calm=True)
        waiting = worker.flight and not (worker.main or worker.concurrent)
        if waiting and (worker.short or world.budget.short):
            over = put(world, slot, worker._replace(short=True))
            yield from self._answers_early(
                over if worker.short else spent(over, "short"), slot, worker
            )
        for line in ("main", "flight", "concurrent"):
            for at, call in enumerate(getattr(worker, line)):
                if call.reply is not None:
                    continue
                if isinstance(call.step, Run):
                    yield from self._runs(world, slot, worker, line)
                elif isinstance(call.step, Wait):
                    yield from self._waiting(world, slot, worker, call)
                elif isinstance(call.step, DeadLetter):
                    yield from self._sends(world, slot, call)
                else:
                    yield from self._calls(world, slot, worker, line, at)

    def _stops(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        """The shell finds a reason to start nothing more, while there is something to start."""
        plan = worker.plan
        late = wait_long(worker)
        if world.budget.tick and late.due != worker.due:
            self.doing = reported = f"a second passes for worker {slot}"
            yield Move(reported, self.shell.passed(spent(world, "tick"), slot, worker), calm=False)
        if plan.stopped:
            return
        claiming = any(isinstance(call.step, Claim) for call in worker.main)
        more = plan.has_unclaimed or plan.ready or plan.follow_ups
        if world.budget.short and not worker.short and (claiming or more):
            short = put(spent(world, "short"), slot, _hurried(worker))
            yield Move(f"worker {slot} is short of time", short, calm=False)
        if not world.budget.slow or not more:
            return
        if plan.completing or not (plan.ready or claiming):
            why = Outcome.NOT_STARTED if plan.completing else Outcome.TABLE_UNAVAILABLE
            slow = late if plan.completing else worker
            slow = slow._replace(plan=plan.stop(why), halted=True)
            moved = put(spent(world, "slow"), slot, slow)
            self.doing = reported = f"worker {slot} finds the table slow"
            if not slow.main:
                # It has waited for a completion, and goes on.
                moved = self.shell.turned(moved, slot, slow)
            yield Move(reported, moved, calm=False)

    def _answers_early(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        """The time ends while the flusher still waits: its completions in flight are unproven."""
        reported = f"worker {slot} answers without its flusher"
        unanswered = [call for call in worker.flight if call.reply is None]
        unproven = Settled(Outcome.UNCONFIRMED)
        worlds = [(world, reported)]
        if world.budget.delayed:
            delayed = spent(world, "delayed")
            zombies = (*world.zombies, make_zombie(slot, unanswered[0]))
            worlds.append((delayed._replace(zombies=zombies), f"{reported}, which is heard later"))
        for begun, story in worlds:
            moved = begun
            for call in worker.flight:
                moved = self.shell.ended(moved, slot, call.item, unproven)
            yield Move(story, self.shell.answered(moved, slot), calm=False)

    # The processor

    def _runs(self, world: World, slot: int, worker: Worker, line: str) -> Iterator[Move]:
        item = getattr(worker, line)[0].item
        index, key, who = find_key(item), item.key.text, f"worker {slot}"
        before = worker.held[item.place]
        assert before is not None
        transactional = world.terms.transactional
        after = before._replace(effected=not transactional)

        def move(reported: str, held: Holding, fault: str, reply: Reply) -> Move:
            self.doing = f"{who} {reported}"
            moved = spent(world, fault) if fault else world
            moved = put(moved, slot, holding(worker, item.place, held))
            if reply is RAISED and moved.terms.claim.park_interrupted:
                moved = stated(moved, index, moved.facts[index]._replace(begun=False))
            replied = self.shell.replied(moved, slot, line, 0, reply)
            return Move(self.doing, replied, calm=not fault)

        returned = after._replace(returned=True)
        moments = [("before", before)] + ([] if transactional else [("after", after)])
        if transactional and self.protocol.commits == "before":
            self.doing = f"{who} writes the effect of {key}"
            world = committed(world, index)
        reply = COMMITTING if transactional else RETURNED
        yield move(f"finishes the effect of {key}", returned, "", reply)
        if world.budget.exception:
            for when, held in moments:
                denied = held._replace(denied=True)
                yield move(f"raises {when} the effect of {key}", denied, "exception", RAISED)
        if world.budget.permanent:
            for when, held in moments:
                denied = held._replace(denied=True, hopeless=True)
                yield move(f"gives up {when} the effect of {key}", denied, "permanent", HOPELESS)
        if world.budget.crash:
            for when, held in moments:
                yield move(f"exits {when} the effect of {key}", held, "crash", STOPPED)
            cut = put(spent(world, "crash"), slot, holding(worker, item.place, after))
            self.doing = f"{who} is killed after the effect of {key}"
            yield Move(self.doing, self.shell.killed(cut, slot), calm=False)

    # Calls to the table

    def _calls(self, world: World, slot: int, worker: Worker, line: str, at: int) -> Iterator[Move]:
        call = getattr(worker, line)[at]
        index, place = find_key(call.item), call.item.place
        held = worker.held[place]
        assert held is not None
        what = f"the {name_request(call)} {KEYS[index]}"
        self.doing = f"worker {slot}: {what}"
        applied, outcome = self.table.carried_out(world, slot, call, held)
        if isinstance(outcome, Completed | Parked):
            # Settled, whether or not the worker hears of it.
            worker = worker_at(applied, slot)
            applied = put(applied, slot, holding(worker, place, held._replace(lease=0)))
        if isinstance(outcome, InProgress) and world.terms.claim.wait_for_lease:
            record, worker = applied.records[index], worker_at(applied, slot)
            until = max(0, ((record and record.lease_expires_at) or NOW) - NOW)
            applied = put(applied, slot, holding(worker, place, held._replace(until=until)))
        said = FOUND[outcome] if isinstance(outcome, Stage) else type(outcome).__name__.lower()
        self.doing += f": {said}"
        yield Move(self.doing, self.shell.heard(applied, slot, line, at, outcome), calm=True)
        if world.budget.lost:
            yield from self._lost(world, applied, slot, line, at)

    def _lost(self, world: World, applied: World, slot: int, line: str, at: int) -> Iterator[Move]:
        """The request or its answer is lost; the worker tries again, or its time is over.

        A lost request that is tried again is left out: nothing has happened. So is the lost answer
        to what changed nothing: it is the same as a lost request.
        """
        call = getattr(worker_at(world, slot), line)[at]
        what = f"worker {slot}: the {name_request(call)} {call.item.key.text}"
        writes = call.stage not in (Stage.LOOK, Stage.CHECK)
        checks = call.stage is Stage.CHECK and self.protocol.remembers_inserts
        given_up = silence(maybe_written=writes or checks)
        lost = spent(world, "lost")
        self.doing = f"{what} is lost, and given up"
        yield Move(self.doing, self.shell.replied(lost, slot, line, at, given_up), calm=False)
        changed = [(spent(applied, "lost"), "answered to nobody")] if applied is not world else []
        if world.budget.delayed and writes:
            under_way = (*world.zombies, make_zombie(slot, call))
            changed.append((spent(lost, "delayed")._replace(zombies=under_way), "delayed"))
        for moved, how in changed:
            again = getattr(worker_at(moved, slot), line)[at]
            if self.protocol.owner_per_attempt and isinstance(call.step, Claim):
                owner = Owner(f"{call.request.owner}'")
                again = again._replace(request=replace(again.request, owner=owner))
            tried = put(moved, slot, with_call(worker_at(moved, slot), line, at, again))
            yield Move(f"{what} is {how}, and tried again", tried, calm=False)
            self.doing = f"{what} is {how}, and given up"
            yield Move(self.doing, self.shell.replied(moved, slot, line, at, given_up), calm=False)

    def _sends(self, world: World, slot: int, call: Call) -> Iterator[Move]:
        """The copy is sent, or it or the answer is lost."""
        assert isinstance(call.step, DeadLetter)
        index = find_key(call.item)
        promises.check_sent(world, index, call.step.owner)
        owner = call.step.owner if self.protocol.sends_token else STALE
        there = sent(world, slot, index, owner)
        what = f"worker {slot}: the copy of {KEYS[index]}"

        def move(reported: str, moved: World, reply: Reply) -> Move:
            self.doing = f"{what} {reported}"
            replied = self.shell.replied(moved, slot, "main", 0, reply)
            return Move(self.doing, replied, calm=isinstance(reply, DeadLettered))

        yield move("is sent", there, DeadLettered())
        if world.budget.lost:
            silent = silence(maybe_written=True)
            yield move("is lost", spent(world, "lost"), silent)
            yield move("is sent, but nobody knows", spent(there, "lost"), silent)

    def _waiting(self, world: World, slot: int, worker: Worker, call: Call) -> Iterator[Move]:
        """The lease that was met ends, or it ends too late."""
        held = worker.held[call.item.place]
        assert held is not None
        in_time = held.until < worker.deadline and not worker.short
        if in_time and held.until:
            return
        self.doing = f"worker {slot} {'has waited' if in_time else 'cannot wait'}"
        replied = self.shell.replied(world, slot, "main", 0, Waited(in_time))
        yield Move(self.doing, replied, calm=True)

    # Time

    def _time(self, world: World) -> Iterator[Move]:
        """Time passes to the next moment at which something changes."""
        pause = next_pause(world)
        if pause is not None:
            moved = pass_time(world, pause)
            due = [
                slot
                for slot, worker in enumerate(moved.workers)
                if worker is not None and worker.deadline <= 0 and not worker.late
            ]
            if not due:
                yield Move(f"{pause} ms pass", moved, calm=True)
            yield from self._overdue(moved, due)
        elif (
            world.budget.retention
            and not any(world.workers)
            and any(each is not None and each.expires_at is not None for each in world.records)
        ):
            pause = max(
                each.expires_at * 1000 - NOW
                for each in world.records
                if each is not None and each.expires_at is not None
            )
            moved = spent(pass_time(world, pause), "retention")
            yield Move(f"the retention passes ({pause} ms)", moved, calm=False)
        for index, record in enumerate(world.records):
            if record is not None and world.budget.resolve and record.status == Status.PARKED:
                yield Move(
                    f"an operator completes {KEYS[index]}", resolved(world, index), calm=False
                )
            if record is not None and world.budget.foreign and not any(world.workers):
                archived = replace(record, status="ARCHIVED", owner=Owner("newer"))
                yield Move(
                    f"a newer version archives {KEYS[index]}",
                    recorded(spent(superseded(world, index), "foreign"), index, archived),
                    calm=False,
                )
            expiry = record and record.expires_at
            if expiry is not None and expiry * 1000 <= NOW:
                gone = recorded(superseded(world, index, kept=False), index, None)
                if world.terms.stated:
                    gone = stated(gone, index, gone.facts[index]._replace(forgotten=True))
                yield Move(f"TTL deletes the record of {KEYS[index]}", gone, calm=False)

    def _overdue(self, world: World, due: list[int]) -> Iterator[Move]:
        """Lambda ends those whose deadline has come; of one it may fail to."""
        for spared in (None, *(due if world.budget.late else ())):
            moved, reported = world, "Lambda ends what is overdue"
            if spared is not None:
                late = worker_at(world, spared)._replace(late=True)
                moved = put(spent(world, "late"), spared, late)
                reported = f"worker {spared} outlives its deadline"
            for slot in due:
                if slot != spared:
                    moved = self.shell.killed(moved, slot)
            if due:
                yield Move(reported, moved, calm=spared is None)


def _hurried(worker: Worker) -> Worker:
    return worker._replace(short=True, halted=True)


def _with_copies(copies: list[Copy], company: str, mark: str) -> str:
    """The batch of some copies and their company."""
    primes = ("", "'")
    names = [
        f"{KEYS[copy.index].lower()}{prime}{mark}"
        for copy, prime in zip(copies, primes, strict=False)
    ]
    first, *rest = company.split("!")
    return first + "".join(
        name + between for name, between in itertools.zip_longest(names, rest, fillvalue="")
    )
