"""The errors of failed calls, and the retries of calls, within the deadline.

The SDK repeats no call. It could not: throttled statements have their errors inside a call that
succeeded. https://github.com/boto/boto3/issues/3834

Only this module and `clients` know botocore's errors. The error codes of calls end in
``Exception``, but the codes of statements do not. So only the beginnings of codes are compared.
"""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeGuard, TypeVar

from botocore import exceptions

from idempotent_lambda.clients import NO_TIME_LEFT, Failure, explain_failure
from idempotent_lambda.clock import REQUEST_MILLIS, Clock, Deadline, Millis
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.store.items import Reason, StoredItem

_TRANSIENT = re.compile(
    "LimitExceeded|ProvisionedThroughputExceeded|ReplicatedWriteConflict|RequestLimitExceeded|"
    "Throttling|TransactionConflict|TransactionInProgress|UnprocessedKeys"
)
"""The codes after which nothing was written, and the same request may succeed later."""

_MISSING_OPERATION = re.compile("AccessDenied|NotImplemented|UnknownOperation|UnsupportedOperation")
"""The codes of a role or a backend that lacks the operation."""

_CONDITION_FAILED = re.compile("ConditionalCheckFailed|DuplicateItem")

_BAD_REQUEST = re.compile("Serialization|Validation")
"""The codes of a table with another key, or of a record that it cannot hold."""


class Refusal(NamedTuple):
    """The condition of a write did not hold.

    Attributes:
        item: current record; None if there is no record, or if the answer does not show the record.
    """

    item: StoredItem | None = None


class CallErrors(NamedTuple):
    """Builds the errors of one operation on one table.

    Attributes:
        operation: name of the operation in the API.
        table_name: name of the table.
    """

    operation: str
    table_name: str

    def build(self, failure: Failure) -> StoreError:
        """Build the error: `StoreUnavailableError` if a later attempt may succeed."""
        if _TRANSIENT.match(failure.code):
            failure = failure._replace(is_transient=True)
            remedy = "check the table's capacity"
        elif failure.maybe_written:
            remedy = "check the health of DynamoDB in this Region"
        elif _BAD_REQUEST.match(failure.code):
            remedy = "check the table's key (id, a string) and the size of the record"
        else:
            remedy = "check the table's name, region and the role's permissions"
        return failure.build_error(f"{self.operation} on table {self.table_name!r}", remedy)

    def translate_write(self, failure: Exception) -> Refusal | StoreError:
        """Return the answer for an exception of a write."""
        if isinstance(failure, exceptions.ClientError):
            response: Mapping[str, Any] = failure.response
            if "CancellationReasons" in response:
                return self._translate_cancellation(response["CancellationReasons"])
            if _CONDITION_FAILED.match(explain_failure(failure).code):
                return Refusal(response.get("Item"))
        return self.translate(failure)

    def translate(self, failure: Exception) -> StoreError:
        """Return the error for an exception of any other call."""
        return self.build(explain_failure(failure))

    def translate_statement(self, reason: Reason) -> Refusal | StoreError:
        """Return the answer for a statement that failed inside a call that succeeded."""
        code = reason["Code"]
        if _CONDITION_FAILED.match(code):
            return Refusal()
        maybe_written = code == "InternalServerError"
        return self.build(Failure(code, reason.get("Message", ""), maybe_written=maybe_written))

    def _translate_cancellation(self, reasons: Sequence[Reason]) -> Refusal | StoreError:
        """Return the answer for a cancelled transaction.

        The record's reason comes first. If the record belongs to another owner, it does not matter
        that conditions of the processor fail too.
        """
        own, *others = [reason.get("Code", "None") for reason in reasons] or ["None"]
        if _CONDITION_FAILED.match(own):
            return Refusal(reasons[0].get("Item"))
        for code in (own, *others):
            if _TRANSIENT.match(code):
                return self.build(Failure(code, "another transaction or too little capacity"))
        failed = [
            f"action {number} of the processor: {reason['Code']}: {reason.get('Message', '')}"
            for number, reason in enumerate(reasons)
            if reason.get("Code", "None") != "None"
        ]
        problem = f"{self.operation} was cancelled, so nothing is written: {'; '.join(failed)}"
        return StoreRefusedError("TransactionCanceled", problem, maybe_written=False)


def is_unsupported(answer: object) -> TypeGuard[StoreError]:
    """Whether the answer says that this operation is not available at all."""
    return isinstance(answer, StoreError) and _MISSING_OPERATION.match(answer.code) is not None


def keep_doubt(answer: object, earlier: object) -> None:
    """Note in an error that an earlier attempt at the same request may have been carried out."""
    if isinstance(answer, StoreError) and isinstance(earlier, StoreError):
        answer.maybe_written |= earlier.maybe_written


FIRST_BACKOFF_MILLIS = 100
MAX_BACKOFF_MILLIS = 1000
MAX_ATTEMPTS = 3

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")
_AskedT_contra = TypeVar("_AskedT_contra", contravariant=True)
_AnswerT_co = TypeVar("_AnswerT_co", covariant=True)


class RetryPolicy(NamedTuple):
    """The rule for how often a request is sent.

    Attributes:
        max_attempts: number of attempts with the first; None for as many as the deadline allows.
        ignores_reserve: the first attempt is made while any time is left. A settlement cut short
            costs a redelivery; a settlement not tried costs a repetition or blocks the key.
    """

    max_attempts: int | None = MAX_ATTEMPTS
    ignores_reserve: bool = False


FEW_ATTEMPTS = RetryPolicy()
UNTIL_DEADLINE = RetryPolicy(max_attempts=None, ignores_reserve=True)


class StoreCall(Protocol[_AskedT_contra, _AnswerT_co]):
    """One kind of call to DynamoDB, for one or several requests."""

    @property
    def errors(self) -> CallErrors:
        """The builder of the operation's errors."""

    def send(self, requests: Sequence[_AskedT_contra]) -> Sequence[_AnswerT_co | StoreError]:
        """Make the call once; return an answer for each request, in order.

        Raises:
            Exception: the call failed as a whole.
        """

    def translate(self, failure: Exception) -> _AnswerT_co | StoreError:
        """Return the answer to each request of a call that raised this exception."""


def call_with_retries(
    call: StoreCall[AskedT, AnswerT],
    requests: Sequence[AskedT],
    policy: RetryPolicy,
    deadline: Deadline,
    clock: Clock,
) -> list[AnswerT | StoreError]:
    """Make a call, and repeat it for the requests whose answer is a `StoreUnavailableError`.

    Every attempt sends the same requests, so an owner that finds its token in a record knows that
    an earlier attempt succeeded.
    """
    is_tried_anyway = policy.ignores_reserve and deadline.remaining() > 0
    if not (is_tried_anyway or deadline.allows(REQUEST_MILLIS)):
        return [call.errors.build(NO_TIME_LEFT) for _ in requests]
    answers = list(_send(call, requests))
    attempts = 1
    while attempts != policy.max_attempts:
        pending = [
            index
            for index, answer in enumerate(answers)
            if isinstance(answer, StoreUnavailableError)
        ]
        if not pending:
            break
        pause = _choose_backoff(attempts)
        if not deadline.allows(Millis(pause + REQUEST_MILLIS)):
            break
        clock.sleep(pause)
        later = _send(call, [requests[index] for index in pending])
        for index, answer in zip(pending, later, strict=True):
            keep_doubt(answer, answers[index])
            answers[index] = answer
        attempts += 1
    return answers


def _send(
    call: StoreCall[AskedT, AnswerT], requests: Sequence[AskedT]
) -> Sequence[AnswerT | StoreError]:
    try:
        return call.send(requests)
    except Exception as error:  # noqa: BLE001  # strange answers make the SDK raise anything
        return [call.translate(error) for _ in requests]


def _choose_backoff(attempts: int) -> Millis:
    # Full jitter: workers that failed together do not come back together. Workers that SnapStart
    # restores from one snapshot have the same state of `random`.
    limit = min(MAX_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << attempts)
    return Millis(random.SystemRandom().randrange(limit))
