"""The retries of calls, within the deadline. The SDK repeats no call.

The SDK could not: throttled statements have their errors inside a call that succeeded.
https://github.com/boto/boto3/issues/3834
"""

import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from idempotent_lambda.clients import NO_TIME_LEFT
from idempotent_lambda.clock import REQUEST_MILLIS, Clock, Deadline, Millis
from idempotent_lambda.errors import StoreError, StoreUnavailableError
from idempotent_lambda.store.call_errors import CallErrors, keep_doubt

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
