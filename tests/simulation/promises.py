"""The promises, as checks of the truth at the moments that can break them."""

from idempotent_lambda import lifecycle
from idempotent_lambda.agenda import Work
from idempotent_lambda.claims import (
    Claimed,
    ClaimOutcome,
    ClaimRequest,
    Duplicate,
    Owner,
    Record,
    Request,
    Status,
)
from idempotent_lambda.lifecycle import Claim, Outcome, Run, Settled

from .parking import is_kept
from .world import KEYS, ME, NOW, SEEN, Held, ViolationError, Worker, World, place, work_of

UNDONE = (
    Outcome.FAILED,
    Outcome.NOT_STARTED,
    Outcome.UNAVAILABLE,
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
    world: World, worker: Worker, work: Work, step: lifecycle.Step | Settled, together: list[Work]
) -> None:
    """What the agenda hands out is one thing for each key, and never after its end."""
    index = place(work)
    if work in together or any(call.work is work for call in worker.calls):
        raise ViolationError(f"twice: {KEYS[index]} is worked on twice at once")
    if worker.held[index] is None:
        raise ViolationError(f"twice: {KEYS[index]} is worked on after its end")
    if isinstance(step, Claim) and step.takeover:
        _check_turn(world, worker, index)
    if isinstance(step, Claim) and world.terms.claim.parks and (together or worker.agenda.ready):
        raise ViolationError(
            "park: what is not about to start is claimed, and may look interrupted"
        )


def _check_turn(world: World, worker: Worker, index: int) -> None:
    """Takeovers come after everything else of their rank, fewest attempts first."""
    mine = worker.held[index]
    assert mine is not None
    for other, held in enumerate(worker.held):
        if held is None or other == index or _comes_later(world, index, other):
            continue
        if not held.put_off:
            raise ViolationError("order: a lapsed record is taken over before others are settled")
        if held.put_off < mine.put_off:
            raise ViolationError("order: a lapsed record is taken over before a better one")
    if worker.flight:
        raise ViolationError("order: a lapsed record is taken over while completions are in doubt")


def check_start(world: World, slot: int, worker: Worker, run: Run, index: int) -> None:
    """What must hold when a processor starts."""
    held = worker.held[index]
    assert held is not None
    if not held.claimed:
        raise ViolationError("P7: a processor starts without a confirmed claim")
    if worker.short or worker.deadline <= 0:
        raise ViolationError("time: a processor starts with too little time left")
    if worker.halted:
        raise ViolationError("stop: a processor starts after the batch was to stop")
    interrupted = run.claim.attempts - 1
    if interrupted:
        _check_turn(world, worker, index)
    if interrupted > 1 and any(work_of(each).nearly_spent for each in worker.acknowledged):
        raise ViolationError("order: a suspect risks a message that is nearly spent")
    if world.facts[index].confirmed:
        raise ViolationError(
            f"P5: worker {slot} repeats the effect of {KEYS[index]}, which is confirmed"
        )
    if world.facts[index].begun:
        raise ViolationError(f"park: {KEYS[index]} is run again without a redrive")
    _check_order(world, worker, index)
    _check_alone(world, slot, index)


def _check_alone(world: World, slot: int, index: int) -> None:
    """Nobody else's lease is live."""
    for other, rival in enumerate(world.workers):
        if rival is None or other == slot:
            continue
        theirs = rival.held[index]
        if theirs is not None and theirs.lease > 0:
            raise ViolationError(
                f"P2: worker {slot} starts {KEYS[index]} while the lease of worker {other} is live"
            )


def _check_order(world: World, worker: Worker, index: int) -> None:
    """In a group nothing starts before what precedes it is confirmed."""
    for group in world.terms.groups:
        earlier = group.partition(KEYS[index])[0] if KEYS[index] in group else ""
        for before in (each for each in earlier if each in worker.keys):
            if worker.held[KEYS.index(before)] is not None:
                raise ViolationError(f"order: {KEYS[index]} starts before {before} is confirmed")
            if before not in worker.acknowledged:
                raise ViolationError(f"order: {KEYS[index]} starts though {before} is not done")


def _comes_later(world: World, index: int, other: int) -> bool:
    return _rank(world, other) > _rank(world, index)


def _rank(world: World, index: int) -> int:
    return next(
        (keys.index(KEYS[index]) + 1 for keys in world.terms.groups if KEYS[index] in keys), 0
    )


def check_end(world: World, slot: int, worker: Worker, index: int, end: Settled) -> None:
    """What must hold when a worker is done with a key."""
    held, facts, record = worker.held[index], world.facts[index], world.records[index]
    assert held is not None
    if end.acknowledged and not facts.completed and end.outcome is not Outcome.PARKED:
        raise ViolationError(f"P1: {KEYS[index]} is acknowledged and was never completed")
    mine = record is not None and record.owner == f"w{slot}"
    unnoted = record is not None and record.dead_lettered_at is None
    if end.acknowledged and unnoted and record.status == Status.PARKED:
        raise ViolationError(f"P1: {KEYS[index]} is acknowledged, and its copy is not noted")
    if held.hopeless and end.outcome not in (Outcome.PARKED, Outcome.LOST_LEASE):
        raise ViolationError(f"park: {KEYS[index]} is hopeless, and not parked")
    waits = world.terms.claim.waits and not worker.short and held.until < worker.deadline
    if end.outcome is Outcome.BUSY and waits:
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
    for index, held in enumerate(worker.held):
        if held is not None:
            raise ViolationError(f"end: a worker answers, and {KEYS[index]} has come to no end")


def check_doubt(world: World, worker: Worker) -> None:
    """At a crash: what is in doubt is in flight, has gathered since, or runs; no more."""
    at_risk = {place(call.work) for call in worker.calls}
    at_risk |= {place(work) for work, _ in worker.agenda.returned}
    for index, held in enumerate(worker.held):
        unproven = held and held.effected and not held.denied and not world.facts[index].confirmed
        if unproven and index not in at_risk:
            raise ViolationError(f"P5: a crash puts the effect of {KEYS[index]} in doubt, too")


def check_given_back(held: Held | None) -> None:
    """Only what was not done is given back; a delayed request has nobody to ask."""
    if held is not None and held.effected and not held.denied:
        raise ViolationError("P5: a claim is given back although its effect has happened")


def check_returned(held: Held | None) -> None:
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
    """The record, which must be the asker's, or lapsed when it was read and still the same."""
    own = check_own("parks", found, request)
    if seen and (own.lease_expires_at or NOW) > NOW:
        raise ViolationError("P2: a worker parks what another may be at")
    return own


def check_marked(world: World, index: int, found: Record | None, request: Request) -> Record:
    """The record, which must be parked, and its copy sent."""
    if found is None or found.owner != request.owner or found.status != Status.PARKED:
        raise ViolationError("P3: a worker marks a record that it has not parked or found parked")
    if not any(copy.index == index and copy.token == SEEN for copy in world.copies):
        raise ViolationError(f"P1: {KEYS[index]} is marked, and there is no copy that unlocks it")
    return found


def check_claimable(found: Record | None, request: ClaimRequest) -> None:
    """What must hold of the record that a claim replaces."""
    if found is None:
        return
    if found.status not in set(Status):
        raise ViolationError("P8: a record of an unknown status is claimed")
    if found.status == Status.PARKED and request.token != found.owner:
        raise ViolationError("park: a parked record is claimed without its copy")
    if found.lease_expires_at and not request.takeover:
        raise ViolationError("order: a lapsed record is taken over without a look")


def check_judged(found: Record | None, request: ClaimRequest, judged: ClaimOutcome | None) -> None:
    """What must hold of a claim's outcome that was read off the record."""
    if found is None or judged is None:
        return
    # A mutant adds to its token with every attempt.
    mine = found.owner.startswith(ME) and found.status == Status.IN_PROGRESS
    if mine and not isinstance(judged, Claimed):
        raise ViolationError("P4: a worker is a duplicate of itself")
    expiry = found.expires_at
    if isinstance(judged, Duplicate) and expiry is not None and expiry * 1000 <= request.now:
        raise ViolationError("retention: an expired record suppresses a message")
