"""The world's knowledge of parked messages: their copies, and owner tokens that others have read.

A worker compares a token with the record's owner and with the tokens that the record keeps. The
record keeps the tokens of copies that claimed it by the token that they state: a release parks it
for such a copy again. No other owner ever comes back. So a token that was read is the record's
owner: `SEEN`; or is not its owner, and never will be: `STALE`; or is a token that the record keeps.
Each kept token has a name, `KNOWN` and a number, under which it is read when it is the owner again.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.heap import Heap
from idempotent_lambda.protocol.plan_state import FollowUp
from idempotent_lambda.protocol.record import Owner, Record, Status

from .batches import KEYS
from .world import (
    KNOWN,
    ME,
    NOW,
    SEEN,
    STALE,
    Call,
    Copy,
    Worker,
    World,
    recorded,
    spent,
    stated,
)

FollowUps = Heap[FollowUp[WorkItem]] | None
Names = Callable[[Any], Any]
"""The new name of an owner."""


def addressed(found: Record | None, request: Request) -> Request:
    """The request with the record's owner in the place of `SEEN`, as it is under way."""
    owner = STALE if found is None else found.owner
    if request.owner == SEEN:
        request = replace(request, owner=owner)
    if request.token == SEEN:
        request = replace(request, token=owner)
    return request


def superseded(world: World, index: int, token: str | None = None, *, kept: bool = True) -> World:
    """The world in which the record of this key has another owner, or is gone.

    Args:
        world: as it was.
        index: which key.
        token: the new name of `SEEN`, if it is the token by which a copy claims the record.
        kept: the record still has the tokens that it kept.
    """
    if not (world.copies or world.terms.claim.park_interrupted or world.budget.permanent):
        # Nobody has read an owner.
        return world
    key, record = KEYS[index], world.records[index]
    owners = [f"w{slot}" for slot in range(len(world.workers))]
    # It may be the token of a worker that has parked the record and has not sent or noted its copy.
    parker = record.owner if record and token else None

    def named(owner: Any, own: str | None = None) -> Any:
        if owner == SEEN or (owner == own and own):
            return token or STALE
        is_known = isinstance(owner, str) and owner.startswith(KNOWN)
        return STALE if is_known and not kept else owner

    return world._replace(
        workers=tuple(
            worker and _aged_worker(worker, key, partial(named, own=ME if at == parker else None))
            for at, worker in zip(owners, world.workers, strict=True)
        ),
        zombies=tuple(
            (kind, stage, _request(request, partial(named, own=parker)))
            if request.record_id[-1] == key
            else (kind, stage, request)
            for kind, stage, request in world.zombies
        ),
        copies=tuple(sorted(_copy(copy, key, named) for copy in world.copies)),
    )


def _aged_worker(worker: Worker, key: str, named: Names) -> Worker:
    plan = worker.plan
    lines = {
        line: tuple(
            _call(call, named) if call.item.key.text == key else call
            for call in getattr(worker, line)
        )
        for line in ("main", "flight", "concurrent")
    }
    return worker._replace(
        plan=plan._replace(follow_ups=_age_follow_ups(plan.follow_ups, key, named)),
        copies=tuple(_copy(copy, key, named) for copy in worker.copies),
        **lines,
    )


def _copy(copy: Copy, key: str, named: Names) -> Copy:
    return copy._replace(token=named(copy.token)) if KEYS[copy.index] == key else copy


def _age_follow_ups(follow_ups: FollowUps, key: str, named: Names) -> FollowUps:
    if follow_ups is None:
        return None
    top = follow_ups.top
    if top.item.key.text == key:
        top = top._replace(step=_step(top.step, named))
    left, right = (
        _age_follow_ups(each, key, named) for each in (follow_ups.left, follow_ups.right)
    )
    return Heap(top, follow_ups.height, left, right)


def _call(call: Call, named: Names) -> Call:
    request = call.request and _request(call.request, named)
    step, reply = _step(call.step, named), _step(call.reply, named)
    return call._replace(step=step, request=request, reply=reply)


def _step(step: Any, named: Names) -> Any:
    """A step or reply that names an owner."""
    owner = getattr(step, "owner", None)
    return step if named(owner) == owner else replace(step, owner=named(owner))


def _request(request: Request, named: Names) -> Request:
    if named(request.owner) != request.owner:
        request = replace(request, owner=named(request.owner))
    if named(request.token) != request.token:
        request = replace(request, token=named(request.token))
    return request


def new_token(world: World, index: int) -> str:
    """A name that no token of this key has."""
    record, key = world.records[index], KEYS[index]
    copies = (*world.copies, *(copy for each in world.workers if each for copy in each.copies))
    names = {copy.token for copy in copies if KEYS[copy.index] == key}
    names |= set(record.copy_tokens or ()) if record else set()
    return next(name for at in range(len(names) + 1) if (name := f"{KNOWN}{at}") not in names)


def sent(world: World, slot: int, index: int, owner: Owner) -> World:
    """The world in which a copy that carries this token is in the dead-letter queue."""
    record = world.records[index]
    mine = owner == ME and record is not None and record.owner == f"w{slot}"
    token = owner if owner.startswith(KNOWN) else SEEN if owner == SEEN or mine else STALE
    copy = Copy(index, redriven=False, token=token)
    return world._replace(copies=tuple(sorted((*world.copies, copy))))


def without(world: World, copy: Copy) -> World:
    """The world with one such copy less, if there is one."""
    copies = list(world.copies)
    if copy in copies:
        copies.remove(copy)
    return world._replace(copies=tuple(copies))


def redriven(world: World, copy: Copy) -> World:
    """The world in which an operator has moved the copy to the queue."""
    copies = (*without(world, copy).copies, copy._replace(redriven=True))
    return world._replace(copies=tuple(sorted(copies)))


def is_kept(world: World, index: int) -> bool:
    """Whether a message of this key, or a copy of use, is still to be delivered.

    A copy that unlocks nothing is of use as long as its delivery would have another one sent.
    """
    if any(name[0] == KEYS[index] for name in world.unacknowledged):
        return True
    record = world.records[index]
    tokens = {copy.token for copy in world.copies if copy.index == index}
    if record is not None and record.dead_lettered_at is not None:
        return bool(tokens & {SEEN, record.owner})
    # What is stale is gone on with by the copy that has unlocked it, and by nobody else.
    mine = record and record.status == Status.IN_PROGRESS and record.unlocked_by
    return mine in tokens if mine else bool(tokens)


def resolved(world: World, index: int) -> World:
    """The world in which an operator has said of a parked record that it is completed."""
    found, facts = world.records[index], world.facts[index]
    assert found is not None
    asked = Request(record_id=found.id, owner=found.owner, now=NOW, retention=world.terms.retention)
    about: Any = {"status": Status.COMPLETED, "expires_at": asked.expires_at}
    record = replace(found, dead_lettered_at=None, **about)
    done = stated(world, index, facts._replace(completed=True, confirmed=True))
    return spent(recorded(done, index, record), "resolve")
