"""The recording of a scenario: what happened, in order, as plain values."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NamedTuple

from idempotent_lambda.clock import Clock, Deadline
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import (
    ClaimAnswer,
    ClaimRequest,
    ClaimStore,
    CompleteAnswer,
    ParkAnswer,
    ReleaseAnswer,
    Request,
)
from idempotent_lambda_toolkit.testing.hammering.invocation import (
    NAMESPACE,
    Identity,
    Invocation,
)
from idempotent_lambda_toolkit.testing.hammering.steps import (
    RESENT,
    SLOW_MILLIS,
    DeliveryStep,
    Fault,
    FaultPoint,
)

_CHANGING_ID = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|AQEB[\w+/-]{20,}=*"  # a receipt handle
    r"|(?<![\w-])(?:[0-9a-fA-F]{24,}|(?=[A-Za-z_-]*\d)[\w-]{40,}"
    r"|-?\d{16,}|1[6-9]\d{8,}(?:\.\d+)?)(?![\w-])"
)
"""What looks like an id of one message or one run, or like the time: it differs between runs."""

_LONGEST_KEY = 200


class Kind(StrEnum):
    """What happened."""

    DELIVERED = "delivered"
    CLAIMED = "claimed"
    TAKEN_OVER = "taken over"
    DUPLICATE = "duplicate"
    IN_PROGRESS = "in progress"
    CLAIM_REFUSED = "claim refused"
    CLAIM_LOST = "answer to the claim lost"
    CLAIM_UNANSWERED = "claim not answered"
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    LOST_REQUEST = "request lost"
    LOST_ANSWER = "answer lost"
    EXITED = "SystemExit"
    KILLED = "killed"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    SLOW = "slow"
    COMPLETED = "completed"
    COMPLETION_LOST = "answer to the completion lost"
    COMPLETION_UNANSWERED = "completion not answered"
    COMPLETION_REFUSED = "completion refused"
    LEASE_LOST = "lease lost"
    RELEASED = "released"
    PARKED = "parked"
    RETURNED = "returned"
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    COMES_BACK = "comes back"


class Moment(NamedTuple):
    """One thing that happened.

    Attributes:
        seconds: simulated seconds since the first delivery.
        invocation: the number of the invocation, from 0.
        kind: what happened; a `Kind`.
        name: the side effect; for a delivery the source; for a raised exception its type.
        key: the key, without the namespace; empty if there is none.
        detail: more about a delivery or an end, such as ``"overlap"`` or ``"after"``.
        number: records of a delivery; the number of a side effect's token; else 0.
    """

    seconds: float
    invocation: int
    kind: Kind
    name: str = ""
    key: str = ""
    detail: str = ""
    number: int = 0


_FAULTS = {
    FaultPoint.EXITS: Kind.EXITED,
    FaultPoint.KILLED: Kind.KILLED,
    FaultPoint.SLOW: Kind.SLOW,
}


class Recording:
    """Collects what happens in a scenario."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._begin = clock, clock.monotonic()
        self._moments: list[Moment] = []
        self._numbers: dict[Invocation, int] = {}
        self._tokens: dict[tuple[str, str], int] = {}
        self._ids: dict[str, str] = {}
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def list_moments(self) -> tuple[Moment, ...]:
        """Return what happened, with `name_ids` in its keys."""
        return tuple(each._replace(key=self.name_ids(each.key)) for each in self._moments)

    def name_ids(self, text: str) -> str:
        """Replace ids that differ from run to run by ``id-1``, ``id-2`` and so on."""
        names = self._ids
        return _CHANGING_ID.sub(
            lambda found: names.setdefault(found[0], f"id-{len(names) + 1}"), text
        )

    def note(
        self,
        invocation: Invocation | None,
        kind: Kind,
        name: str = "",
        key: str = "",
        detail: str = "",
        *,
        number: int = 0,
    ) -> None:
        """Note what happened; see `Moment`."""
        if invocation is None:
            return
        with self._lock:
            place = self._numbers.setdefault(invocation, len(self._numbers))
            seconds = (self._clock.monotonic() - self._begin) / 1000
            moment = Moment(seconds, place, kind, name, key, detail, number)
            if not self._moments or self._moments[-1] != moment or kind in (Kind.BEGUN, Kind.DONE):
                self._moments.append(moment)

    def begin(self, invocation: Invocation, event: Mapping[str, Any], *, overlap: bool) -> None:
        """Note a delivery."""
        step = invocation.step
        records = event.get("Records")
        number = len(records) if isinstance(records, list) else 0
        first = step.event_index not in self._seen
        self._seen.add(step.event_index)
        detail = "overlap" if overlap else "first" if first and not self._moments else "again"
        if first and self._moments:
            detail = "resent" if step.event_index == RESENT else "other"
        place = f"record {step.only + 1}" if step.only is not None else ""
        self.note(invocation, Kind.DELIVERED, _name_source(event), place, detail, number=number)
        if step.short:
            left = f"{invocation.deadline.remaining() / 1000:g} s"
            self.note(invocation, Kind.SLOW, "", "", left)

    def note_effect(
        self,
        invocation: Invocation,
        kind: Kind,
        identity: Identity,
        token: str | None = None,
        *,
        late: bool = False,
    ) -> None:
        """Note something about a side effect; late if its run has returned before."""
        number = 0
        if token is not None:
            number = self._tokens.setdefault((identity.name, token), len(self._tokens) + 1)
        detail = "late" if late else ""
        self.note(
            invocation, kind, identity.name, describe_key(identity.key), detail, number=number
        )

    @contextmanager
    def note_rejection(self, invocation: Invocation, identity: Identity) -> Iterator[None]:
        """Note that a side effect fails, or that its request or its answer is lost."""
        try:
            yield
        except Exception:
            kind = Kind.FAILED
            if identity in invocation.lost:
                kind = Kind.LOST_ANSWER
            elif identity in invocation.unanswered:
                kind = Kind.LOST_REQUEST
            self.note_effect(invocation, kind, identity)
            raise

    def note_fault(self, invocation: Invocation) -> None:
        """Note the fault that comes now; `end` notes a timeout, when the time is over."""
        step = invocation.step
        kind = _FAULTS.get(step.fault_point) if step.fault_point else None
        if kind:
            detail = f"{SLOW_MILLIS / 1000:g} s" if kind is Kind.SLOW else _say_place(step)
            self.note(invocation, kind, invocation.faulted or "", "", detail)

    def end(self, invocation: Invocation, positions: Sequence[int]) -> None:
        """Note the end of an invocation, and what becomes of its delivered records."""
        place = self._numbers.get(invocation)
        kinds = {each.kind for each in self._moments if each.invocation == place}
        if not invocation.alive:
            if Kind.KILLED not in kinds:
                timeout = invocation.deadline.remaining() <= 0
                texts = (invocation.faulted or "", "", _say_place(invocation.step))
                self.note(invocation, Kind.TIMED_OUT if timeout else Kind.STOPPED, *texts)
        elif invocation.error is not None:
            self.note(invocation, Kind.RAISED, _name_error(invocation.error))
        else:
            self.note(invocation, Kind.RETURNED)
        missing = len({*positions} - invocation.acknowledged)
        if invocation.acknowledged:
            count = len(invocation.acknowledged)
            detail = "" if not missing else f"{count} of {count + missing}"
            self.note(invocation, Kind.ACKNOWLEDGED, "", "", detail, number=count)
        else:
            self.note(invocation, Kind.COMES_BACK, number=missing)


class RecordedStore:
    """A table that notes the answers that it gives."""

    def __init__(
        self, store: ClaimStore, recording: Recording, current: Callable[[], Invocation | None]
    ) -> None:
        self._store, self._recording, self._current = store, recording, current

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Sequence[ClaimAnswer]:
        """See `ClaimStore.claim`."""
        answers = self._store.claim(requests, deadline)
        for request, answer in zip(requests, answers, strict=True):
            match answer:
                case claims.Claimed(attempts=attempts):
                    self._note(request, Kind.TAKEN_OVER if attempts > 1 else Kind.CLAIMED)
                case claims.Duplicate():
                    self._note(request, Kind.DUPLICATE)
                case claims.InProgress():
                    self._note(request, Kind.IN_PROGRESS)
                case claims.Parked():
                    self._note(request, Kind.PARKED)
                case StoreError(maybe_written=maybe):
                    self._note(request, Kind.CLAIM_LOST if maybe else Kind.CLAIM_UNANSWERED)
                case claims.Mismatch() | claims.Stray():
                    self._note(request, Kind.CLAIM_REFUSED)
                case claims.Stale():
                    pass  # a takeover follows
        return answers

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[CompleteAnswer]:
        """See `ClaimStore.complete`."""
        answers = self._store.complete(requests, deadline)
        for request, answer in zip(requests, answers, strict=True):
            match answer:
                case claims.Completed():
                    self._note(request, Kind.COMPLETED)
                case claims.LostLease():
                    self._note(request, Kind.LEASE_LOST)
                case StoreError(maybe_written=True):
                    invocation = self._current()
                    lost = invocation and invocation.step.fault is Fault.COMPLETION_LOST
                    kind = Kind.COMPLETION_LOST if lost else Kind.COMPLETION_UNANSWERED
                    self._note(request, kind)
                case _:
                    self._note(request, Kind.COMPLETION_REFUSED)
        return answers

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ReleaseAnswer]:
        """See `ClaimStore.release`."""
        answers = self._store.release(requests, deadline)
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, claims.Released):
                self._note(request, Kind.RELEASED)
        return answers

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """See `ClaimStore.park`."""
        answers = self._store.park(requests, deadline)
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, claims.Parked):
                self._note(request, Kind.PARKED)
        return answers

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """See `ClaimStore.mark`."""
        return self._store.mark(requests, deadline)

    def _note(self, request: Request, kind: Kind) -> None:
        self._recording.note(self._current(), kind, "", describe_key(request.record_id))


def describe_key(record_id: str | None) -> str:
    """Return the key of a record, without the namespace, on one line; empty for None."""
    text = (record_id or "").removeprefix(f"{NAMESPACE}#").removeprefix("#").removeprefix("@")
    # The producer wrote it: it must not move the cursor or turn the text around.
    safe = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return (
        safe if len(safe) <= _LONGEST_KEY else f"{safe[: _LONGEST_KEY - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def _name_source(event: Mapping[str, Any]) -> str:
    """Return the name of the service that delivers an event."""
    records = event.get("Records")
    first = records[0] if isinstance(records, list) and records else event
    source = ""
    if isinstance(first, dict):
        source = str(first.get("eventSource") or first.get("EventSource") or "")
    if source in _SOURCES:
        return _SOURCES[source]
    return "EventBridge" if "detail-type" in event else "Lambda"


_SOURCES = {
    "aws:sqs": "SQS",
    "aws:kinesis": "Kinesis",
    "aws:dynamodb": "DynamoDB Streams",
    "aws:sns": "SNS",
    "aws:s3": "S3",
}


def _name_error(error: BaseException) -> str:
    """Return the name of an exception as the code knows it."""
    return "SystemExit" if isinstance(error, SystemExit) else type(error).__name__


def _say_place(step: DeliveryStep) -> str:
    return "after" if step.after else "before"
