"""The table, the observer and the threads of a scenario."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from idempotent_lambda.clock import Deadline
from idempotent_lambda.errors import StoreRefusedError, StoreUnavailableError
from idempotent_lambda.keys import Key
from idempotent_lambda.observer import ClaimHistory
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import ClaimAnswer, ClaimRequest, Request
from idempotent_lambda.protocol.steps import Settled
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.threads import Threads
from idempotent_lambda_toolkit.testing.effects import Call
from idempotent_lambda_toolkit.testing.hammering.invocation import (
    NAMESPACE,
    ClaimedRun,
    InjectedExit,
    Invocation,
    Killed,
)
from idempotent_lambda_toolkit.testing.hammering.steps import Fault

if TYPE_CHECKING:
    from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario

TRANSACTION = "transaction"
"""The name of the side effect that a processor commits with its completion."""


class NeverSet(threading.Event):
    """Keeps the consumer from starting a flusher: it works in one thread, in a fixed order."""

    def set(self) -> None:
        """Do nothing."""


class NoPolls(Threads):
    """Threads of a consumer that is never late, because its clock moves only when it is moved."""

    def poll(self, look: Callable[[], bool]) -> None:
        """Do nothing."""


class OutcomeRecorder:
    """Records how messages and calls end, and ignores all other reports of an `Observer`."""

    def __init__(self, scenario: "Scenario") -> None:
        self._scenario = scenario

    def report_message(
        self,
        delivery: Delivery,
        key: Key | None,
        settled: Settled,
        history: ClaimHistory,
        *,
        follows: bool,
    ) -> None:
        """See `Observer.report_message`."""
        del delivery, key, follows
        if invocation := self._scenario.current():
            invocation.outcomes.append(settled.outcome)
            invocation.errors += history.errors

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Ignore every other method."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: None


class FaultyStore:
    """The table of a scenario: rejects calls of dead processes, and loses calls on demand."""

    def __init__(self, scenario: "Scenario") -> None:
        self._scenario, self._memory = scenario, scenario.memory

    def _require_alive(self) -> Invocation | None:
        invocation = self._scenario.current()
        if invocation is not None and not invocation.alive:
            raise Killed
        return invocation

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> list[ClaimAnswer]:
        """See `ClaimStore.claim`."""
        invocation = self._require_alive()
        fault = invocation and invocation.step.fault
        ids = {each.record_id for each in requests}
        self._scenario.keys |= ids
        if invocation:
            invocation.asked.update(ids)
        self._scenario.owners |= {each.owner: each.record_id for each in requests}
        if fault is Fault.CLAIM_UNANSWERED:
            return [_no_answer(maybe_written=False) for _ in requests]
        answers = self._memory.claim(requests, deadline)
        if fault is Fault.CLAIM_LOST:
            return [_no_answer() for _ in requests]
        for request, answer in zip(requests, answers, strict=True):
            decorated = request.record_id.startswith(f"{NAMESPACE}##@")
            if invocation and decorated and isinstance(answer, claims.Claimed):
                invocation.runs.append(ClaimedRun(request.record_id, answer.owner))
        return answers

    def complete(
        self, requests: Sequence[Request], deadline: Deadline
    ) -> list[claims.CompleteAnswer]:
        """See `ClaimStore.complete`."""
        invocation = self._end_runs(requests)
        fault = invocation and invocation.step.fault
        if fault is Fault.COMPLETION_UNANSWERED:
            return [_no_answer() for _ in requests]
        answers = [self._complete_one(each, deadline) for each in requests]
        return [_no_answer() for _ in answers] if fault is Fault.COMPLETION_LOST else answers

    def _complete_one(self, request: Request, deadline: Deadline) -> claims.CompleteAnswer:
        if not request.actions:
            return self._memory.complete([request], deadline)[0]
        scenario = self._scenario
        refusal = StoreRefusedError("Hammer", "hammer made the commit fail", maybe_written=False)
        with _simulate_run(scenario.current(), request.record_id):
            try:
                leave = scenario.enter(Call(name=TRANSACTION), refusal, _no_answer())
            except (StoreRefusedError, InjectedExit):  # the commit runs no code that could exit
                return refusal
            except StoreUnavailableError as error:
                return error
            (answer,) = self._memory.complete([request], deadline)
            if answer == claims.Completed():
                try:
                    leave()
                except StoreUnavailableError as error:
                    return error
        return answer

    def release(
        self, requests: Sequence[Request], deadline: Deadline
    ) -> list[claims.ReleaseAnswer]:
        """See `ClaimStore.release`."""
        self._end_runs(requests)
        return self._memory.release(requests, deadline)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> list[claims.ParkAnswer]:
        """See `ClaimStore.park`."""
        self._end_runs(requests)
        return self._memory.park(requests, deadline)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> list[claims.ParkAnswer]:
        """See `ClaimStore.mark`."""
        self._require_alive()
        return self._memory.mark(requests, deadline)

    def _end_runs(self, requests: Sequence[Request]) -> Invocation | None:
        invocation = self._require_alive()
        for request in requests if invocation else ():
            invocation.end_run(request.record_id)  # type: ignore[union-attr]  # none are left then
        return invocation


@contextmanager
def _simulate_run(invocation: Invocation | None, key: str) -> Iterator[None]:
    """Simulate a run of a key."""
    run = ClaimedRun(key)
    if invocation:
        invocation.runs.append(run)
    try:
        yield
    finally:
        if invocation:
            invocation.runs.remove(run)


def _no_answer(*, maybe_written: bool = True) -> StoreUnavailableError:
    return StoreUnavailableError("Hammer", "hammer lost the answer", maybe_written=maybe_written)
