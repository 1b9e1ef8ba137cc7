"""The claim store on DynamoDB: one call for one record, one round trip for many records.

One record takes a conditional write, which returns the record if it is refused. Many records take
PartiQL statements in one call. Then the records of refused claims are read together, and every
request that is still unanswered gets a separate call.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from idempotent_lambda.clock import Clock, Deadline
from idempotent_lambda.errors import StoreError
from idempotent_lambda.observer import Observer
from idempotent_lambda.protocol.claims import (
    PARALLEL_CALLS,
    ClaimAnswer,
    ClaimRequest,
    CompleteAnswer,
    ParkAnswer,
    ReleaseAnswer,
    Request,
)
from idempotent_lambda.protocol.judgement import judge_existing
from idempotent_lambda.store import writes
from idempotent_lambda.store.calls import (
    MAX_KEYS,
    MAX_STATEMENTS,
    BatchRead,
    BatchWrite,
    choose_call,
    has_common_item,
)
from idempotent_lambda.store.items import (
    DynamoDBClient,
    OutcomeT,
    RequestT,
    Statement,
    StoredItem,
    judge_item,
)
from idempotent_lambda.store.retries import (
    AnswerT,
    Refusal,
    RetryPolicy,
    StoreCall,
    call_with_retries,
    is_unsupported,
    keep_doubt,
)
from idempotent_lambda.store.writes import Write
from idempotent_lambda.threads import Threads


@dataclass
class DynamoDBClaimStore:
    """Claims in a DynamoDB table: many together in one round trip, or one alone in one call.

    Attributes:
        client: client from `clients.new_client`.
        table_name: table of records.
        clock: clock for the pauses between attempts.
        observer: receiver of the report that batch calls are unavailable.
        together: whether to try batch calls.
    """

    client: DynamoDBClient
    table_name: str
    clock: Clock
    observer: Observer
    together: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _threads: Threads = field(default_factory=Threads, init=False, repr=False)

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> list[ClaimAnswer]:
        """See `ClaimStore.claim`."""
        if len(requests) == 1:
            return [self._claim_one(requests[0], deadline)]
        answers: dict[str, ClaimAnswer] = {}
        if self.together:
            answers = self._claim_many(requests, deadline)
        return self._answer_rest(
            requests, answers, lambda request: self._claim_one(request, deadline)
        )

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> list[CompleteAnswer]:
        """See `ClaimStore.complete`."""
        stores_result = any(request.result is not None for request in requests)
        write = writes.COMPLETE_WITH_RESULT_WRITE if stores_result else writes.COMPLETE_WRITE
        return self._settle(write, requests, deadline)

    def release(self, requests: Sequence[Request], deadline: Deadline) -> list[ReleaseAnswer]:
        """See `ClaimStore.release`."""
        return self._settle(writes.RELEASE_WRITE, requests, deadline)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> list[ParkAnswer]:
        """See `ClaimStore.park`."""
        return self._settle(writes.PARK_WRITE, requests, deadline)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> list[ParkAnswer]:
        """See `ClaimStore.mark`."""
        return self._settle(writes.MARK_WRITE, requests, deadline)

    # Claims

    def _claim_one(self, request: ClaimRequest, deadline: Deadline) -> ClaimAnswer:
        answer = self._write_one(writes.build_claim_write(**request.kind), request, deadline)
        if isinstance(answer, StoreError) and answer.code == "ValidationException":
            # Perhaps DynamoDB could not add to the attempts. The record shows whether that is so.
            (item,) = self._read_many([request], deadline)
            if not isinstance(item, StoreError):
                return judge_item(judge_existing, item, request) or answer
        return answer

    def _claim_many(
        self, requests: Sequence[ClaimRequest], deadline: Deadline
    ) -> dict[str, ClaimAnswer]:
        """Return the answers by record, without the records that only a separate call can claim.

        A message that was delivered before probably has a record, and so has the key that a copy
        states. A read costs a fifth of a refused write, after which the record must be read anyway.
        """
        answers: dict[str, ClaimAnswer] = {}
        known: list[ClaimRequest] = []
        new: list[ClaimRequest] = []
        for request in requests:
            (known if request.redelivered or request.stated else new).append(request)
        for request, item in zip(known, self._read_many(known, deadline), strict=True):
            if item is None and not request.stated:
                new.append(request)
            else:
                _add_judgement(answers, request, item)
        existing: list[ClaimRequest] = []
        outcomes = self._write_many(writes.NEW_CLAIM_WRITE, writes.build_insert, new, deadline)
        for request, outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                existing.append(request)
            else:
                answers[request.record_id] = outcome
        # An existing record may be our own, made by an attempt whose answer was lost.
        items = self._read_many(existing, deadline, maybe_written=True)
        for request, item in zip(existing, items, strict=True):
            _add_judgement(answers, request, item)
        return answers

    # Settlements

    def _settle(
        self, write: Write[Request, OutcomeT], requests: Sequence[Request], deadline: Deadline
    ) -> list[OutcomeT | StoreError]:
        if len(requests) == 1:
            return [self._write_one(write, requests[0], deadline)]
        answers: dict[str, OutcomeT | StoreError] = {}
        if self.together and write.build_statement:
            shared = [request for request in requests if not (request.actions or request.stated)]
            outcomes = self._write_many(write, write.build_statement, shared, deadline)
            for request, outcome in zip(shared, outcomes, strict=True):
                if isinstance(outcome, Refusal):
                    # In observe mode two requests may be for one record.
                    answers.pop(request.record_id, None)
                else:
                    answers[request.record_id] = outcome
        return self._answer_rest(
            requests, answers, lambda request: self._write_one(write, request, deadline)
        )

    # Both

    def _answer_rest(
        self,
        requests: Sequence[RequestT],
        answers: dict[str, AnswerT],
        answer_one: Callable[[RequestT], AnswerT],
    ) -> list[AnswerT]:
        """Return all answers, in the order of the requests.

        Each request that batch calls have not answered, or cannot answer, gets a separate call.
        """
        open_requests: list[RequestT] = []
        for request in requests:
            answer = answers.get(request.record_id)
            if answer is None:
                open_requests.append(request)
            elif is_unsupported(answer):
                self._give_up_batch_calls(answer)
                open_requests.append(request)
        if open_requests:
            for request, answer in zip(
                open_requests, self._answer_each(open_requests, answer_one), strict=True
            ):
                keep_doubt(answer, answers.get(request.record_id))
                answers[request.record_id] = answer
        return [answers[request.record_id] for request in requests]

    def _answer_each(
        self,
        requests: Sequence[RequestT],
        answer_one: Callable[[RequestT], AnswerT],
    ) -> Sequence[AnswerT]:
        if has_common_item(requests):
            return [answer_one(request) for request in requests]
        return self._threads.map(answer_one, requests, PARALLEL_CALLS)

    def _give_up_batch_calls(self, error: StoreError) -> None:
        """Make no batch call from now on; report that to the observer once."""
        with self._lock:
            is_first, self.together = self.together, False
        if is_first:
            self.observer.report_batch_calls_unavailable(error)

    def _write_one(
        self, write: Write[RequestT, OutcomeT], request: RequestT, deadline: Deadline
    ) -> OutcomeT | StoreError:
        if request.stated and write.for_copies:
            write = write.for_copies
        call = choose_call(self.client, self.table_name, write, request)
        (answer,) = call_with_retries(call, [request], write.policy, deadline, self.clock)
        if isinstance(answer, Refusal):
            return judge_item(write.explain_refusal, answer.item, request)
        return answer

    def _write_many(
        self,
        write: Write[RequestT, OutcomeT],
        build_statement: Callable[[str, RequestT], Statement],
        requests: Sequence[RequestT],
        deadline: Deadline,
    ) -> list[OutcomeT | Refusal | StoreError]:
        batch_write = BatchWrite(self.client, self.table_name, write, build_statement)
        call: StoreCall[RequestT, OutcomeT | Refusal] = batch_write
        return self._call_in_parts(call, MAX_STATEMENTS, requests, write.policy, deadline)

    def _read_many(
        self, requests: Sequence[ClaimRequest], deadline: Deadline, *, maybe_written: bool = False
    ) -> list[StoredItem | StoreError | None]:
        """Return the record of each request.

        Args:
            requests: claims.
            deadline: deadline of the calls.
            maybe_written: whether an earlier call may have made the records.
        """
        call = BatchRead(self.client, self.table_name)
        items = self._call_in_parts(
            call, MAX_KEYS, requests, writes.NEW_CLAIM_WRITE.policy, deadline
        )
        for item in items:
            if isinstance(item, StoreError):
                item.maybe_written = maybe_written
        return items

    def _call_in_parts(
        self,
        call: StoreCall[RequestT, AnswerT],
        max_requests: int,
        requests: Sequence[RequestT],
        policy: RetryPolicy,
        deadline: Deadline,
    ) -> list[AnswerT | StoreError]:
        parts = [
            requests[start : start + max_requests]
            for start in range(0, len(requests), max_requests)
        ]
        answers = self._threads.map(
            lambda part: call_with_retries(call, part, policy, deadline, self.clock),
            parts,
            PARALLEL_CALLS,
        )
        return list(chain.from_iterable(answers))


def _add_judgement(
    answers: dict[str, ClaimAnswer], request: ClaimRequest, item: StoredItem | StoreError | None
) -> None:
    """Answer a claim from the record that was read, unless the claim may go on."""
    answer = item if isinstance(item, StoreError) else judge_item(judge_existing, item, request)
    if answer is not None:
        answers[request.record_id] = answer
