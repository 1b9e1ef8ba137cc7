"""Every move that leads from one world to the next.

What a worker does is decided by production code alone: `Agenda` (what next), `lifecycle.advance`
(what follows a reply) and the conditions and records of `claims`. This plays what lies around it:
the threads of the shell, the network, the processor, Lambda's kill and the queue.
"""

from collections.abc import Iterator
from dataclasses import replace

from idempotent_lambda.claims import Completed, Owner
from idempotent_lambda.lifecycle import (
    Claim,
    Interrupted,
    Outcome,
    Raised,
    Reply,
    Returned,
    Run,
    Settled,
)

from . import promises
from .passing import next_pause, passed
from .shell import Shell
from .table import Table, silence
from .world import (
    KEYS,
    MARGIN,
    ME,
    NOW,
    WORKS,
    Call,
    Held,
    Move,
    Protocol,
    Stage,
    Worker,
    World,
    Zombie,
    holding,
    place,
    put,
    recorded,
    spent,
    with_call,
    worker_at,
)

RAISED = Raised(RuntimeError("the processor raised"))
STOPPED = Interrupted(SystemExit())
RETURNED = Returned()

FOUND = {
    Stage.INSERT: "there is no record",
    Stage.CHECK: "there is a record",
    Stage.WRITE: "it may be claimed",
}
"""What a part of a group claim has found, by what comes next."""


class Physics:
    """All moves of a world, under a protocol.

    Attributes:
        doing: what is being tried, for the story of a move that breaks a promise.
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
                yield from self._works(world, slot, worker)
        yield from self._time(world)
        for at, zombie in enumerate(world.zombies):
            rest = world._replace(zombies=world.zombies[:at] + world.zombies[at + 1 :])
            kind = zombie[0].__name__.lower()
            yield Move(f"the delayed {kind} arrives", self.table.arrives(rest, zombie), calm=True)

    def redelivery(self, world: World) -> World | None:
        """After everything has come to rest: the queue delivers again what is not acknowledged."""
        busy = any(world.workers) or world.unstarted or world.zombies
        if busy or not world.unacknowledged:
            return None
        return world._replace(unstarted=(world.unacknowledged.lower(),))

    # Workers

    def _starts(self, world: World, kind: str) -> Iterator[Move]:
        slot = world.workers.index(None)
        unstarted = list(world.unstarted)
        unstarted.remove(kind)
        moved = world._replace(unstarted=tuple(unstarted))
        keys = kind.upper()
        fresh = Worker(
            agenda=self.protocol.agenda.of(tuple(WORKS[letter] for letter in kind)),
            held=tuple(Held() if key in keys else None for key in KEYS[: len(world.records)]),
        )
        told = self.doing = f"worker {slot} receives {kind}"
        yield Move(told, self.shell.turned(moved, slot, fresh), calm=True)
        if world.budget.fast:
            fast = fresh._replace(skew=MARGIN)
            turned = self.shell.turned(spent(moved, "fast"), slot, fast)
            yield Move(f"{told} with a fast clock", turned, calm=False)
        if world.budget.short:
            short = self.shell.turned(spent(moved, "short"), slot, _hurried(fresh))
            yield Move(f"{told} too late", short, calm=False)

    def _works(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        yield from self._progress(world, slot, worker)
        yield from self._threads(world, slot, worker)
        if world.budget.crash:
            self.doing = f"worker {slot} is killed"
            yield Move(self.doing, self.shell.killed(spent(world, "crash"), slot), calm=False)
        yield from self._stops(world, slot, worker)

    def _threads(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        """What the other threads take in hand: the flusher, and one that runs beside."""
        turns = []
        if worker.agenda.returned and not worker.flight:
            turns.append(("flight", "flushes", worker.agenda.flush()))
        free = world.concurrency > 1 and not worker.beside
        if free and worker.agenda.ready and not (worker.short or worker.agenda.stopped):
            turns.append(("beside", "starts another one,", worker.agenda.next()))
        for line, told, (agenda, tasks) in turns:
            keys = "".join(work.key.text for work, _ in tasks)
            self.doing = f"worker {slot} {told} {keys}"
            took = worker._replace(agenda=agenda)
            moved, calls, done = self.shell.handed(world, slot, took, tasks)
            took = worker_at(moved, slot)._replace(agenda=agenda.after(done), **{line: calls})
            yield Move(self.doing, put(moved, slot, took), calm=True)

    def _progress(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        if not worker.main and not worker.agenda.underway:
            self.doing = f"worker {slot} answers"
            promises.check_answer(worker)
            yield Move(self.doing, self.shell.answered(world, slot), calm=True)
        waits = worker.flight and not (worker.main or worker.beside)
        if waits and (worker.short or world.budget.short):
            yield from self._answers_early(
                world if worker.short else spent(world, "short"), slot, worker
            )
        for line in ("main", "flight", "beside"):
            for at, call in enumerate(getattr(worker, line)):
                if call.reply is not None:
                    continue
                if isinstance(call.step, Run):
                    yield from self._runs(world, slot, worker, line)
                else:
                    yield from self._calls(world, slot, worker, line, at)

    def _stops(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        """The shell finds a reason to start nothing more, while there is something to start."""
        agenda = worker.agenda
        if agenda.stopped:
            return
        claiming = any(isinstance(call.step, Claim) for call in worker.main)
        if world.budget.short and not worker.short and (claiming or agenda.ready or agenda.lapsed):
            short = put(spent(world, "short"), slot, _hurried(worker))
            yield Move(f"worker {slot} is short of time", short, calm=False)
        if not world.budget.slow or not (agenda.ready or agenda.lapsed):
            return
        completing = worker.flight or agenda.returned
        if completing or (agenda.lapsed and not agenda.ready):
            why = Outcome.NOT_STARTED if completing else Outcome.UNAVAILABLE
            slow = worker._replace(agenda=agenda.stopping(why), halted=True)
            yield Move(
                f"worker {slot} finds the table slow",
                put(spent(world, "slow"), slot, slow),
                calm=False,
            )

    def _answers_early(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        """The time is over, and the flusher still waits: what it has in the air is unproven."""
        told = f"worker {slot} answers without its flusher"
        unanswered = [call for call in worker.flight if call.reply is None]
        unproven = Settled(Outcome.UNCONFIRMED)
        worlds = [(world, told)]
        if world.budget.delayed:
            delayed = spent(world, "delayed")
            zombies = (*world.zombies, _zombie(slot, unanswered[0]))
            worlds.append((delayed._replace(zombies=zombies), f"{told}, which is heard later"))
        for begun, story in worlds:
            moved = begun
            for call in worker.flight:
                moved = self.shell.ended(moved, slot, place(call.work), unproven)
            yield Move(story, self.shell.answered(moved, slot), calm=False)

    # The processor

    def _runs(self, world: World, slot: int, worker: Worker, line: str) -> Iterator[Move]:
        index = place(getattr(worker, line)[0].work)
        key, who = KEYS[index], f"worker {slot}"
        before = worker.held[index]
        assert before is not None
        after = before._replace(effected=True)

        def move(told: str, held: Held, fault: str, reply: Reply) -> Move:
            self.doing = f"{who} {told}"
            moved = spent(world, fault) if fault else world
            moved = put(moved, slot, holding(worker, index, held))
            replied = self.shell.replied(moved, slot, line, 0, reply)
            return Move(self.doing, replied, calm=not fault)

        yield move(f"finishes the effect of {key}", after._replace(returned=True), "", RETURNED)
        if world.budget.exception:
            for when, held in (("before", before), ("after", after)):
                denied = held._replace(denied=True)
                yield move(f"raises {when} the effect of {key}", denied, "exception", RAISED)
        if world.budget.crash:
            for when, held in (("before", before), ("after", after)):
                yield move(f"exits {when} the effect of {key}", held, "crash", STOPPED)
            cut = put(spent(world, "crash"), slot, holding(worker, index, after))
            self.doing = f"{who} is killed after the effect of {key}"
            yield Move(self.doing, self.shell.killed(cut, slot), calm=False)

    # Calls to the table

    def _calls(self, world: World, slot: int, worker: Worker, line: str, at: int) -> Iterator[Move]:
        call = getattr(worker, line)[at]
        index = place(call.work)
        held = worker.held[index]
        assert held is not None
        what = f"the {_told(call)} {KEYS[index]}"
        self.doing = f"worker {slot}: {what}"
        applied, outcome = self.table.carried_out(world, slot, call, held)
        if isinstance(outcome, Completed):
            # Settled, whether or not the worker hears of it.
            settled = holding(worker, index, held._replace(lease=0))
            applied = put(applied, slot, settled)
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
        what = f"worker {slot}: the {_told(call)} {KEYS[place(call.work)]}"
        writes = call.stage not in (Stage.LOOK, Stage.CHECK)
        checks = call.stage is Stage.CHECK and self.protocol.remembers_inserts
        given_up = silence(maybe_written=writes or checks)
        lost = spent(world, "lost")
        self.doing = f"{what} is lost, and given up"
        yield Move(self.doing, self.shell.replied(lost, slot, line, at, given_up), calm=False)
        changed = [(spent(applied, "lost"), "answered to nobody")] if applied is not world else []
        if world.budget.delayed and writes:
            under_way = (*world.zombies, _zombie(slot, call))
            changed.append((spent(lost, "delayed")._replace(zombies=under_way), "delayed"))
        for moved, how in changed:
            again = call
            if self.protocol.owner_per_attempt and isinstance(call.step, Claim):
                owner = Owner(f"{call.request.owner}'")
                again = call._replace(request=replace(call.request, owner=owner))
            tried = put(moved, slot, with_call(worker_at(moved, slot), line, at, again))
            yield Move(f"{what} is {how}, and tried again", tried, calm=False)
            self.doing = f"{what} is {how}, and given up"
            yield Move(self.doing, self.shell.replied(moved, slot, line, at, given_up), calm=False)

    # Time

    def _time(self, world: World) -> Iterator[Move]:
        """Time passes to the next moment at which something changes."""
        pause = next_pause(world)
        if pause is not None:
            moved = passed(world, pause)
            due = [
                slot
                for slot, worker in enumerate(moved.workers)
                if worker is not None and worker.deadline <= 0 and not worker.late
            ]
            if not due:
                yield Move(f"{pause} ms pass", moved, calm=True)
            yield from self._overdue(moved, due)
        elif world.budget.retention and not any(world.workers) and any(world.records):
            pause = max(each.expires_at * 1000 - NOW for each in world.records if each is not None)
            moved = spent(passed(world, pause), "retention")
            yield Move(f"the retention passes ({pause} ms)", moved, calm=False)
        for index, record in enumerate(world.records):
            if record is not None and world.budget.foreign and not any(world.workers):
                parked = replace(record, status="PARKED", owner=Owner("newer"))
                yield Move(
                    f"a newer version parks {KEYS[index]}",
                    recorded(spent(world, "foreign"), index, parked),
                    calm=False,
                )
            if record is not None and record.expires_at * 1000 <= NOW:
                gone = recorded(world, index, None)
                yield Move(f"TTL deletes the record of {KEYS[index]}", gone, calm=False)

    def _overdue(self, world: World, due: list[int]) -> Iterator[Move]:
        """Lambda ends those whose deadline has come; of one it may fail to."""
        for spared in (None, *(due if world.budget.late else ())):
            moved, told = world, "Lambda ends what is overdue"
            if spared is not None:
                late = worker_at(world, spared)._replace(late=True)
                moved = put(spent(world, "late"), spared, late)
                told = f"worker {spared} outlives its deadline"
            for slot in due:
                if slot != spared:
                    moved = self.shell.killed(moved, slot)
            if due:
                yield Move(told, moved, calm=spared is None)


def _zombie(slot: int, call: Call) -> Zombie:
    """The request of a call as it is under way: the table knows no "me"."""
    assert call.request is not None
    owner = Owner(call.request.owner.replace(ME, f"w{slot}"))
    return type(call.step), call.stage, replace(call.request, owner=owner)


def _hurried(worker: Worker) -> Worker:
    return worker._replace(short=True, halted=True)


def _told(call: Call) -> str:
    if call.stage in (Stage.LOOK, Stage.INSERT, Stage.CHECK):
        return call.stage.value
    return f"{type(call.step).__name__.lower()} of"
