"""The promises, as checks of the truth at the moments that can break them."""

from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimOutcome,
    ClaimRequest,
    Duplicate,
    InProgress,
    Request,
    Stray,
)
from idempotent_lambda.protocol.record import Owner, Record, Status
from idempotent_lambda.protocol.steps import Claim, Complete, Outcome, Release, Run, Settled, Step

from .batches import KEYS, Batch
from .parking import is_kept
from .world import ME, NOW, SEEN, Holding, ViolationError, Worker, World, find_key

UNDONE = (
    Outcome.FAILED,
    Outcome.NOT_STARTED,
    Outcome.TABLE_UNAVAILABLE,
    Outcome.DEFERRED,
    Outcome.BLOCKED,
)
"""Ends by which a worker says that nothing was done."""

CAUSES = {
    Outcome.FAILED: "a: its processor raised",
    Outcome.PARKED: "a: its processor raised that no retry will help",
    Outcome.INTERRUPTED: "b: its owner was interrupted",
    Outcome.LOST_LEASE: "b: its owner ran late",
    Outcome.UNCONFIRMED: "c: its completion could not be confirmed",
}
"""Why an effect may be repeated; there is no other cause but death, which is b too."""


def check_handed(
    world: World,
    worker: Worker,
    item: WorkItem,
    step: Step | Settled,
    together: list[WorkItem],
) -> None:
    """The plan hands out one task for each item at a time, and none after the item's end."""
    key = item.key.text
    if item in together or any(call.item is item for call in worker.calls):
        raise ViolationError(f"twice: {key} is worked on twice at once")
    if worker.held[item.place] is None:
        raise ViolationError(f"twice: {key} is worked on after its end")
    if isinstance(step, Claim):
        _check_claimed(world, worker, item, step, together)


def _check_claimed(
    world: World, worker: Worker, item: WorkItem, step: Claim, together: list[WorkItem]
) -> None:
    """What must hold of a worker that is to claim an item."""
    key = item.key.text
    in_progress = {each.place for each in (*together, *(call.item for call in worker.calls))}
    for place in worker.batch.same[item.place]:
        held = worker.held[place]
        # A lie that is not found out yet gets nothing of a record, no matter which worker holds it.
        lies = worker.batch.lies[item.place] and item.own_key is not None
        if not lies and (place in in_progress or (held is not None and held.claimed)):
            raise ViolationError(f"P4: {key} is claimed by a worker that has claimed it")
    previous = worker.batch.previous[item.place]
    if previous != item.place and is_undone(worker, previous):
        raise ViolationError(f"order: {key} is claimed though what is before it is not done")
    if step.takeover:
        _check_turn(worker, item)
    if world.terms.claim.park_interrupted and (together or worker.plan.ready):
        raise ViolationError(
            "park: an item that is not about to start is claimed, and may look interrupted"
        )
    if len(together) >= world.terms.window:
        raise ViolationError("window: more is claimed together than a window has")
    by_itself = step.takeover or item.repeats or item.place in worker.batch.strays
    if not (by_itself or world.terms.claim.park_interrupted or step.wait_for_lease):
        _check_border(worker)


def _check_border(worker: Worker) -> None:
    """Before a window is claimed, all of the one before is settled or on its way.

    What returned while completions were in flight may wait for them: they are counted together.
    """
    in_progress = {call.item.place for call in worker.calls}
    flying = any(isinstance(call.step, Complete) for call in worker.calls)
    for place, held in enumerate(worker.held):
        if (
            held is None
            or place in in_progress
            or not held.claimed
            or held.put_off
            or held.hopeless
        ):
            continue
        if not (held.returned and flying):
            what = "returned" if held.returned else "not started"
            raise ViolationError(f"window: the next is claimed while what has {what} is in hand")


def _check_turn(worker: Worker, item: WorkItem) -> None:
    """Takeovers come after everything else of their stage, fewest attempts first."""
    mine = worker.held[item.place]
    assert mine is not None
    for other, held in zip(worker.batch.items, worker.held, strict=True):
        if held is None or other is item or other.stage > item.stage:
            continue
        if not held.put_off:
            raise ViolationError("order: a stale record is taken over before others are settled")
        if held.put_off < mine.put_off:
            raise ViolationError("order: a stale record is taken over before a better one")
    if worker.flight:
        raise ViolationError("order: a stale record is taken over while completions are in doubt")


def check_start(world: World, slot: int, worker: Worker, run: Run, item: WorkItem) -> None:
    """What must hold when a processor starts."""
    index, held = find_key(item), worker.held[item.place]
    assert held is not None
    if not held.claimed:
        raise ViolationError("P7: a processor starts without a confirmed claim")
    if worker.short or worker.deadline <= 0:
        raise ViolationError("time: a processor starts with too little time left")
    if worker.halted:
        raise ViolationError("stop: a processor starts after the batch was to stop")
    interrupted = run.claim.attempts - 1
    if interrupted:
        _check_turn(worker, item)
    if interrupted > 1 and is_at_stake(worker):
        raise ViolationError("order: a suspect risks a message that is near its limit")
    if world.facts[index].confirmed:
        raise ViolationError(
            f"P5: worker {slot} repeats the effect of {KEYS[index]}, which is confirmed"
        )
    if world.facts[index].begun:
        raise ViolationError(f"park: {KEYS[index]} is run again without a redrive")
    _check_order(worker, item)
    _check_alone(world, slot, index)
    if is_late(worker) or (is_overdue(worker) and not worker.plan.completing):
        raise ViolationError("bound: a processor starts while a completion is overdue")
    # With what another thread runs at most, and with the effect that is to come.
    if count_unproven(world, worker) >= _most_unproven(world):
        raise ViolationError("bound: a processor starts while as much is in doubt as may be")


def is_overdue(worker: Worker) -> bool:
    """Whether a completion has waited for too long to be sent."""
    return any(worker.due >> item.place & 1 for item, _ in worker.plan.returned)


def is_late(worker: Worker) -> bool:
    """Whether a completion in flight has waited for too long for its answer."""
    flying = (call.item.place for call in worker.calls if isinstance(call.step, Complete))
    return any(worker.due >> place & 1 for place in flying)


def is_at_stake(worker: Worker) -> bool:
    """Whether a message that the worker will acknowledge is near its limit."""
    return any(worker.batch.items[place].near_receive_limit for place in worker.acknowledged)


def count_unproven(world: World, worker: Worker) -> int:
    """Return how many effects have happened and are not confirmed."""
    return sum(
        bool(held and held.effected and not held.denied)
        and not world.facts[find_key(item)].confirmed
        for item, held in zip(worker.batch.items, worker.held, strict=True)
    )


def _most_unproven(world: World) -> int:
    return world.terms.window + world.terms.concurrency - 1


def is_undone(worker: Worker, place: int) -> bool:
    """Whether an item is not, or will not be, acknowledged: it ended so, or is given up."""
    held = worker.held[place]
    if held is None:
        return place not in worker.acknowledged
    given_up = [item.place for item, _ in worker.plan.given_up]
    given_up += [call.item.place for call in worker.calls if isinstance(call.step, Release)]
    return place in given_up or (held.denied and not held.hopeless)


def _check_alone(world: World, slot: int, index: int) -> None:
    """Nobody else's lease is live."""
    for other, rival in enumerate(world.workers):
        if rival is None or other == slot:
            continue
        leases = (
            held.lease
            for item, held in zip(rival.batch.items, rival.held, strict=True)
            if held is not None and find_key(item) == index
        )
        if any(lease > 0 for lease in leases):
            raise ViolationError(
                f"P2: worker {slot} starts {KEYS[index]} while the lease of worker {other} is live"
            )


def _check_order(worker: Worker, item: WorkItem) -> None:
    """In a group nothing starts before what precedes it is confirmed."""
    key, items = item.key.text, worker.batch.items
    for place in worker.batch.earlier[item.place]:
        before = items[place].key.text
        if worker.held[place] is not None:
            raise ViolationError(f"order: {key} starts before {before} is confirmed")
        if place not in worker.acknowledged:
            raise ViolationError(f"order: {key} starts though {before} is not done")
    for place in worker.batch.tried[item.place]:
        if worker.held[place] is not None:
            before = items[place].key.text
            raise ViolationError(f"order: {key} starts before {before}, which leads another group")


def check_end(world: World, slot: int, worker: Worker, item: WorkItem, end: Settled) -> None:
    """What must hold when a worker is done with an item."""
    index, held = find_key(item), worker.held[item.place]
    facts, record = world.facts[index], world.records[index]
    assert held is not None
    if end.acknowledged and not facts.completed and end.outcome is not Outcome.PARKED:
        raise ViolationError(f"P1: {KEYS[index]} is acknowledged and was never completed")
    mine = record is not None and record.owner == f"w{slot}"
    unnoted = record is not None and record.dead_lettered_at is None
    if end.acknowledged and unnoted and record.status == Status.PARKED:
        raise ViolationError(f"P1: {KEYS[index]} is acknowledged, and its copy is not noted")
    if held.hopeless and end.outcome not in (Outcome.PARKED, Outcome.LOST_LEASE):
        raise ViolationError(f"park: {KEYS[index]} is hopeless, and not parked")
    waiting = world.terms.claim.wait_for_lease and not worker.short and held.until < worker.deadline
    if end.outcome is Outcome.IN_PROGRESS and waiting:
        raise ViolationError(f"wait: {KEYS[index]} is busy for less time than is left")
    if end.outcome in UNDONE and mine and not held.released:
        assert record is not None
        if record.status == Status.IN_PROGRESS:
            raise ViolationError("release: a claim is left behind though nothing was done")
    unproven = held.effected and not facts.confirmed and not end.acknowledged
    if unproven and end.outcome not in CAUSES:
        raise ViolationError(
            f"P5: the effect of {KEYS[index]} may be repeated, and {end.outcome} is no cause"
        )


def check_kept(world: World, index: int) -> None:
    """What must hold once a worker has acknowledged a key."""
    if not (world.facts[index].completed or is_kept(world, index)):
        raise ViolationError(f"P1: {KEYS[index]} is acknowledged, not done, and nobody has it")


def check_sent(world: World, index: int, owner: Owner) -> None:
    """Only of what is parked a copy is sent, so that its token has something to unlock."""
    record = world.records[index]
    if owner == SEEN and record is not None and record.status != Status.PARKED:
        raise ViolationError(f"park: a copy of {KEYS[index]} is sent, which is not parked")


def check_answer(worker: Worker) -> None:
    """What must hold when a worker answers, and its main thread has nothing in hand."""
    if worker.flight:
        raise ViolationError("P1: a worker answers while a completion is unanswered")
    messages = worker.batch.messages
    for at, message in enumerate(messages):
        if message.group is None or message.place not in worker.acknowledged:
            continue
        for before in messages[:at]:
            if before.group == message.group and before.place not in worker.acknowledged:
                raise ViolationError(
                    f"order: {message.name} is acknowledged, and {before.name} before it is not"
                )


def check_doubt(world: World, worker: Worker) -> None:
    """A crash puts in doubt only completions in flight or gathered since, and running items."""
    at_risk = {call.item.place for call in worker.calls}
    at_risk |= {item.place for item, _ in worker.plan.returned}
    for item, held in zip(worker.batch.items, worker.held, strict=True):
        index = find_key(item)
        unproven = held and held.effected and not held.denied and not world.facts[index].confirmed
        if unproven and item.place not in at_risk:
            raise ViolationError(f"P5: a crash puts the effect of {KEYS[index]} in doubt, too")
    if count_unproven(world, worker) > _most_unproven(world):
        raise ViolationError("bound: a crash puts more effects in doubt than may be")


def check_idle(worker: Worker) -> None:
    """An overdue completion does not wait for a run while the main thread has nothing to do."""
    if is_overdue(worker) and not (worker.main or worker.plan.completing):
        raise ViolationError("bound: an overdue completion waits, though the main thread is idle")


def check_given_back(held: Holding | None) -> None:
    """Only what was not done is given back; a delayed request has nobody to ask."""
    if held is not None and held.effected and not held.denied:
        raise ViolationError("P5: a claim is given back although its effect has happened")


def check_returned(held: Holding | None) -> None:
    """Only what returned is completed."""
    if held is not None and not held.returned:
        raise ViolationError("P1: a key is completed though its processor did not return")


def check_own(verb: str, found: Record | None, request: Request) -> Record:
    """The record, which must be the asker's and in progress."""
    if found is None or found.owner != request.owner:
        raise ViolationError(f"P3: a worker {verb} a record that is not its own")
    if found.status != Status.IN_PROGRESS:
        raise ViolationError(f"P3: a worker {verb} a record that is completed")
    return found


def check_parked(found: Record | None, request: Request, *, seen: bool) -> Record:
    """The record, which must be the asker's, or stale when it was read and still the same."""
    own = check_own("parks", found, request)
    if seen and (own.lease_expires_at or NOW) > NOW:
        raise ViolationError("P2: a worker parks what another may be at")
    return own


def check_marked(world: World, index: int, found: Record | None, request: Request) -> Record:
    """The record, which must be parked, and its copy sent."""
    if found is None or found.owner != request.owner or found.status != Status.PARKED:
        raise ViolationError("P3: a worker marks a record that it has not parked or found parked")
    tokens = {copy.token for copy in world.copies if copy.index == index}
    if not tokens & {SEEN, found.owner}:
        raise ViolationError(f"P1: {KEYS[index]} is marked, and there is no copy that unlocks it")
    return found


def check_key(batch: Batch, item: WorkItem) -> None:
    """Nothing is claimed by the key of another."""
    if batch.lies[item.place] and item.key.text != batch.letters[item.place]:
        raise ViolationError(f"P1: {item.key.text} is taken by what only states its key")


def check_stray(world: World, index: int) -> None:
    """Only once the retention is over a copy may run under another key than its record had."""
    facts = world.facts[index]
    if not (facts.forgotten or (facts.completed and not facts.confirmed)):
        raise ViolationError(f"P5: the copy of {KEYS[index]} is taken for another message")


def check_claimable(found: Record | None, request: ClaimRequest) -> None:
    """What must hold of the record that a claim replaces."""
    if found is None:
        return
    if found.status not in set(Status):
        raise ViolationError("P8: a record of an unknown status is claimed")
    if found.status == Status.PARKED and request.token != found.owner:
        raise ViolationError("park: a parked record is claimed without its copy")
    if request.stated and found.lease_expires_at and found.unlocked_by not in (None, request.token):
        raise ViolationError("park: an older copy goes on with what a newer one has unlocked")
    if found.lease_expires_at and not request.takeover:
        raise ViolationError("order: a stale record is taken over without a look")


def check_judged(found: Record | None, request: ClaimRequest, judged: ClaimOutcome | None) -> None:
    """What must hold of a claim's outcome that was read off the record."""
    if found is None or judged is None:
        return
    # A mutant adds to its token with every attempt.
    mine = found.owner.startswith(ME) and found.status == Status.IN_PROGRESS
    # What only claims to be a copy may meet what its own batch has claimed, and gets nothing of it.
    if mine and not isinstance(judged, Claimed | Stray):
        raise ViolationError("P4: a worker is a duplicate of itself")
    live = found.status == Status.IN_PROGRESS and (found.lease_expires_at or 0) > request.now
    if isinstance(judged, InProgress) and not live:
        raise ViolationError("P9: a key is reported as in progress, and is not")
    expiry = found.expires_at
    if isinstance(judged, Duplicate) and expiry is not None and expiry * 1000 <= request.now:
        raise ViolationError("retention: an expired record suppresses a message")
