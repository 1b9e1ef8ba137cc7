"""The world of a few deliveries: its states, and every move that leads from one to the next.

What a worker does is decided by production code alone: `batch.Agenda` (what next),
`lifecycle.advance` (what follows a reply) and the conditions and records of `claims`. This module
plays everything around it: the store, the network, time, Lambda's kill and the processor.

Times are kept relative to now, which is always `NOW`, so that equal situations are equal states.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from idempotent_lambda import claims, lifecycle
from idempotent_lambda.batch import Agenda, Work
from idempotent_lambda.claims import ClaimRequest, Owner, Record, Request, Status
from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds
from idempotent_lambda.conditions import Condition, holds
from idempotent_lambda.errors import StoreRefusedError, StoreUnavailableError
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    Interrupted,
    Outcome,
    Raised,
    Release,
    Returned,
    Run,
    Settled,
    Unanswered,
)

NOW = EpochMillis(1_000_000_000)
DEADLINE = 4_000
MARGIN = 2_000
RETENTION = Seconds(1_000)
ATTEMPTS = 2
KEYS = "AB"
WORKS = {key: Work(Key(key, f"sim#{key}"), (), nearly_spent=key == "B") for key in KEYS}
"""Every message of B is nearly spent, none of A."""

RAISED = Raised(RuntimeError("the processor raised"))
STOPPED = Interrupted(SystemExit())


class Budget(NamedTuple):
    """How many faults of each kind may still happen.

    Attributes:
        crash: a process dies, or its processor calls sys.exit.
        lost: a request or its answer is lost.
        delayed: a lost request arrives after all, at any later moment.
        exception: a processor raises, before or after its effect.
        late: a process outlives its deadline, which Lambda does not allow.
        fast: a process whose clock runs ahead by the whole margin.
        short: a claim leaves too little time to start.
        retention: everything pauses until completed records expire.
        foreign: a newer version gives a record a status that this one does not know.
    """

    crash: int = 0
    lost: int = 0
    delayed: int = 0
    exception: int = 0
    late: int = 0
    fast: int = 0
    short: int = 0
    retention: int = 0
    foreign: int = 0


class Facts(NamedTuple):
    """What has truly happened to one key, whatever the record says.

    Attributes:
        completed: a completion was written.
        confirmed: an effect's own completion was written, and the retention runs.
        causes: why earlier effects are not confirmed: a raised, b interrupted, c unconfirmed.
    """

    completed: bool = False
    confirmed: bool = False
    causes: str = ""


class Worker(NamedTuple):
    """One invocation.

    Attributes:
        acknowledged: what its answer will acknowledge.
        step: what it does next; None between two works.
        request: what it repeats until it has an answer; None before the first attempt.
        deadline: milliseconds until Lambda ends it.
        lease: milliseconds left of its current claim, in true time; 0 without one.
        claimed: its claim was confirmed to it.
        effected: the effect of its current claim has happened.
        denied: its processor raised: it says that nothing was done.
        returned: its processor returned: it says that all is done.
        released: it has tried to give its claim back.
        halted: it was interrupted, or could not confirm: it must start nothing more.
    """

    agenda: Agenda
    acknowledged: str = ""
    work: Work | None = None
    step: lifecycle.Step | None = None
    request: Request | None = None
    attempts: int = ATTEMPTS
    skew: int = 0
    deadline: int = DEADLINE
    lease: int = 0
    short: bool = False
    claimed: bool = False
    effected: bool = False
    denied: bool = False
    returned: bool = False
    released: bool = False
    halted: bool = False
    late: bool = False


class World(NamedTuple):
    """Everything."""

    unstarted: tuple[str, ...]
    workers: tuple[Worker | None, ...]
    records: tuple[Record | None, ...]
    facts: tuple[Facts, ...]
    zombies: tuple[tuple[type, Request], ...]
    unacknowledged: str
    budget: Budget
    retention: Seconds = RETENTION


class Move(NamedTuple):
    """One thing that happens.

    Attributes:
        story: what happens, as a sentence for people.
        calm: no fault: what happens anyway if nothing goes wrong any more.
    """

    story: str
    world: World
    calm: bool


class ViolationError(Exception):
    """A promise is broken; the text says which."""


@dataclass(frozen=True)
class Protocol:
    """The decisions under test: production's own. Mutants and known-bad protocols replace some."""

    advance: Callable[..., Any] = lifecycle.advance
    agenda: type[Agenda] = Agenda
    free: Condition = claims.FREE
    claimable: Condition = claims.CLAIMABLE
    to_complete: Condition = claims.OWNED
    to_release: Condition = claims.OWNED
    refused_claim: Callable[..., Any] = claims.refused_claim
    refused_completion: Callable[..., Any] = claims.refused_completion
    claim_expiry: Callable[[ClaimRequest], EpochSeconds] = lambda request: request.expires_at
    completion_expiry: Callable[[Request], EpochSeconds] = lambda request: request.expires_at
    lease: int = DEADLINE + MARGIN
    owner_per_attempt: bool = False


def beginning(deliveries: tuple[str, ...], budget: Budget, retention: Seconds = RETENTION) -> World:
    """The world before anything has happened."""
    keys = sorted(set("".join(deliveries)))
    return World(
        unstarted=tuple(sorted(deliveries)),
        workers=(None,) * len(deliveries),
        records=(None,) * len(keys),
        facts=(Facts(),) * len(keys),
        zombies=(),
        unacknowledged="".join(keys),
        budget=budget,
        retention=retention,
    )


class Physics:
    """All moves of a world, under a protocol."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol

    def moves(self, world: World) -> Iterator[Move]:
        """Everything that can happen next.

        Raises:
            ViolationError: while iterating, when a move breaks a promise; the move's story is its
                second argument.
        """
        for kind in dict.fromkeys(world.unstarted):
            yield from self._starts(world, kind)
        for slot, worker in enumerate(world.workers):
            if worker is not None:
                yield from self._works(world, slot, worker)
        yield from self._time(world)
        for zombie in world.zombies:
            yield self._zombie(world, zombie)

    def redelivery(self, world: World) -> World | None:
        """After everything has come to rest: the queue delivers again what is not acknowledged."""
        busy = any(world.workers) or world.unstarted or world.zombies
        if busy or not world.unacknowledged:
            return None
        return world._replace(unstarted=(world.unacknowledged,))

    # Deliveries

    def _starts(self, world: World, kind: str) -> Iterator[Move]:
        slot = world.workers.index(None)
        unstarted = list(world.unstarted)
        unstarted.remove(kind)
        for skew in (0, MARGIN) if world.budget.fast else (0,):
            agenda = self.protocol.agenda.of(tuple(WORKS[key] for key in kind))
            worker = self._turned(Worker(agenda=agenda, skew=skew))
            moved = world._replace(unstarted=tuple(unstarted))
            if skew:
                moved = _spent(moved, "fast")
            clock = " with a fast clock" if skew else ""
            yield Move(
                f"worker {slot} receives {kind}{clock}", _put(moved, slot, worker), calm=not skew
            )

    def _turned(self, worker: Worker) -> Worker:
        """The worker with its next step, all steps that end at once taken."""
        agenda = worker.agenda
        if worker.deadline <= 0:
            agenda = agenda.stopping(Outcome.NOT_STARTED)
        while (turn := agenda.next()) is not None:
            work, step = turn
            if not isinstance(step, Settled):
                return worker._replace(
                    agenda=agenda,
                    work=work,
                    step=step,
                    **_FRESH,
                )
            agenda = agenda.after(step)
        return worker._replace(agenda=agenda, work=None, step=None, **_FRESH)

    def _works(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        if worker.step is None:
            yield Move(f"worker {slot} answers", self._gone(world, slot), calm=True)
            return
        if isinstance(worker.step, Run):
            yield from self._runs(world, slot, worker)
        else:
            yield from self._calls(world, slot, worker)
        if world.budget.crash:
            yield Move(
                f"worker {slot} is killed",
                self._gone(_spent(world, "crash"), slot, cause="b"),
                calm=False,
            )

    # The processor

    def _runs(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        done = worker._replace(effected=True, returned=True)
        cut = done._replace(returned=False)
        yield self._replied(world, slot, done, Returned(), "finishes the effect", calm=True)
        if world.budget.exception:
            for story, who in (
                ("raises before the effect", worker),
                ("raises after the effect", cut),
            ):
                spent = _spent(world, "exception")
                denied = who._replace(denied=True)
                yield self._replied(spent, slot, denied, RAISED, story, calm=False)
        if world.budget.crash:
            for story, who in (
                ("exits before the effect", worker),
                ("exits after the effect", cut),
            ):
                spent = _spent(world, "crash")
                yield self._replied(spent, slot, who, STOPPED, story, calm=False)
            killed = self._gone(_put(_spent(world, "crash"), slot, cut), slot, cause="b")
            yield Move(f"worker {slot} is killed after the effect", killed, calm=False)

    def _check_start(self, world: World, slot: int, worker: Worker) -> None:
        if not worker.claimed:
            raise ViolationError("P7: a processor starts without a confirmed claim")
        if worker.short or worker.deadline <= 0:
            raise ViolationError("time: a processor starts with too little time left")
        if worker.halted:
            raise ViolationError("stop: a processor starts after the batch was to stop")
        assert isinstance(worker.step, Run)
        interrupted = worker.step.claim.attempts - 1
        if interrupted and len(worker.agenda.waiting) > 1:
            raise ViolationError("order: a lapsed record is taken over while others wait")
        if interrupted > 1 and any(WORKS[each].nearly_spent for each in worker.acknowledged):
            raise ViolationError("order: a suspect risks a message that is nearly spent")
        index = _index(worker)
        if world.facts[index].confirmed:
            raise ViolationError(
                f"P5: worker {slot} repeats the effect of {KEYS[index]}, which is confirmed"
            )
        for other, rival in enumerate(world.workers):
            if (
                rival is not None
                and other != slot
                and rival.work is worker.work
                and isinstance(rival.step, Run | Complete)
                and rival.lease > 0
            ):
                raise ViolationError(
                    f"P2: worker {slot} starts {worker.work.key.text} while the lease of worker "  # type: ignore[union-attr]
                    f"{other} is live"
                )

    # Calls to the store

    def _calls(self, world: World, slot: int, worker: Worker) -> Iterator[Move]:
        if worker.request is None or self.protocol.owner_per_attempt:
            worker = worker._replace(request=self._request(world, slot, worker))
        index = _index(worker)
        assert worker.request is not None
        assert worker.step is not None
        what = f"{type(worker.step).__name__.lower()} of {KEYS[index]}"
        kind = type(worker.step)
        applied, reply = self._applied(world, worker)
        if isinstance(reply, claims.Completed):
            worker = worker._replace(lease=0)  # settled, whether or not it hears of it
        for short in (
            (False, True) if isinstance(worker.step, Claim) and world.budget.short else (False,)
        ):
            who = worker._replace(short=short)
            place = _spent(applied, "short") if short else applied
            yield self._answered(place, slot, who, reply, what, calm=not short)
        if not world.budget.lost:
            return
        spent = _spent(world, "lost")
        yield self._unanswered(spent, slot, worker, f"the {what} is lost")
        yield self._unanswered(
            _spent(applied, "lost"), slot, worker, f"the answer to the {what} is lost"
        )
        if world.budget.delayed:
            zombie = (kind, _renamed(worker.request, Owner("late")))
            delayed = _spent(spent, "delayed")._replace(zombies=(*world.zombies, zombie))
            renamed = worker._replace(request=zombie[1])
            yield self._unanswered(delayed, slot, renamed, f"the {what} is delayed")

    def _request(self, world: World, slot: int, worker: Worker) -> Request:
        assert worker.work is not None
        owner = (
            Owner(f"w{slot}") if isinstance(worker.step, Claim) else worker.step.owner  # type: ignore[union-attr]
        )
        if self.protocol.owner_per_attempt and isinstance(worker.step, Claim):
            owner = Owner(f"w{slot}.{worker.attempts}")
        request = Request(
            record_id=worker.work.key.record_id,
            owner=owner,
            now=EpochMillis(NOW + worker.skew),
            retention=world.retention,
        )
        if not isinstance(worker.step, Claim):
            return request
        lease = max(0, worker.deadline + self.protocol.lease - DEADLINE)
        lease_end = EpochMillis(request.now + lease)
        return ClaimRequest.of(request, lease_expires_at=lease_end, takeover=worker.step.takeover)

    def _applied(self, world: World, worker: Worker) -> tuple[World, lifecycle.Reply]:
        """The world once the request is carried out, and the store's answer."""
        index = _index(worker)
        assert worker.request is not None
        kind = type(worker.step)
        return self._stored(world, index, kind, worker.request, worker)

    def _stored(
        self, world: World, index: int, kind: type, request: Request, worker: Worker | None
    ) -> tuple[World, lifecycle.Reply]:
        found = world.records[index]
        if kind is Claim:
            assert isinstance(request, ClaimRequest)
            return self._claimed(world, index, request, found)
        if kind is Complete:
            return self._completed(world, index, request, found, worker)
        if not holds(self.protocol.to_release, found, request.operands):
            return world, claims.refused_release(found)
        _check_own("releases", found, request)
        if worker is not None and worker.effected and not worker.denied:
            raise ViolationError("P5: a claim is given back although its effect has happened")
        return _recorded(world, index, None), claims.Released()

    def _claimed(
        self, world: World, index: int, request: ClaimRequest, found: Record | None
    ) -> tuple[World, lifecycle.Reply]:
        condition = self.protocol.claimable if request.takeover else self.protocol.free
        if holds(condition, found, request.operands):
            if found is not None and found.status not in set(Status):
                raise ViolationError("P8: a record of an unknown status is claimed")
            if found is not None and found.lease_expires_at and not request.takeover:
                raise ViolationError("order: a lapsed record is taken over without a look")
            record = claims.claimed_record(found, request)
            record = replace(record, expires_at=self.protocol.claim_expiry(request))
            reply = claims.Claimed(request.owner, record.attempts or 1)
            return _recorded(world, index, record), reply
        try:
            refused = self.protocol.refused_claim(found, request)
        except StoreRefusedError as error:
            return world, Unanswered(request.owner, error)
        if found is not None:
            # An owner token is "w" + slot; a mutant adds "." + attempt.
            mine = found.owner.split(".")[0] == request.owner.split(".")[0]
            mine = mine and found.status == Status.IN_PROGRESS
            if mine and not isinstance(refused, claims.Claimed):
                raise ViolationError("P4: a worker is a duplicate of itself")
            if isinstance(refused, claims.Duplicate) and found.expires_at * 1000 <= NOW:
                raise ViolationError("retention: an expired record suppresses a message")
        return world, refused

    def _completed(
        self,
        world: World,
        index: int,
        request: Request,
        found: Record | None,
        worker: Worker | None,
    ) -> tuple[World, lifecycle.Reply]:
        if not holds(self.protocol.to_complete, found, request.operands):
            reply = self.protocol.refused_completion(found, request)
            mine = found is not None and found.owner == request.owner
            if mine and not isinstance(reply, claims.Completed):
                raise ViolationError("P4: a worker does not know its own completion")
            return world, reply
        record = claims.completed_record(_check_own("completes", found, request), request)
        record = replace(record, expires_at=self.protocol.completion_expiry(request))
        if worker is not None and not worker.returned:
            raise ViolationError("P1: a key is completed though its processor did not return")
        if record.expires_at < NOW // 1000 + world.retention:
            raise ViolationError("retention: a completed record is kept for less than it")
        facts = world.facts[index]._replace(completed=True, confirmed=True)
        return _stated(_recorded(world, index, record), index, facts), claims.Completed()

    def _unanswered(self, world: World, slot: int, worker: Worker, story: str) -> Move:
        again = worker._replace(attempts=worker.attempts - 1)
        if again.attempts > 0:
            return Move(story, _put(world, slot, again), calm=False)
        assert again.request is not None
        error = StoreUnavailableError("Timeout", "no answer", maybe_written=True)
        reply = Unanswered(again.request.owner, error)
        return self._replied(world, slot, again, reply, f"gives up, as {story}", calm=False)

    def _answered(
        self,
        world: World,
        slot: int,
        worker: Worker,
        reply: lifecycle.Reply,
        what: str,
        *,
        calm: bool,
    ) -> Move:
        if isinstance(reply, claims.Claimed):
            assert isinstance(worker.request, ClaimRequest)
            record = world.records[_index(worker)]
            lease = worker.request.lease_expires_at - NOW
            if record is None or record.owner != reply.owner:
                lease = 0
            elif record.lease_expires_at is not None:
                lease = record.lease_expires_at - NOW
            worker = worker._replace(claimed=True, lease=max(0, lease))
        said = type(reply).__name__.lower()
        hurry = ", late" if worker.short else ""
        return self._replied(world, slot, worker, reply, f"{what}: {said}{hurry}", calm=calm)

    def _replied(
        self,
        world: World,
        slot: int,
        worker: Worker,
        reply: lifecycle.Reply,
        story: str,
        *,
        calm: bool,
    ) -> Move:
        """The worker gets a reply and goes on to what follows."""
        assert worker.step is not None
        told = f"worker {slot}: {story}"
        in_time = not worker.short and worker.deadline > 0
        try:
            following = self.protocol.advance(worker.step, reply, may_start=in_time)
            agenda = (
                worker.agenda.after(following) if isinstance(following, lifecycle.End) else None
            )
        except (TypeError, IndexError) as error:
            raise ViolationError(f"the protocol has no answer: {error}") from None
        if agenda is None:
            fresh = worker._replace(step=following, request=None, attempts=ATTEMPTS)
            if isinstance(following, Release):
                fresh = fresh._replace(released=True)
            if isinstance(following, Run):
                self._check_start(world, slot, fresh)
            return Move(told, _put(world, slot, fresh), calm)
        index = _index(worker)
        facts = world.facts[index]
        if isinstance(following, Settled):
            if following.acknowledged and not facts.completed:
                raise ViolationError(f"P1: {KEYS[index]} is acknowledged and was never completed")
            self._check_left(world, worker, following)
            world = _caused(world, index, worker, _cause(following))
            if following.outcome in (Outcome.INTERRUPTED, Outcome.UNCONFIRMED):
                worker = worker._replace(halted=True)
        if isinstance(following, Settled) and following.acknowledged:
            worker = worker._replace(acknowledged=worker.acknowledged + KEYS[index])
        turned = self._turned(worker._replace(agenda=agenda))
        return Move(told, _put(world, slot, turned), calm)

    def _check_left(self, world: World, worker: Worker, end: Settled) -> None:
        """What was not done must have been given back, or tried to."""
        record = world.records[_index(worker)]
        undone = end.outcome in (Outcome.FAILED, Outcome.NOT_STARTED, Outcome.UNAVAILABLE)
        if not undone or worker.released or record is None:
            return
        if record.owner == _owner(worker) and record.status == Status.IN_PROGRESS:
            raise ViolationError("release: a claim is left behind though nothing was done")

    def _gone(self, world: World, slot: int, cause: str = "") -> World:
        """The worker is no more: killed with a cause, or after its answer without."""
        worker = world.workers[slot]
        assert worker is not None
        if cause:
            if worker.work is not None:
                world = _caused(world, _index(worker), worker, cause)
        else:
            left = "".join(each for each in world.unacknowledged if each not in worker.acknowledged)
            world = world._replace(unacknowledged=left)
        nobody = Owner("gone")
        records = tuple(
            replace(record, owner=nobody)
            if record is not None and record.owner.split(".")[0] == f"w{slot}"
            else record
            for record in world.records
        )
        return _put(world._replace(records=records), slot, None)

    # Time

    def _time(self, world: World) -> Iterator[Move]:
        """Time passes to the next moment at which something changes."""
        deadlines = [
            worker.deadline
            for worker in world.workers
            if worker is not None and not worker.late and worker.deadline > 0
        ]
        leases = [
            record.lease_expires_at - NOW
            for record in world.records
            if record is not None
            and record.lease_expires_at is not None
            and record.lease_expires_at > NOW
        ]
        # When a fast clock already sees the end of a lease, and when a short retention ends.
        early = [lease - MARGIN for lease in leases if lease > MARGIN]
        expiries = [
            record.expires_at * 1000 - NOW
            for record in world.records
            if record is not None and NOW < record.expires_at * 1000 < NOW + DEADLINE
        ]
        pauses = [*deadlines, *leases, *(early if self._fast(world) else []), *expiries]
        if pauses:
            pause = min(pauses)
            passed = self._passed(world, pause)
            for slot, worker in enumerate(passed.workers):
                if worker is not None and worker.deadline <= 0 and not worker.late:
                    yield from self._overdue(passed, slot)
                    return
            yield Move(f"{pause} ms pass", passed, calm=True)
        elif world.budget.retention and not any(world.workers) and any(world.records):
            pause = max(each.expires_at * 1000 - NOW for each in world.records if each is not None)
            passed = _spent(self._passed(world, pause), "retention")
            yield Move(f"the retention passes ({pause} ms)", passed, calm=False)
        for index, record in enumerate(world.records):
            if record is not None and world.budget.foreign and not any(world.workers):
                parked = replace(record, status="PARKED", owner=Owner("newer"))
                yield Move(
                    f"a newer version parks {KEYS[index]}",
                    _recorded(_spent(world, "foreign"), index, parked),
                    calm=False,
                )
            if record is not None and record.expires_at * 1000 <= NOW:
                gone = _recorded(world, index, None)
                yield Move(f"TTL deletes the record of {KEYS[index]}", gone, calm=False)

    def _fast(self, world: World) -> bool:
        return world.budget.fast > 0 or any(
            each is not None and each.skew for each in world.workers
        )

    def _overdue(self, world: World, slot: int) -> Iterator[Move]:
        killed = self._gone(world, slot, cause="b")
        yield Move(f"Lambda ends worker {slot} at its deadline", self._all_due(killed), calm=True)
        if world.budget.late:
            worker = world.workers[slot]
            assert worker is not None
            late = _put(_spent(world, "late"), slot, worker._replace(late=True))
            yield Move(f"worker {slot} outlives its deadline", self._all_due(late), calm=False)

    def _all_due(self, world: World) -> World:
        for slot, worker in enumerate(world.workers):
            if worker is not None and worker.deadline <= 0 and not worker.late:
                world = self._gone(world, slot, cause="b")
        return world

    def _passed(self, world: World, pause: int) -> World:
        workers = tuple(
            None
            if worker is None
            else worker._replace(
                deadline=max(0, worker.deadline - pause), lease=max(0, worker.lease - pause)
            )
            for worker in world.workers
        )
        records = tuple(_aged(record, pause) for record in world.records)
        facts = tuple(
            each._replace(confirmed=False, causes="")
            if record is not None
            and record.status == Status.COMPLETED
            and record.expires_at * 1000 <= NOW
            else each
            for each, record in zip(world.facts, records, strict=True)
        )
        return world._replace(workers=workers, records=records, facts=facts)

    def _zombie(self, world: World, zombie: tuple[type, Request]) -> Move:
        kind, request = zombie
        index = KEYS.index(request.record_id[-1])
        rest = list(world.zombies)
        rest.remove(zombie)
        moved, _ = self._stored(
            world._replace(zombies=tuple(rest)), index, kind, request, worker=None
        )
        return Move(f"the delayed {kind.__name__.lower()} arrives", moved, calm=True)


_FRESH: dict[str, Any] = {
    "request": None,
    "attempts": ATTEMPTS,
    "lease": 0,
    "short": False,
    "claimed": False,
    "effected": False,
    "denied": False,
    "returned": False,
    "released": False,
}


def _check_own(verb: str, found: Record | None, request: Request) -> Record:
    if found is None or found.owner != request.owner:
        raise ViolationError(f"P3: a worker {verb} a record that is not its own")
    if found.status != Status.IN_PROGRESS:
        raise ViolationError(f"P3: a worker {verb} a record that is completed")
    return found


def _owner(worker: Worker) -> Owner | None:
    match worker.step:
        case Run(claim):
            return claim.owner
        case Complete(owner) | Release(owner):
            return owner
        case _:
            return worker.request.owner if worker.request else None


def _index(worker: Worker) -> int:
    assert worker.work is not None
    return KEYS.index(worker.work.key.text)


def _put(world: World, slot: int, worker: Worker | None) -> World:
    workers = (*world.workers[:slot], worker, *world.workers[slot + 1 :])
    return world._replace(workers=workers)


def _spent(world: World, fault: str) -> World:
    budget = world.budget._replace(**{fault: getattr(world.budget, fault) - 1})
    return world._replace(budget=budget)


def _recorded(world: World, index: int, record: Record | None) -> World:
    if record is not None:
        # When a record was made and completed decides nothing.
        record = replace(record, created_at=NOW, completed_at=None)
    records = (*world.records[:index], record, *world.records[index + 1 :])
    return world._replace(records=records)


def _stated(world: World, index: int, facts: Facts) -> World:
    return world._replace(facts=(*world.facts[:index], facts, *world.facts[index + 1 :]))


def _caused(world: World, index: int, worker: Worker, cause: str) -> World:
    """An effect whose owner is settled without a completion of its own needs a cause."""
    facts = world.facts[index]
    if not worker.effected or not cause or facts.confirmed:
        return world
    return _stated(world, index, facts._replace(causes="".join(sorted({*facts.causes, cause}))))


def _cause(end: Settled) -> str:
    match end.outcome:
        case Outcome.FAILED:
            return "a"
        case Outcome.INTERRUPTED | Outcome.LOST_LEASE:
            return "b"
        case Outcome.UNCONFIRMED:
            return "c"
        case _:
            return ""


def _aged(record: Record | None, pause: int) -> Record | None:
    if record is None:
        return None
    lease = record.lease_expires_at
    return replace(
        record,
        lease_expires_at=None if lease is None else EpochMillis(max(NOW, lease - pause)),
        expires_at=EpochSeconds(max(NOW // 1000, record.expires_at - pause // 1000)),
    )


def _renamed(request: Request, owner: Owner) -> Request:
    return replace(request, owner=owner)
