"""Calls that are repeated: which requests again, how often, and what the answers then say."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from idempotent_lambda.clients import Failure
from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import NO_TIME, StoreError, StoreUnavailableError
from idempotent_lambda.store.retries import (
    FEW_ATTEMPTS,
    UNTIL_DEADLINE,
    CallErrors,
    RetryPolicy,
    call_with_retries,
)
from idempotent_lambda_toolkit.testing import ManualClock

ERRORS = CallErrors("GetItem", "records")


@dataclass
class Script:
    """A call that answers each request with the next of its answers, an error by its code.

    Attributes:
        answers: by request, in the order of the attempts; the last one stays.
        sent: the requests of every attempt.
    """

    answers: dict[str, list[str]]
    errors: CallErrors = ERRORS
    sent: list[list[str]] = field(default_factory=list)

    def send(self, requests: Sequence[str]) -> list[str | StoreError]:
        self.sent.append(list(requests))
        return [self._answer(request) for request in requests]

    def translate(self, failure: Exception) -> StoreError:
        return self.errors.translate(failure)

    def _answer(self, request: str) -> str | StoreError:
        left = self.answers[request]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer == "InternalServerError":
            return self.errors.build(Failure(answer, "on purpose", maybe_written=True))
        return self.errors.build(Failure(answer, "on purpose")) if answer[0].isupper() else answer


def ask(call: Script, policy: RetryPolicy, clock: ManualClock, left: int = 30_000) -> list[object]:
    """What the requests of the script are answered with."""
    deadline = Deadline.from_remaining(clock, Millis(left))
    return list(call_with_retries(call, list(call.answers), policy, deadline, clock))


def test_only_what_is_unavailable_is_sent_again(clock: ManualClock) -> None:
    """Outcomes and refusals stay; each answer keeps the place of its request."""
    call = Script({"a": ["done"], "b": ["Throttling", "done"], "c": ["AccessDenied"]})
    first, second, third = ask(call, FEW_ATTEMPTS, clock)
    assert call.sent == [["a", "b", "c"], ["b"]]
    assert (first, second) == ("done", "done")
    assert isinstance(third, StoreError)
    assert third.code == "AccessDenied"


@pytest.mark.parametrize(
    ("policy", "least", "most"), [(FEW_ATTEMPTS, 3, 3), (UNTIL_DEADLINE, 10, 2_000)]
)
def test_attempts(clock: ManualClock, policy: RetryPolicy, least: int, most: int) -> None:
    """A call is made three times, or as often as the deadline allows."""
    call = Script({"a": ["Throttling"]})
    (answer,) = ask(call, policy, clock)
    assert isinstance(answer, StoreUnavailableError)
    assert least <= len(call.sent) <= most


def test_pauses_after_a_restore(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances that Lambda restores from one snapshot draw different pauses."""
    pauses: tuple[list[Millis], list[Millis]] = ([], [])
    for slept in pauses:
        random.seed(7)
        monkeypatch.setattr(clock, "sleep", slept.append)
        for _ in range(10):
            ask(Script({"a": ["Throttling"]}), FEW_ATTEMPTS, clock)
    assert len(pauses[0]) == len(pauses[1]) == 20
    assert pauses[0] != pauses[1]


def test_a_doubt_stays(clock: ManualClock) -> None:
    """A write that one attempt may have made stays in doubt, whatever comes later."""
    call = Script({"a": ["InternalServerError", "Throttling"], "b": ["Throttling"]})
    answers = ask(call, FEW_ATTEMPTS, clock)
    assert [isinstance(answer, StoreError) and answer.maybe_written for answer in answers] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("policy", "left", "attempts"),
    [
        (FEW_ATTEMPTS, 2_000, 1),
        (FEW_ATTEMPTS, 1_999, 0),
        (UNTIL_DEADLINE, 1, 1),
        (UNTIL_DEADLINE, 0, 0),
    ],
)
def test_time_that_is_left(
    clock: ManualClock, policy: RetryPolicy, left: int, attempts: int
) -> None:
    """The first attempt has to end before the reserve, or to begin before the deadline."""
    call = Script({"a": ["done"]})
    (answer,) = ask(call, policy, clock, left)
    assert len(call.sent) == attempts
    if not attempts:
        assert isinstance(answer, StoreUnavailableError)
        assert answer.code == NO_TIME


def test_a_call_that_raises(clock: ManualClock) -> None:
    """An answer that nobody understands is an unknown outcome of every request."""
    call = Script({})
    deadline = Deadline.from_remaining(clock, Millis(30_000))
    answers = call_with_retries(call, ["a", "b"], FEW_ATTEMPTS, deadline, clock)
    assert [isinstance(answer, StoreError) and answer.code for answer in answers] == [
        "BadAnswer"
    ] * 2
    assert len(call.sent) == 3
