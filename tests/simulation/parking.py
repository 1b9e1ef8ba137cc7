"""What is known of parked messages: their copies, and the owner tokens that others have read.

A token is compared with the record's owner alone, and no owner comes back. So it matters only
whether what was read is still the record's owner: `SEEN`; or is not: `STALE`.
"""

from dataclasses import replace
from typing import Any

from idempotent_lambda.claims import ClaimRequest, Owner, Record, Request
from idempotent_lambda.heap import Heap

from .batches import KEYS
from .world import ME, SEEN, STALE, Call, Copy, Worker, World


def addressed(found: Record | None, request: Request) -> Request:
    """The request with the record's owner in the place of `SEEN`, as it is under way."""
    owner = STALE if found is None else found.owner
    if request.owner == SEEN:
        request = replace(request, owner=owner)
    if isinstance(request, ClaimRequest) and request.token == SEEN:
        request = replace(request, token=owner)
    return request


def superseded(world: World, index: int) -> World:
    """The world in which the record of this key has another owner, or is gone."""
    if not (world.copies or world.terms.claim.parks or world.budget.permanent):
        # Nobody has read an owner.
        return world
    key = KEYS[index]
    stale = Copy(index, redriven=False, token=STALE)
    return world._replace(
        workers=tuple(worker and _aged_worker(worker, key) for worker in world.workers),
        zombies=tuple(
            (kind, stage, _request(request))
            if request.record_id[-1] == key
            else (kind, stage, request)
            for kind, stage, request in world.zombies
        ),
        copies=tuple(
            sorted(
                stale._replace(redriven=copy.redriven) if copy.index == index else copy
                for copy in world.copies
            )
        ),
    )


def _aged_worker(worker: Worker, key: str) -> Worker:
    agenda = worker.agenda
    lines = {
        line: tuple(
            _call(call) if call.work.key.text == key else call for call in getattr(worker, line)
        )
        for line in ("main", "flight", "beside")
    }
    copy = worker.copy
    if copy is not None and KEYS[copy.index] == key:
        copy = copy._replace(token=STALE)
    return worker._replace(
        agenda=agenda._replace(later=_age_later(agenda.later, key)), copy=copy, **lines
    )


def _age_later(later: Heap | None, key: str) -> Heap | None:
    if later is None:
        return None
    top = later.top
    if top.work.key.text == key:
        top = top._replace(step=_step(top.step))
    return Heap(top, later.height, _age_later(later.left, key), _age_later(later.right, key))


def _call(call: Call) -> Call:
    request = call.request and _request(call.request)
    return call._replace(step=_step(call.step), request=request, reply=_step(call.reply))


def _step(step: Any) -> Any:
    """A step or reply that names an owner."""
    return replace(step, owner=STALE) if getattr(step, "owner", None) == SEEN else step


def _request(request: Request) -> Request:
    if request.owner == SEEN:
        request = replace(request, owner=STALE)
    if isinstance(request, ClaimRequest) and request.token == SEEN:
        request = replace(request, token=STALE)
    return request


def sent(world: World, slot: int, index: int, owner: Owner) -> World:
    """The world in which a copy that bears this token is in the dead-letter queue."""
    record = world.records[index]
    mine = owner == ME and record is not None and record.owner == f"w{slot}"
    copy = Copy(index, redriven=False, token=SEEN if owner == SEEN or mine else STALE)
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
    marked = record is not None and record.dead_lettered_at is not None
    tokens = [copy.token for copy in world.copies if copy.index == index]
    return SEEN in tokens if marked else bool(tokens)
