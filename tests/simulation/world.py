"""The world of a few deliveries as values: the queue, the workers, the records and the truth.

Times are kept relative to now, which is always `NOW`, so that equal situations are equal states.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple, cast

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds
from idempotent_lambda.pipeline.grouping import group_by_key
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol import lifecycle
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.protocol.conditions import Condition, Missing
from idempotent_lambda.protocol.judgement import (
    build_claimed_record,
    explain_failed_claim,
    explain_failed_completion,
    explain_failed_parking,
    judge_existing,
)
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import WINDOW, Decision
from idempotent_lambda.protocol.record import IS_OWNED, IS_PARKED_BY_OWNER, Owner, Record, Status
from idempotent_lambda.protocol.steps import Claim, Reply, Step

from .batches import KEYS, Batch, Grouping, unacknowledged_at

NOW = EpochMillis(1_000_000_000)
DEADLINE = 4_000
MARGIN = 2_000
RETENTION = Seconds(1_000)

ABSENT = Missing("id")

ME = Owner("me")
"""The owner token of a worker as itself knows it. In the table it is "w" and the worker's place."""
GONE = Owner("gone")
"""The owner of a record whose worker is done with the key: nobody will ever present it again."""
LATE = Owner("late")
"""The same, but a delayed request of that worker is still under way."""
SEEN = Owner("seen")
"""The owner of a record, as all others know it who have read it, and as its copies bear it."""
KNOWN = "known"
"""What the tokens begin with that a copy has shown to claim a record by what it states. Such a
token may become the record's owner again, so each has a number."""
STALE = Owner("stale")
"""Who was the owner when it was read. Tokens are never used again, so this one is no record's."""


class Terms(NamedTuple):
    """What stays the same through a scenario.

    Attributes:
        retention: of completed records, in seconds.
        concurrency: how many messages of a batch run at the same time; 1 or 2.
        claim: how claims are made.
        transactional: effects are writes that are committed with the completion.
        window: how many are claimed at once, and may have returned without a confirmed completion.
        quick: no flusher is there before something that returned has waited.
        parked: the keys that are parked at first. There is a copy for each letter.
        stated: copies have another key by themselves, and only state the one of their record.
        company: what comes in one batch with a redriven copy, each of which is a "!" here.
        spare: how many more workers there may be at the same time than deliveries.
    """

    retention: Seconds = RETENTION
    concurrency: int = 1
    claim: Claim = Claim()
    transactional: bool = False
    window: int = WINDOW
    quick: bool = False
    parked: str = ""
    stated: bool = False
    company: str = "!"
    spare: int = 0


PLAIN = Terms()
"""Most scenarios have these."""


class Budget(NamedTuple):
    """How many faults of each kind may still happen.

    Attributes:
        crash: a process dies, or its processor calls sys.exit.
        lost: a request or its answer is lost.
        delayed: a lost request arrives after all, at any later moment; one at most.
        exception: a processor raises, before or after its effect.
        permanent: a processor raises PermanentFailure, before or after its effect.
        redrive: a copy from the dead-letter queue is delivered, for the first time or again.
        late: a process outlives its deadline, as on Lambda Managed Instances.
        fast: a process whose clock is ahead by the whole margin.
        behind: a process whose clock is behind by the whole margin.
        short: a worker has too little time left to start anything more, or to wait for its
            flusher.
        slow: the table takes too long: a completion in flight gets its second and is not answered,
            or the patience with the table is used up before the next claim.
        tick: a returned item waits for so long that its completion is overdue.
        retention: everything pauses until completed records expire.
        foreign: a newer version gives a record a status that this version does not know.
        resolve: an operator marks a parked record as completed, and leaves its copies.
    """

    crash: int = 0
    lost: int = 0
    delayed: int = 0
    exception: int = 0
    permanent: int = 0
    redrive: int = 0
    late: int = 0
    fast: int = 0
    behind: int = 0
    short: int = 0
    slow: int = 0
    tick: int = 0
    retention: int = 0
    foreign: int = 0
    resolve: int = 0


class Facts(NamedTuple):
    """What has truly happened to one key, whatever the record says.

    Attributes:
        completed: a completion was written.
        confirmed: an effect's own completion was written, and the retention runs.
        committed: the writes of a transaction took effect.
        begun: in park mode, a processor has started since the last redrive, and nothing says that
            it has done nothing.
        forgotten: TTL has deleted its record, so a copy that only states its key has another one.
    """

    completed: bool = False
    confirmed: bool = False
    committed: bool = False
    begun: bool = False
    forgotten: bool = False


class Copy(NamedTuple):
    """A copy of a parked message.

    Attributes:
        index: its key.
        redriven: it has been moved to the queue; before, it is in the dead-letter queue.
        token: `SEEN`, `STALE`, or one that begins with `KNOWN`.
    """

    index: int
    redriven: bool
    token: Owner


class Stage(StrEnum):
    """What a call to the table does next."""

    LOOK = "look at"
    """Read the record before anything else, because the message was delivered before."""
    INSERT = "insert of"
    """Make the record if there is none."""
    CHECK = "check of"
    """Read the record that kept the insert from being made."""
    WRITE = "write"
    """The one conditional write of a claim, a completion or a release."""
    NONE = ""
    """It is not a call, or it is answered."""


class Call(NamedTuple):
    """One task that a worker has begun.

    Attributes:
        request: repeated until it has an answer; None for a run, and once answered.
        reply: the answer, kept until the whole group is answered.
    """

    item: WorkItem
    step: Step
    request: Request | None = None
    stage: Stage = Stage.NONE
    reply: Reply | None = None


class Holding(NamedTuple):
    """The truth about one item that is not settled yet.

    Attributes:
        put_off: the attempts of its stale record, if that is what it waits for.
        lease: milliseconds left of its claim by its own clock; 0 without one, or once settled.
        claimed: its claim was confirmed.
        effected: its effect has happened.
        denied: its processor raised: it says that nothing was done.
        hopeless: it raised that no retry will help.
        returned: its processor returned: it says that all is done.
        released: it has been tried to give the claim back.
        until: milliseconds left of the lease that it waits for.
        silent: a call about it was given up without an answer.
    """

    put_off: int = 0
    lease: int = 0
    claimed: bool = False
    effected: bool = False
    denied: bool = False
    hopeless: bool = False
    returned: bool = False
    released: bool = False
    until: int = 0
    silent: bool = False


class Worker(NamedTuple):
    """One invocation.

    Attributes:
        batch: the batch that it has received.
        held: its holding for each item of its batch; None if the item is settled.
        main: the group of calls of its main thread; empty while it waits, or at the end.
        flight: the completions that the flusher has in flight.
        concurrent: the calls of another thread, if several threads may run at the same time.
        acknowledged: the places of the items that its answer will acknowledge.
        due: a bit for each place whose completion is overdue.
        saw_slow_processor: a flusher may be there.
        copies: the copies among its messages, in their order.
        skew: milliseconds by which its clock is ahead; negative if it is behind.
        deadline: milliseconds until Lambda ends it.
        short: too little time is left to start anything.
        halted: nothing more must be started: time, an interruption, an unconfirmed completion.
        late: it has outlived its deadline.
    """

    plan: BatchPlan[WorkItem]
    batch: Batch
    held: tuple[Holding | None, ...]
    main: tuple[Call, ...] = ()
    flight: tuple[Call, ...] = ()
    concurrent: tuple[Call, ...] = ()
    acknowledged: frozenset[int] = frozenset()
    due: int = 0
    saw_slow_processor: bool = True
    copies: tuple[Copy, ...] = ()
    skew: int = 0
    deadline: int = DEADLINE
    short: bool = False
    halted: bool = False
    late: bool = False

    @property
    def calls(self) -> tuple[Call, ...]:
        """All that it has in hand."""
        return self.main + self.flight + self.concurrent

    def copy_at(self, place: int) -> Copy | None:
        """The copy whose token the item in this place shows; None if it has none."""
        found = zip(self.batch.copies, self.copies, strict=True)
        return next((copy for at, copy in found if at == place), None)


Zombie = tuple[type, Stage, Request]
"""A delayed request: its step, and one of the stages of the step."""


class World(NamedTuple):
    """Everything.

    Attributes:
        unacknowledged: the names of messages that the queue delivers again; of copies, see there.
        copies: in the dead-letter queue, and redriven ones that are not acknowledged.
    """

    unstarted: tuple[str, ...]
    workers: tuple[Worker | None, ...]
    records: tuple[Record | None, ...]
    facts: tuple[Facts, ...]
    zombies: tuple[Zombie, ...]
    unacknowledged: tuple[str, ...]
    budget: Budget
    terms: Terms
    copies: tuple[Copy, ...] = ()


class Move(NamedTuple):
    """One thing that happens.

    Attributes:
        story: the event, as a sentence for people.
        calm: it is not a fault, and happens even if nothing goes wrong any more.
    """

    story: str
    world: World
    calm: bool


class ViolationError(Exception):
    """A promise is broken; the text says which."""


@dataclass(frozen=True)
class Protocol:
    """The decisions under test, from production. Mutants and known-bad protocols replace some.

    Attributes:
        conditions: conditions of claims that replace production's, by whether a stale record may be
            taken and whether the claimant carries a token; and True if it states its key.
        insert: the condition that a record must meet for an insert to be made.
        decide: the decision of a thread that has nothing to do.
        hires: a flusher comes for waiting completions, however quick the processor is.
        wakes: a main thread that waits looks every second whether a completion is overdue.
        group: how a batch becomes items.
        commits: when the writes of a transaction take effect: "together" with the completion, "at
            any rate" when that is tried, or "before" it.
        sends_token: copies carry the owner token.
        shows_token: claims show the token of their copy.
        build_claimed_record: the record after a claim.
        restate: the item of a message that is not a copy, with the key that it has by itself.
        gives_back: a record that belongs to a copy is parked again when it is released.
        checks_inserts: an insert that finds a record reads it.
        remembers_inserts: a claim given up after an insert is reported as perhaps made.
        asks_time: claims are decided by the table's clock instead of the claimant's.
    """

    advance: Callable[..., Any] = lifecycle.advance
    plan: type[BatchPlan[WorkItem]] = BatchPlan
    decide: Callable[..., tuple[BatchPlan[WorkItem], Decision]] = BatchPlan.decide
    hires: bool = True
    wakes: bool = True
    group: Grouping = group_by_key
    conditions: Mapping[tuple[bool, ...], Condition] = field(default_factory=dict)
    insert: Condition = ABSENT
    to_complete: Condition = IS_OWNED
    to_release: Condition = IS_OWNED
    to_park: Condition = IS_OWNED
    to_mark: Condition = IS_PARKED_BY_OWNER
    judge_existing: Callable[..., Any] = judge_existing
    explain_failed_claim: Callable[..., Any] = explain_failed_claim
    explain_failed_completion: Callable[..., Any] = explain_failed_completion
    explain_failed_parking: Callable[..., Any] = explain_failed_parking
    claim_expiry: Callable[[ClaimRequest], EpochSeconds] = lambda request: request.expires_at
    completion_expiry: Callable[[Request], EpochSeconds] = lambda request: request.expires_at
    lease: int = DEADLINE + MARGIN
    owner_per_attempt: bool = False
    checks_inserts: bool = True
    remembers_inserts: bool = True
    asks_time: bool = False
    commits: str = "together"
    sends_token: bool = True
    shows_token: bool = True
    build_claimed_record: Callable[..., Record] = build_claimed_record
    restate: Callable[[WorkItem], WorkItem] = lambda item: replace(
        item, key=cast("Any", item.own_key), own_key=None
    )
    gives_back: bool = True

    def condition(self, request: ClaimRequest) -> Condition:
        """What must hold of the record for this claim."""
        kind = (request.takeover, request.token is not None, *[True] * request.stated)
        return self.conditions.get(kind, request.condition)


def beginning(deliveries: tuple[str, ...], budget: Budget, terms: Terms) -> World:
    """The world before anything has happened."""
    keys = sorted(set("".join((*deliveries, terms.parked)).upper()) & set(KEYS))
    parked = [key in terms.parked for key in keys]
    begun = terms.claim.park_interrupted
    return World(
        unstarted=tuple(sorted(deliveries)),
        workers=(None,) * (len(deliveries) + terms.spare),
        records=tuple(
            _parked_record(key) if at else None for key, at in zip(keys, parked, strict=True)
        ),
        facts=tuple(Facts(begun=begun and at) for at in parked),
        zombies=(),
        unacknowledged=unacknowledged_at(deliveries),
        budget=budget,
        terms=terms,
        copies=tuple(
            sorted(Copy(KEYS.index(key), redriven=False, token=SEEN) for key in terms.parked)
        ),
    )


def _parked_record(key: str) -> Record:
    """A record that was parked long ago, and its copy sent."""
    about: Any = {"status": Status.PARKED, "created_at": NOW, "dead_lettered_at": NOW}
    return Record(id=f"sim#{key}", owner=GONE, **about)


def find_key(item: WorkItem) -> int:
    """Return which of the world's keys an item is about."""
    return KEYS.index(item.key.text)


def put(world: World, slot: int, worker: Worker | None) -> World:
    """The world with another worker in this place."""
    return world._replace(workers=(*world.workers[:slot], worker, *world.workers[slot + 1 :]))


def spent(world: World, fault: str) -> World:
    """The world in which one such fault fewer may happen."""
    budget = world.budget._replace(**{fault: getattr(world.budget, fault) - 1})
    return world._replace(budget=budget)


def recorded(world: World, index: int, record: Record | None) -> World:
    """The world with another record for this key."""
    if record is not None and (record.created_at, record.completed_at) != (NOW, None):
        # When a record was made and completed decides nothing.
        record = replace(record, created_at=NOW, completed_at=None)
    if record is not None and record.status == Status.PARKED:
        marked = None if record.dead_lettered_at is None else NOW
        record = replace(record, reason=None, dead_lettered_at=marked)
    return world._replace(records=(*world.records[:index], record, *world.records[index + 1 :]))


def stated(world: World, index: int, facts: Facts) -> World:
    """The world with another truth about this key."""
    return world._replace(facts=(*world.facts[:index], facts, *world.facts[index + 1 :]))


def holding(worker: Worker, place: int, held: Holding | None) -> Worker:
    """The worker with another truth about the item in this place."""
    return worker._replace(held=(*worker.held[:place], held, *worker.held[place + 1 :]))


def disowned(world: World, slot: int, index: int) -> World:
    """The world in which the worker in this place will not present its owner token again.

    What was its own is nobody's, so that equal situations are equal states. A delayed request
    still has the token.
    """
    record = world.records[index]
    mine = f"w{slot}"
    if not world.zombies and (record is None or not record.owner.startswith(mine)):
        return world
    delayed = [
        (kind, stage, replace(request, owner=LATE))
        if request.owner == mine and request.record_id[-1] == KEYS[index]
        else (kind, stage, request)
        for kind, stage, request in world.zombies
    ]
    under_way = tuple(delayed) != world.zombies
    if record is not None and record.owner.startswith(mine):
        world = recorded(world, index, replace(record, owner=LATE if under_way else GONE))
    return world._replace(zombies=tuple(delayed)) if under_way else world


def worker_at(world: World, slot: int) -> Worker:
    """The worker in this place, where there is one."""
    worker = world.workers[slot]
    assert worker is not None
    return worker


def with_call(worker: Worker, line: str, at: int, call: Call) -> Worker:
    """The worker with another call in one of its lines."""
    calls = getattr(worker, line)
    return worker._replace(**{line: (*calls[:at], call, *calls[at + 1 :])})
