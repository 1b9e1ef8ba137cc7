"""One scenario: the real package delivers events to code under test, with faults.

Each scenario has its own table and clock. It sees the work of the code only through the declared
side effects, and the state of the keys only through the table.
"""

import copy
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.sources.message import Message
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
from idempotent_lambda_toolkit.testing.hammering.pauses import Pauses
from idempotent_lambda_toolkit.testing.hammering.recording import Kind, RecordedStore, Recording
from idempotent_lambda_toolkit.testing.hammering.responses import (
    has_records,
    list_acknowledged,
    list_records,
    names_failures,
    send_response,
)
from idempotent_lambda_toolkit.testing.hammering.simulated_time import (
    ScenarioClock,
    real_sleep,
)
from idempotent_lambda_toolkit.testing.hammering.steps import (
    SHORT_MILLIS,
    SLOW_MILLIS,
    DeliveryStep,
    Differences,
    FaultPoint,
)
from idempotent_lambda_toolkit.testing.hammering.store import (
    FaultyStore,
    NeverSet,
    NoPolls,
    OutcomeRecorder,
)
from idempotent_lambda_toolkit.testing.hammering.subject import Subject
from idempotent_lambda_toolkit.testing.hammering.waiting import real_join
from idempotent_lambda_toolkit.testing.hammering.workers import Workers
from idempotent_lambda_toolkit.testing.stores import InMemoryClaimStore, InMemoryQueues

DEADLOCK_SECONDS = 2.0
"""Real time after which a second invocation waits for the first, as two processes never do."""

OTHERS_SLEEP_SECONDS = 0.01
"""Real time that other threads of the code under test sleep at most."""

REDELIVERIES = 4

LATE_REDELIVERIES = 2
"""The number of redeliveries after those, an hour apart: a circuit breaker is closed by then."""

VISIBILITY = 6
"""The visibility timeout, in function timeouts: longer than any lease."""

HOUR_MILLIS = 3600 * 1000


class Scenario:
    """Deliveries in a row, on one table.

    With ``contains``, the side effects of other threads are held back until the code has returned,
    if it does not wait for these threads.
    ``differences`` are what the code sees differently from delivery to delivery.

    Attributes:
        done: the side effects that were done.
        keys: the ids of the records that were requested.
        invocations: the invocations of the deliveries, in order, without the concurrent ones.
        entered: the names of the side effects that were tried, also by concurrent invocations.
        exited: whether the code itself ended its process.
        overslept: whether the code slept until its time was over.
        under_way: the invocations that run.
        pauses: how their threads pause.
        recording: what happened, in order.
    """

    def __init__(
        self,
        subject: Subject,
        events: Sequence[Event],
        clock: ScenarioClock,
        workers: Workers,
        *,
        contains: bool = False,
        differences: Differences = Differences(),  # noqa: B008  # immutable
    ) -> None:
        self.done: list[DoneEffect] = []
        self.keys: set[str] = set()
        self.entered: set[str] = set()
        self.invocations: list[Invocation] = []
        self.exited = self.overslept = False
        self.clock = clock
        self.memory = InMemoryClaimStore()
        self.memory.commit = lambda _: None
        self.owners: dict[str, str] = {}
        self._subject, self._events = subject, events
        self.pauses = Pauses(self, workers, contains=contains)
        self._differences = differences
        self._deliveries: Counter[int] = Counter()
        self._outstanding: dict[int, set[int]] = {}
        self.under_way: list[Invocation] = []
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
        later = (0,) * REDELIVERIES + (1,) * LATE_REDELIVERIES
        for hours in later if settle else ():
            for event_index, positions in self._outstanding.items():
                if positions:
                    step = DeliveryStep(event_index=event_index, hours_later=hours)
                    self._deliver(step, sorted(positions))

    @property
    def process(self) -> object:
        """What `hash` depends on; None if each delivery comes to the same process."""
        return len(self.invocations) if self.under_way and self._differences.process else None

    @property
    def is_settled(self) -> bool:
        """Whether everything is acknowledged."""
        return not any(self._outstanding.values())

    def counts(self, invocation: Invocation | None = None) -> Counter[Identity]:
        """Count the side effects; of several with one token, the receiver does only the first.

        Args:
            invocation: the only one whose side effects count; None for all.
        """
        return count_effects(each for each in self.done if invocation in (None, each.invocation))

    @property
    def identities_with_tokens(self) -> set[Identity]:
        """The side effects that were done with a token."""
        return {each.identity for each in self.done if each.token is not None}

    # Deliveries

    def _deliver(
        self, step: DeliveryStep, positions: Sequence[int], *, concurrent: bool = False
    ) -> None:
        if self.invocations and not (step.at_once or concurrent):
            wait = step.hours_later * HOUR_MILLIS or VISIBILITY * self._subject.timeout
            self.clock.advance(Millis(wait))
        if not self._differences.wall_clock:
            self.clock.restart_wall_clock()
        event = self._events[step.event_index]
        if has_records(event):
            event = {**event, "Records": [event["Records"][each] for each in positions]}
        event = copy.deepcopy(event)
        earlier = self._deliveries[step.event_index]
        for _ in range(earlier if self._differences.receive_count else 0):
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
        token = current_invocation.set(invocation)
        outer = current_run.set(None)
        self.under_way.append(invocation)
        try:
            if self._subject.handler:
                context = Context(invocation.deadline, number)
                response = send_response(self._subject.function(event, context))
                invocation.response = response
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
            self.under_way.remove(invocation)
            current_invocation.reset(token)
            current_run.reset(outer)
            if self._subject.handler:
                self._await_others(invocation)
        acknowledged = list_acknowledged(event, response) if invocation.alive else set()
        taken = self._subject.handler and len(acknowledged) == max(1, len(list_records(event)))
        invocation.unread = taken and names_failures(event, response)
        return acknowledged

    def _process(self, message: Message, **more: Any) -> Any:
        """Run the processor, as the consumer calls it."""
        invocation = current_invocation.get()
        run = ClaimedRun(self.owners[message.owner])
        invocation.runs.append(run)
        outer = current_run.set(run)
        try:
            return self._subject.function(message, **more)
        except SystemExit as error:
            self._note_exit(error)
            raise
        finally:
            current_run.reset(outer)
            invocation.end_run(run.key)
            self._await_others(invocation)

    def _note_exit(self, error: BaseException) -> None:
        self.exited |= isinstance(error, SystemExit) and not isinstance(error, InjectedExit)

    def _await_others(self, invocation: Invocation) -> None:
        """Let threads that the code has left behind reach their side effects."""
        self.pauses.await_others(invocation, lambda: any(each.late for each in self.done))

    def _deliver_concurrently(self, invocation: Invocation) -> None:
        """Deliver the same event to another invocation, while this one is in a side effect."""
        step = DeliveryStep(event_index=invocation.step.event_index, at_once=True)
        known = {*self.under_way}
        positions = sorted(self._outstanding[step.event_index])
        other = threading.Thread(
            target=lambda: self._deliver(step, positions, concurrent=True), daemon=True
        )
        other.start()
        self.pauses.deliverers.add(_get_thread_id())
        real_join(other, DEADLOCK_SECONDS)
        self.pauses.deliverers.discard(_get_thread_id())
        for each in [*self.under_way]:
            each.alive = each.alive and each in known

    # Effects

    def current(self) -> Invocation | None:
        """Return the invocation that the calling thread works for, as far as that is known."""
        found = current_invocation.get(None)
        if found is not None:
            return found
        return next(reversed(self.under_way or self.invocations), None)

    def enter(self, call: Call, failure: Exception, lost_answer: Exception) -> Callable[[], None]:
        """See `Stage.enter`."""
        invocation = self.current()
        if invocation is None or (not self.under_way and invocation.thread == _get_thread_id()):
            return lambda: None  # the test itself did it
        foreign = invocation.thread != _get_thread_id()
        run = self._find_run(invocation, foreign=foreign)
        if foreign:
            self.pauses.hold(run)
        identity = Identity(call.name, run.key if run else None)
        with self._lock:
            at = len(invocation.names)
            invocation.names.append(call.name)
            self.entered.add(call.name)
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
        if hit and foreign and step.fault_point is FaultPoint.SLOW:
            # The code may give up waiting for the other thread, which goes on.
            self.pauses.hold_slow(invocation, run, self._get_slowness(invocation))
            hit = False
        if hit and not step.after:
            self._inject_fault(invocation)
        late = run is not None and run.returned.is_set()

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

    def find_main_invocation(self) -> Invocation | None:
        """Return the invocation whose main thread calls this; None for any other thread."""
        invocation = self.current()
        is_main = invocation in self.under_way and invocation.thread == _get_thread_id()
        return invocation if is_main else None

    def list_main_threads(self) -> set[int]:
        """Return the main threads of the invocations that run."""
        return {each.thread for each in self.under_way}

    def sleep(self, seconds: float) -> None:
        """Replace `time.sleep`."""
        if self.pauses.is_waiting_thread():
            return self.pauses.sleep(seconds)
        if self.under_way and (invocation := self.current()) is not None:
            self.pauses.hold(invocation.runs[-1] if invocation.runs else invocation.last)
            return real_sleep(min(seconds, OTHERS_SLEEP_SECONDS))
        return real_sleep(seconds)

    def oversleep(self, invocation: Invocation) -> NoReturn:
        """End an invocation that sleeps or waits for longer than its remaining time.

        Raises:
            Killed: the invocation is over.
        """
        self.overslept = True
        self.clock.advance(invocation.deadline.remaining())
        self._kill(invocation)

    @staticmethod
    def _get_slowness(invocation: Invocation) -> Millis:
        return Millis(max(0, invocation.deadline.remaining() - SLOW_MILLIS))

    def _inject_fault(self, invocation: Invocation) -> None:
        remaining = invocation.deadline.remaining()
        self.recording.note_fault(invocation)
        match invocation.step.fault_point:
            case FaultPoint.EXITS:
                raise InjectedExit(1)
            case FaultPoint.SLOW:
                self.clock.advance(self._get_slowness(invocation))
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
