"""Threads share a batch: they confirm completions while others run, and run in parallel."""

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.pipeline.shared_plan import MAX_LINGER_MILLIS
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import Decision
from idempotent_lambda.sources.message import Message
from idempotent_lambda.threads import Threads
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.waiting import SECONDS

from .harness import ConsumerHarness, FaultyStore, faulty, raising, table_unavailable

if TYPE_CHECKING:
    from idempotent_lambda.protocol.record import Record

NAMES = "abcdef"
Plan = BatchPlan[WorkItem]


class GatedStore(FaultyStore):
    """Completions wait at a gate.

    Attributes:
        arrived: set when a completion waits there.
        gate: open it and they go on.
        patient: how many wait; the next one opens the gate.
    """

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, InMemoryClaimStore())
        self.arrived = threading.Event()
        self.gate = threading.Event()
        self.patient = len(NAMES)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        self.arrived.set()
        self.patient -= 1
        if self.patient < 0:
            self.gate.set()
        assert self.gate.wait(SECONDS)
        return super().complete(requests, deadline)


class LingeringClock(ManualClock):
    """A clock on which a linger passes at once.

    Attributes:
        lingered: how long each was to be.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lingered: list[Millis] = []

    def wait(self, condition: threading.Condition, duration: Millis) -> bool:
        if duration > MAX_LINGER_MILLIS:
            return super().wait(condition, duration)
        self.lingered.append(duration)
        self.advance(duration)
        return False


def gated(clock: ManualClock | None = None) -> tuple[ConsumerHarness, GatedStore]:
    """A harness whose completions wait at a gate."""
    clock = clock or ManualClock()
    store = GatedStore(clock)
    harness = ConsumerHarness(store, clock)
    harness.memory = store.inner
    return harness, store


def after_a_flush(
    harness: ConsumerHarness, store: GatedStore, *, by: int = 1
) -> Callable[[Message], Any]:
    """A processor that ends when the completion of an earlier message is under way."""

    def process(_: Message) -> None:
        # The company that a completion waits for is over.
        harness.clock.advance(Millis(by))
        assert store.arrived.wait(SECONDS)

    return process


class CountedThreads(Threads):
    """Threads that count how often one is asked for."""

    started = 0

    def start(self, work: Callable[[], Any]) -> Any:
        self.started += 1
        return super().start(work)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for another thread."""
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.0005)


class TestCommit:
    """Completions in groups."""

    @pytest.mark.parametrize("size", [2, 10, 100])
    def test_two_trips(self, size: int) -> None:
        """A batch of instant processors is claimed together and completed together."""
        harness, store = faulty()
        assert harness.deliver(*map(str, range(size))) == []
        assert store.trips == [f"claim {size}", f"complete {size}"]

    def test_failures_are_given_back_together(self) -> None:
        """All claims whose processors raised are released in one call."""
        harness, store = faulty()
        harness.behaviour = dict.fromkeys("ac", raising(ValueError()))
        assert harness.deliver(*"abcd") == ["m-a", "m-c"]
        assert store.trips == ["claim 4", "complete 2", "release 2"]

    def test_while_the_next_one_runs(self) -> None:
        """The completion of a message is sent while a later one runs."""
        harness, store = gated()
        store.gate.set()
        harness.behaviour["b"] = after_a_flush(harness, store)
        assert harness.deliver("a", "b", "c") == []
        assert store.trips == ["claim 3", "complete 1", "complete 2"]

    def test_a_slow_run_is_confirmed_before_it_ends(self) -> None:
        """While a long processor runs, nothing that has returned before stays unconfirmed."""
        harness, store = gated()
        store.gate.set()

        def process(_: Message) -> None:
            harness.clock.advance(Millis(1))
            wait_until(lambda: harness.status("a") == "COMPLETED")

        harness.behaviour["b"] = process
        assert harness.deliver("a", "b") == []

    @pytest.mark.parametrize(("millis", "linger"), [(30, 30), (500, 100)])
    def test_the_linger_follows_the_clock(self, millis: int, linger: int) -> None:
        """On the clock that is given, a completion lingers as long as a call takes, or 100 ms."""
        clock = LingeringClock()
        harness, store = gated(clock)
        store.gate.set()
        store.millis = millis
        harness.behaviour["b"] = lambda _: store.arrived.wait(SECONDS)
        assert harness.deliver("a", "b") == []
        assert clock.lingered[0] == linger

    def test_no_flusher_for_haste(self) -> None:
        """Until a processor takes more than a millisecond, no other thread is started."""
        harness, store = faulty()
        harness.consumer.saw_slow_processor.clear()
        threads = CountedThreads()
        harness.consumer = replace(harness.consumer, threads=threads)
        harness.deliver(*NAMES)
        assert threads.started == 0
        assert store.trips == ["claim 6", "complete 6"]
        harness.behaviour["g"] = lambda _: harness.clock.advance(Millis(2))
        harness.deliver("g", "h", "i")
        assert threads.started == 1

    def test_the_first_slow_run_of_a_process_stops_nothing(self) -> None:
        """Completions of earlier quick runs are sent after the slow run, and the batch goes on."""
        harness, store = faulty()
        harness.consumer.saw_slow_processor.clear()
        harness.behaviour["b"] = lambda _: harness.clock.advance(Millis(1500))
        assert harness.deliver("a", "b", "c", "d") == []
        assert harness.ran == ["a", "b", "c", "d"]
        assert store.trips[0] == "claim 4"

    def test_redelivered(self) -> None:
        """The store learns which messages were delivered before, followers included."""
        reported: dict[str, bool] = {}

        class Store(InMemoryClaimStore):
            def claim(self, requests: Any, deadline: Deadline) -> Any:
                reported.update({each.record_id: each.redelivered for each in requests})
                return super().claim(requests, deadline)

        harness = ConsumerHarness(Store())
        again = {"attributes": {"ApproximateReceiveCount": "2"}}
        record = {"messageId": "m", "body": '{"id": "b"}', "eventSource": "aws:sqs"}
        harness.deliver("a", "b", record | again)
        assert reported == {"orders#a": False, "orders#b": True}


class TestCrash:
    """A crash leaves in doubt what runs, the flush in flight, and what gathered since."""

    @pytest.mark.parametrize(
        ("crash", "flight"),
        [(crash, flight) for crash in range(6) for flight in range(crash + 1)],
    )
    def test_at_every_message(self, crash: int, flight: int) -> None:
        """A crash at k with a flush since j repeats j to k, and nothing else; nothing is lost."""
        harness, store = gated()
        left: dict[str, Record] = {}

        def process(message: Message) -> None:
            at = NAMES.index(message.key)
            harness.clock.advance(Millis(1))
            if at <= flight:
                # Before the flush in question each message is confirmed while the next one runs.
                store.gate.set()
                wait_until(lambda: at == 0 or harness.status(NAMES[at - 1]) == "COMPLETED")
            if at == flight:
                store.gate.clear()
                store.arrived.clear()
            if at == flight + 1:
                assert store.arrived.wait(SECONDS)
            if at == crash:
                left.update(deepcopy(harness.memory.records))
                store.gate.set()

        harness.behaviour = dict.fromkeys(NAMES, process)
        harness.deliver(*NAMES)
        # The world as the crash would have left it: the process gone, its records as they were.
        assert len(left) == len(NAMES)
        survivor = ConsumerHarness()
        survivor.memory.records.update(left)
        survivor.clock.advance(Millis(60_000))
        assert survivor.deliver(*NAMES) == []
        assert survivor.ran == list(NAMES[flight:])
        assert all(survivor.status(each) == "COMPLETED" for each in NAMES)


class TestDoubt:
    """Nothing new starts while it is in doubt whether completions arrive."""

    def test_a_failed_flush_stops(self) -> None:
        """After a flush without an answer the unstarted are given back in one call."""
        harness, store = gated()
        store.gate.set()
        store.faults["complete orders#a"] = table_unavailable(maybe_written=True)

        def process(_: Message) -> None:
            harness.clock.advance(Millis(1))
            wait_until(lambda: "m-a" in harness.outcomes)

        harness.behaviour["b"] = process
        assert harness.deliver("a", "b", "c", "d") == ["m-a", "m-c", "m-d"]
        assert harness.ran == ["a", "b"]
        assert harness.outcomes == {
            "m-a": "unconfirmed",
            "m-b": "completed",
            "m-c": "not_started",
            "m-d": "not_started",
        }
        assert store.trips[-1] == "release 2"
        assert harness.status("a") == "IN_PROGRESS"

    def test_a_slow_flush_stops(self) -> None:
        """When a completion takes more than a second, nothing new starts."""
        harness, store = gated()
        store.patient = 1
        harness.behaviour = dict.fromkeys("bc", after_a_flush(harness, store, by=1001))
        assert harness.deliver(*"abcde") == ["m-d", "m-e"]
        assert harness.ran == ["a", "b", "c"]
        assert [harness.status(each) for each in "abcde"] == ["COMPLETED"] * 3 + [None] * 2

    @pytest.mark.parametrize("millis", [1100, 1900])
    def test_a_table_that_answers_late_stops_nothing(self, millis: int) -> None:
        """Each completion has its own two seconds from when it is sent."""
        harness, store = gated()
        store.gate.set()
        store.millis = millis
        harness.behaviour = dict.fromkeys(
            map(str, range(30)), lambda _: harness.clock.advance(Millis(50))
        )
        assert harness.deliver(*map(str, range(30)), remaining=600_000) == []

    def test_a_late_answer_stops_nothing_while_another_runs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A processor may hold the interpreter, so that no thread sees an answer that has come."""
        monkeypatch.setattr("idempotent_lambda.pipeline.shared_plan.UNCONFIRMED_MILLIS", Millis(20))
        wait_list: list[Decision] = []
        decide = Plan.decide

        def counted(plan: Plan, **given: bool) -> tuple[Plan, Decision]:
            plan, decision = decide(plan, **given)
            wait_list.extend([decision] if decision is Decision.WAIT else [])
            return plan, decision

        monkeypatch.setattr(BatchPlan, "decide", counted)
        harness, store = gated()
        store.patient = 100
        began = threading.Event()

        def be_late(_: Message) -> None:
            assert began.wait(SECONDS)
            harness.clock.advance(Millis(1))  # the wait for company is over
            assert store.arrived.wait(SECONDS)
            harness.clock.advance(Millis(21))

        def run_long(_: Message) -> None:
            began.set()
            wait_until(lambda: len(wait_list) > 3)
            store.gate.set()
            wait_until(lambda: harness.status("a") == "COMPLETED")

        harness.behaviour = {"b": be_late, "c": run_long}
        assert concurrent(harness, 2).deliver(*"abcd") == []

    def test_a_flusher_that_had_no_chance_gets_one(self) -> None:
        """Processors that let no other thread run for long do not stop their own batch."""
        harness, store = gated()
        store.gate.set()
        harness.behaviour = dict.fromkeys("bcd", lambda _: harness.clock.advance(Millis(1500)))
        assert harness.deliver(*"abcde") == []

    def test_the_deadline_ends_the_wait(self) -> None:
        """A completion without an answer is reported in time, and its late answer is ignored."""
        harness, store = gated()
        wait = after_a_flush(harness, store, by=29_800)

        def process(message: Message) -> None:
            wait(message)
            raise SystemExit

        harness.behaviour["b"] = process
        assert harness.deliver("a", "b") == ["m-a", "m-b"]
        assert harness.outcomes == {"m-a": "unconfirmed", "m-b": "interrupted"}
        store.gate.set()
        wait_until(lambda: harness.status("a") == "COMPLETED")
        assert harness.outcomes["m-a"] == "unconfirmed"
        assert harness.deliver("a") == []

    def test_what_waits_for_the_flusher_has_an_end_too(self) -> None:
        """If the deadline ends the wait, stale messages that were to come last are reported."""
        harness, store = gated()
        harness.seed_record("a")
        wait = after_a_flush(harness, store, by=29_800)

        def process(message: Message) -> None:
            wait(message)
            raise ValueError

        harness.behaviour["c"] = process
        assert harness.deliver("a", "b", "c") == ["m-a", "m-b", "m-c"]
        store.gate.set()
        assert harness.outcomes == {"m-a": "not_started", "m-b": "unconfirmed", "m-c": "failed"}

    def test_a_dead_flusher_acknowledges_nothing(self) -> None:
        """A bug in the flusher's thread fails the whole invocation."""
        harness, store = gated()
        store.gate.set()
        store.faults["complete orders#a"] = ZeroDivisionError()
        harness.behaviour["b"] = after_a_flush(harness, store)
        with pytest.raises(ZeroDivisionError):
            harness.deliver("a", "b", "c")

    def test_threads_are_few(self) -> None:
        """All batches of a function share their threads."""
        harness, store = gated()
        store.gate.set()
        harness.behaviour["b"] = after_a_flush(harness, store)
        before = threading.active_count()
        for number in range(100):
            harness.deliver(f"a{number}", "b", f"c{number}")
            harness.memory.records.clear()
        # A thread is used again once it is back; a batch that comes sooner takes another one.
        assert threading.active_count() <= before + 50


class Watched(Threads):
    """Threads that say when one of them has failed and its batch knows."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = threading.Event()

    def start(self, work: Callable[[], Any]) -> Future[Any]:
        job = super().start(work)
        when_done = job.add_done_callback

        def watch(report: Callable[[Future[Any]], object]) -> None:
            when_done(report)  # the batch's own
            when_done(lambda ended: self.failed.set() if ended.exception() else None)

        job.add_done_callback = watch  # type: ignore[method-assign]
        return job


class TestBroken:
    """A bug in another thread."""

    def test_lets_running_processors_end(self) -> None:
        """Processors that run in parallel end within the invocation, and nothing new starts."""
        harness, store = gated()
        store.gate.set()
        store.faults["complete orders#a"] = ZeroDivisionError()
        ended: list[str] = []
        concurrent(harness, 2)
        watched = Watched()
        harness.consumer = replace(harness.consumer, threads=watched)

        def process(message: Message) -> None:
            harness.clock.advance(Millis(1))
            assert watched.failed.wait(SECONDS)
            ended.append(message.key)

        harness.behaviour = dict.fromkeys("bcdef", process)
        with pytest.raises(ZeroDivisionError):
            harness.deliver(*NAMES)
        assert sorted(harness.ran) == ["a", *sorted(ended)]
        assert len(ended) <= 2

    def test_ends_the_batch_though_it_was_running(self) -> None:
        """A bug of ours after a run outside the main thread fails the invocation, at once."""
        harness, _ = faulty()
        concurrent(harness, 2)
        found = threading.Barrier(2)
        main = threading.current_thread()

        def report_message(*_: Any, **__: Any) -> None:
            if threading.current_thread() is not main:
                raise BrokenPipeError

        def process(_: Message) -> None:
            found.wait(SECONDS)
            raise SystemExit

        harness.report_message = report_message  # type: ignore[method-assign]
        harness.behaviour = dict.fromkeys("ab", process)
        with pytest.raises(BrokenPipeError):
            harness.deliver(*"abc")

    def test_no_thread_can_be_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no thread can be started the main thread does everything."""

        def start(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        harness, _ = faulty()
        monkeypatch.setattr(threading.Thread, "start", start)
        harness.behaviour = dict.fromkeys(NAMES, lambda _: harness.clock.advance(Millis(2000)))
        assert concurrent(harness, 3).deliver(*NAMES, remaining=600_000) == []
        assert harness.ran == list(NAMES)


class TestTime:
    """The time guard holds for each message."""

    def test_each_message(self) -> None:
        """A message that would start too late is given back, with all that follow, in one call."""
        harness, store = faulty()

        def process(message: Message) -> None:
            harness.clock.advance(Millis(4000))
            before = chr(ord(message.key) - 1)
            wait_until(lambda: before not in harness.ran or harness.status(before) == "COMPLETED")

        harness.behaviour = dict.fromkeys("abcde", process)
        assert harness.deliver(*"abcde", remaining=10_000) == ["m-d", "m-e"]
        assert harness.ran == ["a", "b", "c"]
        assert store.trips[-1] == "release 2"


class Crowd:
    """A processor that meets others of its batch.

    Attributes:
        most: how many ran at the same time.
    """

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size)
        self.lock = threading.Lock()
        self.running = self.most = 0

    def __call__(self, _: Message) -> None:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.barrier.wait(SECONDS)
        with self.lock:
            self.running -= 1


def concurrent(harness: ConsumerHarness, concurrency: int) -> ConsumerHarness:
    """The harness with processors side by side."""
    settings = replace(harness.consumer.settings, concurrency=concurrency)
    harness.consumer = replace(harness.consumer, settings=settings)
    return harness


class TestConcurrency:
    """Processors side by side, where that is asked for."""

    @pytest.mark.parametrize("concurrency", [1, 2, 3])
    def test_bounded(self, harness: ConsumerHarness, concurrency: int) -> None:
        """As many run at the same time as were asked for, and no more."""
        crowd = Crowd(concurrency)
        harness.behaviour = dict.fromkeys(NAMES, crowd)
        assert concurrent(harness, concurrency).deliver(*NAMES) == []
        assert crowd.most == concurrency
        assert sorted(harness.ran) == list(NAMES)

    def test_fewer_messages_than_threads(self, harness: ConsumerHarness) -> None:
        """A small batch starts no more threads than it has messages."""
        harness.behaviour = dict.fromkeys("ab", Crowd(2))
        assert concurrent(harness, 10).deliver("a", "b") == []

    def test_context(self, harness: ConsumerHarness) -> None:
        """Each thread sees the context variables of the handler."""
        variable = contextvars.ContextVar("variable", default="unset")
        seen: list[str] = []
        crowd = Crowd(3)

        def process(message: Message) -> None:
            crowd(message)
            seen.append(variable.get())

        harness.behaviour = dict.fromkeys(NAMES, process)
        variable.set("set")
        concurrent(harness, 3).deliver(*NAMES)
        assert seen == ["set"] * len(NAMES)

    def test_failures(self, harness: ConsumerHarness) -> None:
        """One that raises costs the others nothing."""
        harness.behaviour = dict.fromkeys("be", raising(ValueError()))
        assert concurrent(harness, 3).deliver(*NAMES) == ["m-b", "m-e"]
        assert [harness.status(each) for each in "be"] == [None, None]

    def test_interruption(self, harness: ConsumerHarness) -> None:
        """One that is interrupted lets those that run end, and the rest is given back."""
        crowd = Crowd(2)

        def stop(message: Message) -> None:
            crowd(message)
            raise SystemExit

        def end(message: Message) -> None:
            crowd(message)
            wait_until(lambda: "m-b" in harness.outcomes)

        harness.behaviour = {"a": end, "b": stop}
        assert concurrent(harness, 2).deliver(*NAMES) == ["m-b", "m-c", "m-d", "m-e", "m-f"]
        assert sorted(harness.ran) == ["a", "b"]
        assert harness.outcomes["m-a"] == "completed"
        assert harness.status("b") == "IN_PROGRESS"

    def test_stale_ones_stay_alone(self, harness: ConsumerHarness) -> None:
        """A message that was interrupted before runs by itself, after all others."""
        for each in "ab":
            harness.seed_record(each)
        running: list[str] = []
        neighbours: dict[str, list[str]] = {}

        def process(message: Message) -> None:
            neighbours[message.key] = list(running)
            running.append(message.key)
            time.sleep(0.005)
            running.remove(message.key)

        harness.behaviour = dict.fromkeys(NAMES, process)
        assert concurrent(harness, 3).deliver(*NAMES) == []
        assert harness.ran[-2:] == ["b", "a"]
        assert neighbours["a"] == neighbours["b"] == []
