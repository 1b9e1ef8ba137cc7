"""Test doubles of the table and the queues that keep the real rules.

`InMemoryClaimStore` evaluates the real conditions of `idempotent_lambda.protocol.claims` and passes
the same contract suite as the DynamoDB store.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from idempotent_lambda import queues
from idempotent_lambda.clock import Deadline
from idempotent_lambda.errors import StoreError, StoreRefusedError
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import (
    ClaimAnswer,
    ClaimRequest,
    CompleteAnswer,
    ParkAnswer,
    ReleaseAnswer,
    Request,
)
from idempotent_lambda.protocol.conditions import Condition, evaluate
from idempotent_lambda.protocol.judgement import (
    build_claimed_record,
    explain_failed_claim,
    explain_failed_completion,
    explain_failed_parking,
    explain_failed_release,
)
from idempotent_lambda.protocol.record import IS_OWNED, IS_PARKED_BY_OWNER, Owner, Record, Status
from idempotent_lambda.sources.copy_mark import write_mark
from idempotent_lambda.sources.delivery import Delivery


class InMemoryQueues:
    """Queues that accept everything.

    Attributes:
        postponed: the ids of postponed messages, each with its delay in seconds.
        dead_letters: the copies that were sent, each with its body and the token that it carries.
        failure: the error to raise instead of sending a copy; None to send it.
    """

    def __init__(self) -> None:
        self.postponed: dict[str, int] = {}
        self.dead_letters: list[tuple[str, str]] = []
        self.failure: StoreError | None = None

    def postpone(
        self,
        failed: Iterable[Delivery],
        in_progress: Sequence[queues.HeldDelivery],
        deadline: Deadline,
    ) -> None:
        """See `Queues.postpone`."""
        found = queues.compute_postponements(failed, in_progress, deadline.clock.now())
        self.postponed |= {each.id: seconds for each, seconds in found}

    def dead_letter(self, leader: Delivery, record_id: str, owner: Owner, by: Deadline) -> None:
        """See `Queues.dead_letter`."""
        del by
        if self.failure:
            raise self.failure
        self.dead_letters.append(
            (leader.build_copy()["MessageBody"], write_mark(owner, record_id, leader))
        )


class InMemoryClaimStore:
    """A claim store in a dictionary; thread-safe.

    Attributes:
        records: the stored records by record id. Tests may read and change them.
        commit: a function that carries out the actions of a completion, given as DynamoDB's
            TransactItems. It raises a `StoreRefusedError` if their conditions fail. Set it in tests
            that use transactions.
    """

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.commit: Callable[[Sequence[Mapping[str, Any]]], None] | None = None
        self._lock = threading.Lock()

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> list[ClaimAnswer]:
        """See `ClaimStore.claim`."""
        del deadline  # answers at once
        return [self._claim(request) for request in requests]

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> list[CompleteAnswer]:
        """See `ClaimStore.complete`."""
        del deadline
        return [self._complete(request) for request in requests]

    def release(self, requests: Sequence[Request], deadline: Deadline) -> list[ReleaseAnswer]:
        """See `ClaimStore.release`."""
        del deadline
        return [self._release(request) for request in requests]

    def park(self, requests: Sequence[Request], deadline: Deadline) -> list[ParkAnswer]:
        """See `ClaimStore.park`."""
        del deadline
        return [self._park(IS_OWNED, parked_record, request) for request in requests]

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> list[ParkAnswer]:
        """See `ClaimStore.mark`."""
        del deadline
        return [self._park(IS_PARKED_BY_OWNER, marked_record, request) for request in requests]

    def _park(
        self, condition: Condition, change: Callable[[Record, Request], Record], request: Request
    ) -> ParkAnswer:
        with self._lock:
            found = self.records.get(request.record_id)
            if found and evaluate(condition, found, request.operands):
                record = self.records[found.id] = change(found, request)
                return claims.Parked(request.owner, record.dead_lettered_at is not None)
            try:
                return explain_failed_parking(found, request)
            except StoreRefusedError as error:
                return error

    def _claim(self, request: ClaimRequest) -> ClaimAnswer:
        with self._lock:
            found = self.records.get(request.record_id)
            try:
                if evaluate(request.condition, found, request.operands):
                    record = build_claimed_record(found, request)
                    self.records[record.id] = record
                    return claims.Claimed(request.owner, record.attempts or 1)
                return explain_failed_claim(found, request)
            except StoreRefusedError as error:
                return error

    def _complete(self, request: Request) -> CompleteAnswer:
        with self._lock:
            found = self.records.get(request.record_id)
            if found and evaluate(IS_OWNED, found, request.operands):
                if request.actions:
                    try:
                        self._commit_actions(request.actions)
                    except StoreRefusedError as error:
                        return error
                self.records[found.id] = completed_record(found, request)
                return claims.Completed()
            return explain_failed_completion(found, request)

    def _commit_actions(self, actions: Sequence[Mapping[str, Any]]) -> None:
        if self.commit is None:
            problem = (
                "this in-memory store has no tables: set its commit to a function of your test"
            )
            raise StoreRefusedError("NoCommit", problem, maybe_written=False)
        self.commit(actions)

    def _release(self, request: Request) -> claims.ReleaseOutcome:
        with self._lock:
            found = self.records.get(request.record_id)
            if found and evaluate(IS_OWNED, found, request.operands):
                if request.stated:
                    back = marked_record(parked_record(found, request), request)
                    self.records[found.id] = replace(back, owner=Owner(str(request.token)))
                else:
                    del self.records[found.id]
                return claims.Released()
            return explain_failed_release(found, request)


def completed_record(found: Record, request: Request) -> Record:
    """Return the record after a successful completion."""
    return Record(
        id=found.id,
        status=Status.COMPLETED,
        owner=found.owner,
        expires_at=request.expires_at,
        created_at=found.created_at,
        completed_at=request.now,
        payload_hash=found.payload_hash,
        result=request.result,
        unlocked_by=found.unlocked_by,
        copy_tokens=found.copy_tokens,
    )


def parked_record(found: Record, request: Request) -> Record:
    """Return the record after a successful parking."""
    return replace(
        found,
        status=Status.PARKED,
        lease_expires_at=None,
        expires_at=None,
        attempts=None,
        reason=request.reason,
        dead_lettered_at=None,
    )


def marked_record(found: Record, request: Request) -> Record:
    """Return the record after its copy was sent to the dead-letter queue."""
    return replace(found, dead_lettered_at=request.now)
