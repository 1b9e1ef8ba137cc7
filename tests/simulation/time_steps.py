"""How time passes: everything that has a time grows older by the same."""

from dataclasses import replace

from idempotent_lambda.clock import EpochMillis, EpochSeconds
from idempotent_lambda.pipeline.shared_plan import UNCONFIRMED_MILLIS
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.protocol.record import Record, Status

from .shell import wait_long
from .world import DEADLINE, MARGIN, NOW, Call, Worker, World

LONGEST = 10_000
"""No request is older than this by its own clock: no worker lives that long, and for a delayed
request it is all the same."""


def next_pause(world: World) -> int | None:
    """Milliseconds until the next moment at which something changes by itself."""
    deadlines = [
        worker.deadline
        for worker in world.workers
        if worker is not None and not worker.late and worker.deadline > 0
    ]
    # The end of a lease as each clock sees it that there may be.
    skews = (0, *[MARGIN] * _may_differ(world, "fast"), *[-MARGIN] * _may_differ(world, "behind"))
    leases = [
        record.lease_expires_at - NOW - skew
        for record in world.records
        if record is not None and record.lease_expires_at is not None
        for skew in skews
        if record.lease_expires_at - NOW > skew
    ]
    # When a short retention ends.
    expiries = [
        record.expires_at * 1000 - NOW
        for record in world.records
        if record is not None
        and record.expires_at is not None
        and NOW < record.expires_at * 1000 < NOW + DEADLINE
    ]
    waiting = [
        held.until
        for worker in world.workers
        if worker
        for held in worker.held
        if held and held.until
    ]
    return min([*deadlines, *leases, *expiries, *waiting], default=None)


def _may_differ(world: World, fault: str) -> bool:
    """Whether a worker's clock is, or may still be, fast or behind."""
    sign = 1 if fault == "fast" else -1
    skewed = any(worker is not None and worker.skew * sign > 0 for worker in world.workers)
    return skewed or bool(getattr(world.budget, fault))


def pass_time(world: World, pause: int) -> World:
    """The world after a pause."""
    workers = tuple(worker and _age_worker(worker, pause) for worker in world.workers)
    if pause > UNCONFIRMED_MILLIS:
        workers = tuple(worker and wait_long(worker) for worker in workers)
    zombies = tuple((kind, stage, _age_request(each, pause)) for kind, stage, each in world.zombies)
    asked = [call.request for worker in workers if worker for call in worker.calls]
    asked += [request for _, _, request in zombies]
    # What was over before the oldest request was made is over for everybody.
    slowest = NOW - MARGIN * _may_differ(world, "behind")
    horizon = min([slowest, *(request.now for request in asked if request)])
    records = tuple(_age_record(record, pause, horizon) for record in world.records)
    facts = tuple(
        each._replace(confirmed=False)
        if record is not None
        and record.status == Status.COMPLETED
        and record.expires_at is not None
        and record.expires_at * 1000 <= NOW
        else each
        for each, record in zip(world.facts, records, strict=True)
    )
    return world._replace(workers=workers, zombies=zombies, records=records, facts=facts)


def _age_worker(worker: Worker, pause: int) -> Worker:
    return worker._replace(
        deadline=max(0, worker.deadline - pause),
        held=tuple(
            each
            and each._replace(lease=max(0, each.lease - pause), until=max(0, each.until - pause))
            for each in worker.held
        ),
        main=tuple(_age_call(call, pause) for call in worker.main),
        flight=tuple(_age_call(call, pause) for call in worker.flight),
    )


def _age_call(call: Call, pause: int) -> Call:
    return call._replace(request=_age_request(call.request, pause)) if call.request else call


def _age_request(request: Request, pause: int) -> Request:
    now = EpochMillis(max(NOW - LONGEST, request.now - pause))
    if not isinstance(request, ClaimRequest):
        return replace(request, now=now)
    lease = EpochMillis(max(NOW - LONGEST, request.lease_expires_at - pause))
    return replace(request, now=now, lease_expires_at=lease)


def _age_record(record: Record | None, pause: int, horizon: int) -> Record | None:
    if record is None:
        return None
    lease, expiry = record.lease_expires_at, record.expires_at
    return replace(
        record,
        lease_expires_at=None if lease is None else EpochMillis(max(horizon, lease - pause)),
        expires_at=None
        if expiry is None
        else EpochSeconds(max(horizon // 1000, expiry - pause // 1000)),
    )
