"""One scenario: the real package delivers events to code under test, with faults.

Each scenario has its own table and clock. It sees the work of the code only through the declared
side effects, and the state of the keys only through the table.
"""

import copy
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing.clock import ManualClock
from idempotent_lambda_toolkit.testing.effects import Call
from idempotent_lambda_toolkit.testing.events import Event, redelivered
from idempotent_lambda_toolkit.testing.hammering.invocation import (
    ClaimedRun,
    Context,
    DoneEffect,
    Identity,
    InjectedExit,
    Invocation,
    Killed,
    current_invocation,
    current_run,
)
from idempotent_lambda_toolkit.testing.hammering.recording import Kind, RecordedStore, Recording
from idempotent_lambda_toolkit.testing.hammering.responses import has_records, list_acknowledged
from idempotent_lambda_toolkit.testing.hammering.steps import (
    SHORT_MILLIS,
    SLOW_MILLIS,
    DeliveryStep,
    FaultPoint,
)
from idempotent_lambda_toolkit.testing.hammering.store import (
    FaultyStore,
    NeverSet,
    NoPolls,
    OutcomeRecorder,
)
from idempotent_lambda_toolkit.testing.hammering.subject import Subject
from idempotent_lambda_toolkit.testing.stores import InMemoryClaimStore, InMemoryQueues

PATIENCE_SECONDS = 0.5
"""Real time for threads of the code under test to reach their side effect or to end."""

DEADLOCK_SECONDS = 2.0
"""Real time after which a second invocation waits for the first, as two processes never do."""

REDELIVERIES = 4

VISIBILITY = 6
"""The visibility timeout, in function timeouts: longer than any lease."""

real_sleep = time.sleep


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
        recording: what happened, in order.
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
        self.recording = Recording(self.clock)
        store = RecordedStore(FaultyStore(self), self.recording, self.current)
        observer: Any = OutcomeRecorder(self)
        self.wiring = Wiring(subject.settings, store, self.clock, observer)
        self._consumer = Consumer(
            processor=self._process,
            settings=subject.settings,
            store=store,
            queues=InMemoryQueues(),
            clock=self.clock,
            observer=observer,
            transactional=subject.transactional,
            saw_slow_processor=NeverSet(),
            threads=NoPolls(),
        )

    def run(self, steps: Sequence[DeliveryStep], *, settle: bool = True) -> None:
        """Deliver the steps; then redeliver until all is acknowledged, a few times at most."""
        for step in steps:
            event = self._events[step.event_index]
            everything = range(len(event["Records"]) if has_records(event) else 1)
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
        return count_effects(self.done)

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
        if has_records(event):
            event = {**event, "Records": [event["Records"][each] for each in positions]}
        event = copy.deepcopy(event)
        for _ in range(self._deliveries[step.event_index] if self._counted else 0):
            event = redelivered(event)
        self._deliveries[step.event_index] += 1
        remaining = SHORT_MILLIS if step.short else self._subject.timeout
        invocation = Invocation(step, Deadline.from_remaining(self.clock, remaining))
        if step.again:
            before = self.invocations[-1]
            invocation.failing, invocation.unanswered = before.failing, before.unanswered
        if not concurrent:
            self.invocations.append(invocation)
        self.recording.begin(invocation, event, overlap=concurrent)
        done = self._invoke(invocation, event)
        invocation.acknowledged = {positions[each] for each in done}
        self._outstanding[step.event_index] -= invocation.acknowledged
        self.recording.end(invocation, positions)

    def _invoke(self, invocation: Invocation, event: Event) -> set[int]:
        """Invoke the function; return the positions that it acknowledges."""
        invocation.thread = threading.get_ident()
        number = f"request-{len(self.invocations)}"
        before = list_thread_ids()
        token = current_invocation.set(invocation)
        outer = current_run.set(None)
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
            current_invocation.reset(token)
            current_run.reset(outer)
            if self._subject.handler:
                self._await_others(invocation, before)
        return list_acknowledged(event, response) if invocation.alive else set()

    def _process(self, message: Message, **more: Any) -> Any:
        """Run the processor, as the consumer calls it."""
        invocation = current_invocation.get()
        run = ClaimedRun(self.owners[message.owner])
        invocation.runs.append(run)
        before, outer = list_thread_ids(), current_run.set(run)
        try:
            return self._subject.function(message, **more)
        except SystemExit as error:
            self._note_exit(error)
            raise
        finally:
            current_run.reset(outer)
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
        found = current_invocation.get(None)
        if found is not None:
            return found
        return next(reversed(self._under_way or self.invocations), None)

    def enter(self, call: Call, failure: Exception, lost_answer: Exception) -> Callable[[], None]:
        """See `Stage.enter`."""
        invocation = self.current()
        if invocation is None or (not self._under_way and invocation.thread == _get_thread_id()):
            return lambda: None  # the test itself did it
        foreign = invocation.thread != _get_thread_id()
        run = self._find_run(invocation, foreign=foreign)
        if foreign:
            self._hold(run)
        identity = Identity(call.name, run.key if run else None)
        late = run is not None and run.returned.is_set()
        with self._lock:
            at = len(invocation.names)
            invocation.names.append(call.name)
        self.check_alive(invocation)
        self.recording.note_effect(invocation, Kind.BEGUN, identity)
        step = invocation.step
        hit = step.fault_point is not None and step.at == at
        if step.concurrent and step.at == at:
            invocation.faulted = call.name
            self._deliver_concurrently(invocation)
            self.check_alive(invocation)
        if hit:
            invocation.faulted = call.name
        with self.recording.note_rejection(invocation, identity):
            invocation.reject(identity, failure, lost_answer, hit=hit)
        if hit and not step.after:
            self._inject_fault(invocation)

        def leave() -> None:
            self.check_alive(invocation)
            with self._lock:
                self.done.append(DoneEffect(invocation, identity, call.token, late, run))
            self.recording.note_effect(invocation, Kind.DONE, identity, call.token, late=late)
            if hit and step.after:
                with self.recording.note_rejection(invocation, identity):
                    invocation.lose_answer(identity, lost_answer)
                self._inject_fault(invocation)

        return leave

    def begin_call(self, owner: str) -> None:
        """Note that the calling task or thread begins to run a decorated function."""
        invocation, outer = self.current(), current_run.get()
        runs = invocation.runs if invocation else []
        run = next((each for each in runs if each.owner == owner), None)
        if run and run is not outer:
            run.outer = outer
            current_run.set(run)

    def end_call(self, owner: str) -> None:
        """Note that the call of a decorated function has ended, if it ran."""
        run = current_run.get()
        if run and run.owner == owner:
            current_run.set(run.outer)

    def _find_run(self, invocation: Invocation, *, foreign: bool) -> ClaimedRun | None:
        """Return the run that a side effect belongs to, as far as that is known."""
        if run := current_run.get():
            return run
        run = invocation.runs[-1] if invocation.runs else None
        return run or (invocation.last if foreign else None)

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
        self.recording.note_fault(invocation)
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


def count_effects(done: Iterable[DoneEffect]) -> Counter[Identity]:
    """Count side effects; of several with one token, the receiver does only the first."""
    found: Counter[Identity] = Counter()
    known: set[tuple[str, str]] = set()
    for effect in done:
        identity, token = effect.identity, effect.token
        if token is None or (identity.name, token) not in known:
            found[identity] += 1
        if token is not None:
            known.add((identity.name, token))
    return found


def _get_thread_id() -> int:
    return threading.get_ident()


def list_thread_ids() -> set[int | None]:
    """Return the ids of all threads."""
    return {each.ident for each in threading.enumerate()}
