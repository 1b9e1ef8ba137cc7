"""One scenario: the real package delivers events to code under test, with faults.

Each scenario has its own table and clock. It sees the work of the code only through the declared
side effects, and the state of the keys only through the table.
"""

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple, NoReturn

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import StoreRefusedError, StoreUnavailableError
from idempotent_lambda.keys import Key
from idempotent_lambda.observer import ClaimHistory
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import ClaimAnswer, ClaimRequest, Request
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.message import Message
from idempotent_lambda.threads import Threads
from idempotent_lambda_toolkit.testing.clock import ManualClock
from idempotent_lambda_toolkit.testing.effects import Call
from idempotent_lambda_toolkit.testing.events import Event, redelivered
from idempotent_lambda_toolkit.testing.stores import InMemoryClaimStore, InMemoryQueues

NAMESPACE = "hammer"

TRANSACTION = "transaction"
"""The name of the side effect that a processor commits with its completion."""

PATIENCE_SECONDS = 0.5
"""Real time for threads of the code under test to reach their side effect or to end."""

DEADLOCK_SECONDS = 2.0
"""Real time after which a second invocation waits for the first, as two processes never do."""

SHORT_MILLIS = Millis(2100)
"""About the shortest remaining time with which the package still claims and runs a message."""

SLOW_MILLIS = Millis(400)
"""The remaining time after a slow side effect: too short for the package to start anything."""

REDELIVERIES = 4

FAILURES = 5
"""The number of deliveries in which a side effect fails that fails repeatedly."""

VISIBILITY = 6
"""The visibility timeout, in function timeouts: longer than any lease."""

real_sleep = time.sleep


class Killed(BaseException):
    """The process of the code under test is dead: from now on, it does nothing."""


class InjectedExit(SystemExit):
    """A side effect that ends the process, unless the code catches the exception."""


class FaultPoint(Enum):
    """A fault of a delivery at a side effect."""

    FAILS = auto()
    EXITS = auto()
    KILLED = auto()
    TIMES_OUT = auto()
    SLOW = auto()


class Fault(Enum):
    """A fault of the table: the answer or the request is lost."""

    CLAIM_LOST = auto()
    CLAIM_UNANSWERED = auto()
    COMPLETION_LOST = auto()
    COMPLETION_UNANSWERED = auto()


@dataclass(frozen=True, kw_only=True)
class DeliveryStep:
    """One delivery.

    Attributes:
        event_index: the number of the event.
        fault_point: the fault at a side effect; None for no fault.
        at: the number of that side effect in this delivery, from 0.
        after: whether the fault comes after the side effect.
        fault: the fault of the table; None for no fault.
        at_once: whether it comes while the lease of the delivery before may still be live.
        short: whether it comes with little time left.
        concurrent: whether another delivery of the same event comes during that side effect.
        again: whether the side effect that failed in the delivery before fails again.
        every: whether every side effect fails with `FaultPoint.FAILS`, instead of only that one.
        only: the position of the one record that is delivered; None for the whole event.
    """

    event_index: int = 0
    fault_point: FaultPoint | None = None
    at: int = 0
    after: bool = False
    fault: Fault | None = None
    at_once: bool = False
    short: bool = False
    concurrent: bool = False
    again: bool = False
    every: bool = False
    only: int | None = None

    @property
    def interrupts(self) -> bool:
        """Whether its side effects may repeat without a mistake in the code."""
        ended = self.fault_point in (FaultPoint.EXITS, FaultPoint.KILLED, FaultPoint.TIMES_OUT)
        return ended or self.fault is Fault.COMPLETION_UNANSWERED


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The code under test.

    Attributes:
        function: the processor or the handler.
        handler: whether it takes an event and a context.
        transactional: whether it takes a transaction.
        settings: the settings of the consumer.
        timeout: the timeout of the function.
    """

    function: Callable[..., Any]
    handler: bool
    transactional: bool
    settings: Settings
    timeout: Millis


class Identity(NamedTuple):
    """The identity of a side effect: two with the same identity are the same.

    Attributes:
        key: the record id; None if no key was claimed.
    """

    name: str
    key: str | None


class DoneEffect(NamedTuple):
    """A side effect that was done.

    Attributes:
        late: whether it came after its run had returned.
    """

    invocation: "Invocation"
    identity: Identity
    token: str | None
    late: bool


@dataclass(eq=False)
class ClaimedRun:
    """A run that holds a claim, from its start to its return."""

    key: str
    returned: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False)
class Invocation:
    """One invocation of the function.

    Attributes:
        thread: the thread that runs it; other threads belong to the code under test.
        runs: the runs that hold a claim, innermost last.
        last: the run that returned last.
        names: the names of the side effects that began, in order.
        faulted: the name of the side effect at the step's fault point.
        failing: the side effects that fail from now on.
        failed: the side effects that failed.
        asked: the ids of the records that were requested.
        outcomes: the outcome of each message or call.
        error: the exception that ended it without a response.
        acknowledged: the positions of acknowledged records; 0 for an event without records.
    """

    step: DeliveryStep
    deadline: Deadline
    thread: int = 0
    alive: bool = True
    runs: list[ClaimedRun] = field(default_factory=list)
    last: ClaimedRun | None = None
    names: list[str] = field(default_factory=list)
    faulted: str | None = None
    failing: set[Identity] = field(default_factory=set)
    failed: set[Identity] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    error: BaseException | None = None
    acknowledged: set[int] = field(default_factory=set)

    def end_run(self, key: str) -> None:
        """Note that the run of a key has returned."""
        for run in reversed(self.runs):
            if run.key == key:
                self.runs.remove(run)
                self.last = run
                run.returned.set()
                return


@dataclass(frozen=True)
class Context:
    """The context that Lambda passes with the event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    deadline: Deadline
    aws_request_id: str
    function_name: str = NAMESPACE
    function_version: str = "$LATEST"
    invoked_function_arn: str = f"arn:aws:lambda:eu-central-1:123456789012:function:{NAMESPACE}"
    memory_limit_in_mb: str = "256"

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        return self.deadline.remaining()


_current: ContextVar[Invocation] = ContextVar("hammered invocation")


class Scenario:
    """Deliveries in a row, on one table.

    ``known`` are the threads that existed before all scenarios. If it is given, the side effects of
    other threads are held back until the code has returned, if it does not wait for these threads.
    Without ``counted``, a repeated delivery looks like the first.

    Attributes:
        done: the side effects that were done.
        keys: the ids of the records that were requested.
        invocations: the invocations of the deliveries, in order, without the concurrent ones.
        exited: whether the code itself ended its process.
        overslept: whether the code slept until its time was over.
    """

    def __init__(
        self,
        subject: Subject,
        events: Sequence[Event],
        known: AbstractSet[int | None] | None = None,
        *,
        counted: bool = True,
    ) -> None:
        self.done: list[DoneEffect] = []
        self.keys: set[str] = set()
        self.invocations: list[Invocation] = []
        self.exited = self.overslept = False
        self.clock = ManualClock()
        self.memory = InMemoryClaimStore()
        self.memory.commit = lambda _: None
        self.owners: dict[str, str] = {}
        self._subject, self._events = subject, events
        self._known, self._contains, self._counted = known, known is not None, counted
        self._deliveries: Counter[int] = Counter()
        self._outstanding: dict[int, set[int]] = {}
        self._under_way: list[Invocation] = []
        self._lock = threading.Lock()
        store = _FaultyStore(self)
        observer: Any = _Observer(self)
        self.wiring = Wiring(subject.settings, store, self.clock, observer)
        self._consumer = Consumer(
            processor=self._process,
            settings=subject.settings,
            store=store,
            queues=InMemoryQueues(),
            clock=self.clock,
            observer=observer,
            transactional=subject.transactional,
            saw_slow_processor=_Never(),
            threads=_NoPolls(),
        )

    def run(self, steps: Sequence[DeliveryStep], *, settle: bool = True) -> None:
        """Deliver the steps; then redeliver until all is acknowledged, a few times at most."""
        for step in steps:
            event = self._events[step.event_index]
            everything = range(len(event["Records"]) if _has_records(event) else 1)
            outstanding = self._outstanding.setdefault(step.event_index, {*everything})
            if step.again:
                if outstanding:
                    self._deliver(step, sorted(outstanding))
            else:
                self._deliver(step, [*everything] if step.only is None else [step.only])
        for _ in range(REDELIVERIES if settle else 0):
            for event_index, positions in self._outstanding.items():
                if positions:
                    self._deliver(DeliveryStep(event_index=event_index), sorted(positions))

    @property
    def is_settled(self) -> bool:
        """Whether everything is acknowledged."""
        return not any(self._outstanding.values())

    def counts(self) -> Counter[Identity]:
        """Count the side effects; of several with one token, the receiver does only the first."""
        found: Counter[Identity] = Counter()
        known: set[tuple[str, str]] = set()
        for _, identity, token, _ in self.done:
            if token is None or (identity.name, token) not in known:
                found[identity] += 1
            if token is not None:
                known.add((identity.name, token))
        return found

    @property
    def identities_with_tokens(self) -> set[Identity]:
        """The side effects that were done with a token."""
        return {each.identity for each in self.done if each.token is not None}

    # Deliveries

    def _deliver(
        self, step: DeliveryStep, positions: Sequence[int], *, concurrent: bool = False
    ) -> None:
        if self.invocations and not (step.at_once or concurrent):
            self.clock.advance(Millis(VISIBILITY * self._subject.timeout))
        event = self._events[step.event_index]
        if _has_records(event):
            event = {**event, "Records": [event["Records"][each] for each in positions]}
        event = copy.deepcopy(event)
        for _ in range(self._deliveries[step.event_index] if self._counted else 0):
            event = redelivered(event)
        self._deliveries[step.event_index] += 1
        remaining = SHORT_MILLIS if step.short else self._subject.timeout
        invocation = Invocation(step, Deadline.from_remaining(self.clock, remaining))
        if step.again:
            invocation.failing = self.invocations[-1].failing
        if not concurrent:
            self.invocations.append(invocation)
        done = self._invoke(invocation, event)
        invocation.acknowledged = {positions[each] for each in done}
        self._outstanding[step.event_index] -= invocation.acknowledged

    def _invoke(self, invocation: Invocation, event: Event) -> set[int]:
        """Invoke the function; return the positions that it acknowledges."""
        invocation.thread = threading.get_ident()
        number = f"request-{len(self.invocations)}"
        before = list_thread_ids()
        token = _current.set(invocation)
        self._under_way.append(invocation)
        try:
            if self._subject.handler:
                context = Context(invocation.deadline, number)
                response = self._subject.function(event, context)
            else:
                remaining = invocation.deadline.remaining()
                response = self._consumer.consume(event, remaining, number)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # as the Lambda service does
            self._note_exit(error)
            invocation.error = error
            return set()
        finally:
            self._under_way.remove(invocation)
            _current.reset(token)
            if self._subject.handler:
                self._await_others(invocation, before)
        return _list_acknowledged(event, response) if invocation.alive else set()

    def _process(self, message: Message, **more: Any) -> Any:
        """Run the processor, as the consumer calls it."""
        invocation = _current.get()
        run = ClaimedRun(self.owners[message.owner])
        invocation.runs.append(run)
        before = list_thread_ids()
        try:
            return self._subject.function(message, **more)
        except SystemExit as error:
            self._note_exit(error)
            raise
        finally:
            invocation.end_run(run.key)
            self._await_others(invocation, before)

    def _note_exit(self, error: BaseException) -> None:
        self.exited |= isinstance(error, SystemExit) and not isinstance(error, InjectedExit)

    def _await_others(self, invocation: Invocation, before: AbstractSet[int | None]) -> None:
        """Let threads that the code has left behind reach their side effects."""
        known = before if self._known is None else self._known
        ends = time.monotonic() + PATIENCE_SECONDS
        while invocation.alive and not any(each.late for each in self.done):
            if list_thread_ids() <= known or time.monotonic() > ends:
                return
            real_sleep(0.001)

    def _deliver_concurrently(self, invocation: Invocation) -> None:
        """Deliver the same event to another invocation, while this one is in a side effect."""
        step = DeliveryStep(event_index=invocation.step.event_index, at_once=True)
        known = {*self._under_way}
        positions = sorted(self._outstanding[step.event_index])
        other = threading.Thread(
            target=lambda: self._deliver(step, positions, concurrent=True), daemon=True
        )
        other.start()
        other.join(DEADLOCK_SECONDS)
        for each in [*self._under_way]:
            each.alive = each.alive and each in known

    # Effects

    def current(self) -> Invocation | None:
        """Return the invocation that the calling thread works for, as far as that is known."""
        found = _current.get(None)
        if found is not None:
            return found
        return next(reversed(self._under_way or self.invocations), None)

    def enter(self, call: Call, failure: Exception) -> Callable[[], None]:
        """See `Stage.enter`."""
        invocation = self.current()
        if invocation is None or (not self._under_way and invocation.thread == _get_thread_id()):
            return lambda: None  # the test itself did it
        foreign = invocation.thread != _get_thread_id()
        run = invocation.runs[-1] if invocation.runs else None
        if foreign:
            run = run or invocation.last
            self._hold(run)
        key = run.key if run else None
        late = foreign and run is not None and run.returned.is_set()
        with self._lock:
            at = len(invocation.names)
            invocation.names.append(call.name)
        self.check_alive(invocation)
        step = invocation.step
        hit = step.fault_point is not None and step.at == at
        if step.concurrent and step.at == at:
            invocation.faulted = call.name
            self._deliver_concurrently(invocation)
            self.check_alive(invocation)
        if hit:
            invocation.faulted = call.name
        if step.every or (hit and step.fault_point is FaultPoint.FAILS):
            invocation.failing.add(Identity(call.name, key))
        if Identity(call.name, key) in invocation.failing:
            invocation.faulted = invocation.faulted or call.name
            invocation.failed.add(Identity(call.name, key))
            raise failure.with_traceback(None)
        if hit and not step.after:
            self._inject_fault(invocation)

        def leave() -> None:
            self.check_alive(invocation)
            with self._lock:
                self.done.append(DoneEffect(invocation, Identity(call.name, key), call.token, late))
            if hit and step.after:
                self._inject_fault(invocation)

        return leave

    def check_alive(self, invocation: Invocation | None) -> None:
        """Stop the code of an invocation that is over.

        Raises:
            Killed: the invocation is over.
        """
        if invocation is not None and not (invocation.alive and invocation.deadline.remaining()):
            self._kill(invocation)

    def sleep(self, seconds: float) -> None:
        """Replace `time.sleep`: move the clock at once."""
        invocation = self.current()
        if not self._under_way or invocation is None or invocation.thread != _get_thread_id():
            if invocation is not None and self._under_way:
                self._hold(invocation.runs[-1] if invocation.runs else invocation.last)
            return real_sleep(seconds if self._known is None else min(seconds, 0.01))
        duration = Millis(round(seconds * 1000))
        if duration >= invocation.deadline.remaining():
            self.overslept = True
            self.clock.advance(invocation.deadline.remaining())
            self._kill(invocation)
        return self.clock.advance(duration)

    def _hold(self, run: ClaimedRun | None) -> None:
        """Hold another thread until its run has returned, unless the run waits for it."""
        if self._contains and run is not None and not run.returned.wait(PATIENCE_SECONDS):
            self._contains = False

    def _inject_fault(self, invocation: Invocation) -> None:
        remaining = invocation.deadline.remaining()
        match invocation.step.fault_point:
            case FaultPoint.EXITS:
                raise InjectedExit(1)
            case FaultPoint.SLOW:
                self.clock.advance(Millis(max(0, remaining - SLOW_MILLIS)))
            case FaultPoint.TIMES_OUT:
                self.clock.advance(remaining)
                self._kill(invocation)
            case _:
                self._kill(invocation)

    def _kill(self, invocation: Invocation) -> NoReturn:
        invocation.alive = False
        raise Killed


class _Never(threading.Event):
    """Keeps the consumer from starting a flusher: it works in one thread, in a fixed order."""

    def set(self) -> None:
        """Do nothing."""


class _NoPolls(Threads):
    """Threads of a consumer that is never late, because its clock moves only when it is moved."""

    def poll(self, look: Callable[[], bool]) -> None:
        """Do nothing."""


class _Observer:
    """Records how messages and calls end, and ignores all other reports of an `Observer`."""

    def __init__(self, scenario: Scenario) -> None:
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


class _FaultyStore:
    """The table of a scenario: rejects calls of dead processes, and loses calls on demand."""

    def __init__(self, scenario: Scenario) -> None:
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
            invocation.asked |= ids
        self._scenario.owners |= {each.owner: each.record_id for each in requests}
        if fault is Fault.CLAIM_UNANSWERED:
            return [_no_answer(maybe_written=False) for _ in requests]
        answers = self._memory.claim(requests, deadline)
        if fault is Fault.CLAIM_LOST:
            return [_no_answer() for _ in requests]
        for request, answer in zip(requests, answers, strict=True):
            decorated = request.record_id.startswith(f"{NAMESPACE}##@")
            if invocation and decorated and isinstance(answer, claims.Claimed):
                invocation.runs.append(ClaimedRun(request.record_id))
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
                leave = scenario.enter(Call(name=TRANSACTION), refusal)
            except (StoreRefusedError, InjectedExit):  # the commit runs no code that could exit
                return refusal
            (answer,) = self._memory.complete([request], deadline)
            if answer == claims.Completed():
                leave()
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


def _get_thread_id() -> int:
    return threading.get_ident()


def list_thread_ids() -> set[int | None]:
    """Return the ids of all threads."""
    return {each.ident for each in threading.enumerate()}


def _has_records(event: Event) -> bool:
    return isinstance(event.get("Records"), list)


def count_records(event: Event) -> int:
    """Return how many records the source may deliver separately; 0 if it never does that."""
    records = event["Records"] if _has_records(event) else []
    return sum(each.get("eventSource") in _IDS for each in records)


_IDS = {
    "aws:sqs": lambda record: record.get("messageId"),
    "aws:kinesis": lambda record: record.get("kinesis", {}).get("sequenceNumber"),
    "aws:dynamodb": lambda record: record.get("dynamodb", {}).get("SequenceNumber"),
}


def _list_acknowledged(event: Event, response: object) -> set[int]:
    """Return the positions that a response acknowledges, as Lambda reads it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    records = event["Records"] if _has_records(event) else [event]
    everything = {*range(len(records))}
    named = response.get("batchItemFailures") if isinstance(response, dict) else None
    identify = _IDS.get(records[0].get("eventSource", "")) if records else None
    if not named or identify is None:
        return everything
    ids = [identify(each) for each in records]
    failed = [each.get("itemIdentifier") for each in named]
    if any(each not in ids for each in failed):
        return set()  # Lambda treats an unknown id as a failure of the batch
    if records[0]["eventSource"] == "aws:sqs":
        return {each for each in everything if ids[each] not in failed}
    return {*range(min(ids.index(each) for each in failed))}
