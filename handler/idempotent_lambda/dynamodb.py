"""The only module that talks to DynamoDB: claims and settlements, one alone or many together.

One is a conditional write that answers with the record when it is refused. Many are PartiQL
statements in one call; what they leave open is read together or done alone.

Relied on, from
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html:
at most 25 statements, each for another item, no reads among writes, and an answer for each, errors
included, inside a call that succeeded. So it is not the SDK that retries what is throttled:
https://github.com/boto/boto3/issues/3834
"""

import os
import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import chain, count
from typing import Any, cast

from botocore import exceptions

from idempotent_lambda import claims, writes
from idempotent_lambda.claims import PARALLEL_CALLS, ClaimRequest, Record, Request
from idempotent_lambda.clock import REQUEST_MILLIS, Clock, Deadline, Millis
from idempotent_lambda.errors import NO_TIME, StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.telemetry import Observer
from idempotent_lambda.threads import Threads
from idempotent_lambda.writes import Write

FIRST_BACKOFF_MILLIS = 100
LONGEST_BACKOFF_MILLIS = 1000

MOST_STATEMENTS = 25
MOST_KEYS = 100
"""In one read: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

# The codes of calls end in Exception, those of statements do not.

_THROTTLED = re.compile(
    "LimitExceeded|ProvisionedThroughputExceeded|ReplicatedWriteConflict|RequestLimitExceeded|"
    "Throttling|TransactionConflict|TransactionInProgress|UnprocessedKeys"
)
"""It passes: nothing was written, and the same request may succeed later."""

_UNSUPPORTED = re.compile("AccessDenied|NotImplemented|UnknownOperation|UnsupportedOperation")
"""A role may lack it, or an engine: then every claim and settlement is a call of its own."""

_TEXTS = ("id", "status", "owner", "payload_hash", "result", "reason", "unlocked_by")
_REFUSED = re.compile("ConditionalCheckFailed|DuplicateItem")
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The condition did not hold.

    Attributes:
        item: the record as it is; None too where the answer does not tell.
    """

    item: Any = None


@dataclass
class DynamoDBClaimStore:
    """Claims in a DynamoDB table: many together in one round trip, one alone in one.

    Attributes:
        client: as `clients.new_client` makes it.
        table_name: the table of records.
        clock: for the pauses between attempts.
        observer: told when claims cannot be made together.
        together: whether to try.
    """

    client: Any
    table_name: str
    clock: Clock
    observer: Observer
    together: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _threads: Threads = field(default_factory=Threads, init=False, repr=False)

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> list[Any]:
        """See `ClaimStore.claim`."""
        return self._decided(requests, deadline)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> list[Any]:
        """See `ClaimStore.complete`."""
        stores = any(request.result is not None for request in requests)
        write = writes.COMPLETE_WITH_RESULT if stores else writes.COMPLETE
        return self._decided(requests, deadline, write)

    def release(self, requests: Sequence[Request], deadline: Deadline) -> list[Any]:
        """See `ClaimStore.release`."""
        return self._decided(requests, deadline, writes.RELEASE)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> list[Any]:
        """See `ClaimStore.park`."""
        return self._decided(requests, deadline, writes.PARK)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> list[Any]:
        """See `ClaimStore.mark`."""
        return self._decided(requests, deadline, writes.MARK)

    def _decided(
        self, requests: Sequence[Any], deadline: Deadline, write: Write | None = None
    ) -> list[Any]:
        """The outcomes of a write, or of claims: of all together, and alone of what is open then.

        One alone is told why it is refused.
        """

        def alone(request: Any) -> Any:
            own = writes.GIVE_BACK if write is writes.RELEASE and request.stated else write
            return self._alone(own or writes.claim(**request.kind), request, deadline)

        if len(requests) == 1:
            return [alone(requests[0])]
        outcomes: dict[str, Any] = {request.record_id: None for request in requests}
        many = [each for each in requests if not (each.actions or (write and each.stated))]
        if self.together and (write is None or write.statement):
            ask = partial(self._executed, write) if write else self._claimed
            outcomes |= {each.record_id: it for each, it in ask(many, deadline)}
        left = [each for each in requests if self._is_open(outcomes[each.record_id])]
        each_alone = map(alone, left) if _contend(left) else self._in_parallel(alone, left)
        for request, outcome in zip(left, each_alone, strict=True):
            before, outcomes[request.record_id] = outcomes[request.record_id], outcome
            if isinstance(before, StoreError) and isinstance(outcome, StoreError):
                outcome.maybe_written |= before.maybe_written
        return [outcomes[request.record_id] for request in requests]

    def _is_open(self, outcome: object) -> bool:
        """Whether it takes a call alone; the first time that groups are not to be had is told."""
        if not (isinstance(outcome, StoreError) and _UNSUPPORTED.match(outcome.code)):
            return outcome is None or isinstance(outcome, _Refusal)
        with self._lock:
            first, self.together = self.together, False
        if first:
            self.observer.fell_back(outcome)
        return True

    def _claimed(
        self, requests: Sequence[ClaimRequest], deadline: Deadline
    ) -> Iterable[tuple[ClaimRequest, Any | None]]:
        """The outcomes of claims; None where an expired record may be claimed, but only alone.

        A message that was delivered before probably has a record, and so has the key that a copy
        states. To look first costs a fifth of a write that is refused, and tells at once what it
        takes a look to tell anyway.
        """
        known = [each for each in requests if each.redelivered or each.stated]
        new = [each for each in requests if not (each.redelivered or each.stated)]
        for request, item in self._looked(known, deadline):
            if item is None and not request.stated:
                new.append(request)
            else:
                yield request, _judged(claims.seen_claim, item, request)
        existing = []
        for request, answer in self._executed(writes.TOGETHER, new, deadline):
            if isinstance(answer, _Refusal):
                existing.append(request)
            else:
                yield request, answer
        # What exists may be the own record, made by an attempt whose answer was lost.
        for request, item in self._looked(existing, deadline, maybe_written=True):
            yield request, _judged(claims.seen_claim, item, request)

    def _alone(self, write: Write, request: Request, deadline: Deadline) -> Any | StoreError:
        """The outcome of one conditional write, or of one transaction that does more."""
        operation, method = write.operation, getattr(self.client, write.method)
        call = write.call(self.table_name, request)
        if request.actions:
            operation, method = "TransactWriteItems", self.client.transact_write_items
            call = write.commit(call, request)

        def send(_: Sequence[Request]) -> list[Any]:
            try:
                return [write.done(request, method(**call))]
            except exceptions.ClientError as error:
                if "CancellationReasons" in error.response:
                    # An attempt whose end is unknown keeps its token, a cancelled one is over.
                    call["ClientRequestToken"] = os.urandom(16).hex()
                raise

        (answer,) = self._insist(operation, send, deadline, write, [request])
        if isinstance(answer, _Refusal):
            return _judged(write.refused, answer.item, request)
        if isinstance(answer, StoreError) and answer.code == "ValidationException":
            return self._explain_error(answer, request, deadline)
        return answer

    def _explain_error(self, error: StoreError, request: Request, deadline: Deadline) -> Any:
        """A claim's error, or what the record says that DynamoDB could not add an attempt to."""
        if isinstance(request, ClaimRequest):
            ((_, item),) = self._looked([request], deadline)
            if not isinstance(item, StoreError):
                return _judged(claims.seen_claim, item, request) or error
        return error

    def _executed(
        self, write: Write, requests: Sequence[Any], deadline: Deadline
    ) -> Iterable[tuple[Any, Any | _Refusal | StoreError]]:
        """Each request with what became of its statement."""
        operation, written = "BatchExecuteStatement", cast("Any", write.statement)

        def outcome(request: Any, answer: Mapping[str, Any]) -> Any:
            error = answer.get("Error")
            if error is None:
                return write.done(request, {})
            if _REFUSED.match(error["Code"]):
                return _Refusal()
            sent, text = error["Code"] == "InternalServerError", error.get("Message", "")
            return self._error(operation, error["Code"], text, sent=sent)

        def send(part: Sequence[Any]) -> list[Any]:
            statements = [written(self.table_name, request) for request in part]
            answers = self.client.batch_execute_statement(Statements=statements)["Responses"]
            return [outcome(*each) for each in zip(part, answers, strict=True)]

        ask = partial(self._insist, operation, send, deadline, write)
        return self._asked(ask, requests, MOST_STATEMENTS)

    def _looked(
        self, requests: Sequence[ClaimRequest], deadline: Deadline, *, maybe_written: bool = False
    ) -> Iterable[tuple[ClaimRequest, Mapping[str, Any] | StoreError | None]]:
        """Each request with its record, read consistently."""
        operation, table = "BatchGetItem", self.table_name

        def send(part: Sequence[ClaimRequest]) -> list[Any]:
            keys = [{"id": {"S": each.record_id}} for each in part]
            tables = {table: {"Keys": keys, "ConsistentRead": True}}
            answer = self.client.batch_get_item(RequestItems=tables)
            unread = answer.get("UnprocessedKeys", {}).get(table, {"Keys": ()})["Keys"]
            text = "the table had no capacity left for it"
            found = {
                each["id"]["S"]: self._error(operation, "UnprocessedKeys", text) for each in unread
            }
            found |= {each["id"]["S"]: each for each in answer["Responses"].get(table, ())}
            return [found.get(each.record_id) for each in part]

        ask = partial(self._insist, operation, send, deadline, writes.TOGETHER)
        for request, item in self._asked(ask, requests, MOST_KEYS):
            if isinstance(item, StoreError):
                item.maybe_written = maybe_written
            yield request, item

    def _asked(
        self, ask: Callable[[Sequence[Any]], list[Any]], requests: Sequence[Any], most: int
    ) -> Iterable[tuple[Any, Any]]:
        """Each request with its answer, in as many calls as it takes."""
        parts = [requests[at : at + most] for at in range(0, len(requests), most)]
        return zip(requests, chain.from_iterable(self._in_parallel(ask, parts)), strict=True)

    def _insist(
        self,
        operation: str,
        send: Callable[[Sequence[Any]], list[Any]],
        deadline: Deadline,
        write: Write,
        requests: Sequence[Any],
    ) -> list[Any]:
        """The answers; what is unavailable is asked for again, as often as that write is tried.

        Every attempt sends the same requests, so an owner that meets its own token knows that an
        earlier one got through.
        """
        certain = write.certain and deadline.remaining() > 0
        if not (certain or deadline.allows(REQUEST_MILLIS)):
            text = f"no {REQUEST_MILLIS} ms are left: raise the timeout, or send smaller batches"
            error = partial(self._error, operation, NO_TIME, text, passes=True)
            return [error() for _ in requests]
        answers: list[Any] = [None] * len(requests)
        pending = list(range(len(requests)))
        for made in count() if write.attempts is None else range(write.attempts):
            if made:
                pause = _backoff(made)
                if not (pending and deadline.allows(Millis(pause + REQUEST_MILLIS))):
                    break
                self.clock.sleep(pause)
            try:
                sent = send([requests[at] for at in pending])
            except Exception as error:  # noqa: BLE001  # what the SDK makes of strange answers too
                sent = [self._failed(operation, error) for _ in pending]
            for at, answer in zip(pending, sent, strict=True):
                if made and isinstance(answer, StoreError):
                    answer.maybe_written |= answers[at].maybe_written
                answers[at] = answer
            pending = [at for at in pending if isinstance(answers[at], StoreUnavailableError)]
        return answers

    def _in_parallel(self, work: Callable[[Any], Any], parts: Sequence[Any]) -> Iterable[Any]:
        return self._threads.map(work, parts, PARALLEL_CALLS)

    def _failed(self, operation: str, failure: Exception) -> Any:
        """What the failure of a call means."""
        if isinstance(failure, exceptions.ClientError):
            error = failure.response["Error"]
            if "CancellationReasons" in failure.response:
                return self._cancelled(operation, failure.response["CancellationReasons"])
            if _REFUSED.match(error["Code"]):
                return _Refusal(failure.response.get("Item"))
            sent = failure.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR
            return self._error(operation, error["Code"], error.get("Message", ""), sent=sent)
        if isinstance(failure, exceptions.BotoCoreError):
            sent = isinstance(failure, exceptions.HTTPClientError)
            passes = isinstance(failure, exceptions.ConnectionError)
            code = type(failure).__name__
            return self._error(operation, code, str(failure), sent=sent, passes=passes)
        text = f"the answer is not understood: {failure!r}"
        return self._error(operation, "BadAnswer", text, sent=True)

    def _cancelled(self, operation: str, reasons: Sequence[Mapping[str, Any]]) -> Any:
        """What a cancelled transaction means.

        The record comes first: if that is another's, it says nothing that the processor's own
        conditions fail too.
        """
        own, *others = [reason.get("Code", "None") for reason in reasons] or ["None"]
        if _REFUSED.match(own):
            return _Refusal(reasons[0].get("Item"))
        for code in (own, *others):
            if _THROTTLED.match(code):
                return self._error(operation, code, "another transaction or too little capacity")
        told = [
            f"action {at} of the processor: {each['Code']}: {each.get('Message', '')}"
            for at, each in enumerate(reasons)
            if each.get("Code", "None") != "None"
        ]
        problem = f"{operation} was cancelled, so nothing is written: {'; '.join(told)}"
        return StoreRefusedError("TransactionCanceled", problem, maybe_written=False)

    def _error(
        self, operation: str, code: str, text: str, *, sent: bool = False, passes: bool = False
    ) -> StoreError:
        """The error; what was sent, and perhaps carried out, may pass as well."""
        kind: type[StoreError] = StoreRefusedError
        remedy = "name, region and the role's permissions"
        if passes or sent or _THROTTLED.match(code):
            kind, remedy = StoreUnavailableError, "capacity and network path"
        problem = f"{operation} on table {self.table_name!r}: {code}: {text}; check the table's"
        return kind(code, f"{problem} {remedy}", maybe_written=sent)


def _contend(requests: Sequence[Request]) -> bool:
    """Whether their transactions write to one item: side by side they would cancel each other."""
    bodies = [body for each in requests for action in each.actions for body in action.values()]
    items = [repr((body["TableName"], body.get("Key") or body["Item"])) for body in bodies]
    return len(items) > len(set(items))


def _backoff(made: int) -> Millis:
    # Full jitter: workers that failed together do not come back together.
    longest = min(LONGEST_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << min(made, 10))
    return Millis(random.randrange(longest))  # noqa: S311  # guards nothing


def _judged(judge: Callable[[Record | None, Any], Any], item: Any, request: Request) -> Any:
    """What the record means to the request; an error where that cannot be said."""
    if isinstance(item, StoreError):
        return item
    try:
        return judge(_record(item), request)
    except StoreRefusedError as error:
        return error


def _record(item: Any) -> Record | None:
    # Attributes of a newer version are none of ours.
    names = [each.name for each in fields(Record)] if item else ()
    return Record(**{name: _attribute(name, item.get(name)) for name in names}) if item else None


def _attribute(name: str, written: Any) -> Any:
    """What the attribute holds; None if it is missing, and as it is if it cannot be read."""
    try:
        if name == "copy_tokens":
            return frozenset(written["SS"])
        return written["S"] if name in _TEXTS else writes.number(written["N"])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return written
