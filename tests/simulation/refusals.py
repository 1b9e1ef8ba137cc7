"""P9, no needless refusal: every message that a worker reports is reported for a reason.

The reason is read off what has happened, never off what the plan believes.
"""

from collections.abc import Callable

from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import InProgress, LostLease
from idempotent_lambda.protocol.steps import Interrupted, Outcome, Reply, Settled, Waited

from .promises import is_at_stake, is_undone
from .world import Holding, ViolationError, Worker

Reason = Callable[[Worker, WorkItem, Holding, Reply | None], bool]

REASONS: dict[Outcome, Reason] = {
    Outcome.FAILED: lambda _worker, _work, held, _reply: held.denied or held.silent,
    Outcome.INTERRUPTED: lambda *about: isinstance(about[-1], Interrupted),
    Outcome.UNCONFIRMED: lambda _worker, _work, held, _reply: held.silent,
    Outcome.TABLE_UNAVAILABLE: lambda worker, _work, held, _reply: held.silent or worker.halted,
    Outcome.PARKED: lambda _worker, _work, held, _reply: held.silent,
    Outcome.IN_PROGRESS: lambda *about: isinstance(about[-1], InProgress | Waited),
    Outcome.LOST_LEASE: lambda *about: isinstance(about[-1], LostLease),
    Outcome.DEFERRED: lambda worker, _work, held, _reply: held.put_off > 1 and is_at_stake(worker),
    Outcome.BLOCKED: lambda worker, item, _held, _reply: _is_blocked(worker, item),
    Outcome.NOT_STARTED: lambda worker, _work, _held, _reply: worker.halted,
}
"""By outcome: whether it is true of an item of a worker, given the reply that led to it."""


def check_refusal(worker: Worker, item: WorkItem, end: Settled, reply: Reply | None) -> None:
    """While time lasts, nothing is reported without a reason."""
    if end.acknowledged or _is_late(worker):
        return
    held, reason = worker.held[item.place], REASONS.get(end.outcome)
    assert held is not None
    if reason is None or not reason(worker, item, held, reply):
        raise ViolationError(f"P9: {item.key.text} is reported as {end.outcome}, for no reason")


def check_open(worker: Worker) -> None:
    """While time lasts, a worker answers only when it is done with every message."""
    if any(worker.held) and not _is_late(worker):
        raise ViolationError("P9: a worker answers, and is not done with a message")


def _is_late(worker: Worker) -> bool:
    return worker.short or worker.deadline <= 0


def _is_blocked(worker: Worker, item: WorkItem) -> bool:
    """Whether something before an item in its group, or with its key, is not acknowledged."""
    before = worker.batch.earlier[item.place]
    letters = worker.batch.letters[: item.place]
    repeated = {at for at, key in enumerate(letters) if key == worker.batch.letters[item.place]}
    return any(is_undone(worker, place) for place in before | repeated)
