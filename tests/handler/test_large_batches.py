"""Batches of thousands: all of it is done, a crash repeats little of it, and no step costs more."""

import sys
import threading
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import pytest

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import PermanentFailure, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.pipeline.shared_plan import UNCONFIRMED_MILLIS
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.plan import BatchPlan
from idempotent_lambda.protocol.plan_state import WINDOW
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.waiting import SECONDS

from .events import fifo_order, kinesis_record, order
from .harness import ConsumerHarness, faulty, raising
from .test_group_commit import wait_until

if TYPE_CHECKING:
    from idempotent_lambda.protocol.record import Record

LARGE = 10_000
"""The largest batch that an SQS queue gives:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


class CountingStore(InMemoryClaimStore):
    """A store in memory that takes time.

    Attributes:
        confirmed: how many completions it has answered.
    """

    def __init__(self, clock: ManualClock, millis: int = 5) -> None:
        super().__init__()
        self.clock, self.millis, self.confirmed = clock, millis, 0

    def claim(self, requests: Sequence[Any], deadline: Deadline) -> Any:
        self.clock.advance(Millis(self.millis))
        return super().claim(requests, deadline)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        self.clock.advance(Millis(self.millis))
        answers = super().complete(requests, deadline)
        self.confirmed += len(requests)
        return answers


class QuickBench(ConsumerHarness):
    """A harness whose processor returns at once, or nearly; the clock moves on all the same.

    Attributes:
        doubt: the most that had returned without a confirmed completion when a run started.
    """

    def __init__(self, *, every: int = 5, **changes: Any) -> None:
        clock = ManualClock()
        self.counting = CountingStore(clock)
        super().__init__(self.counting, clock, **changes)
        self.memory = self.counting
        self.consumer.saw_slow_processor.clear()
        self.doubt = 0
        self.every = every

    def process(self, message: Message, **more: Any) -> Any:
        self.doubt = max(self.doubt, len(self.ran) - self.counting.confirmed)
        if len(self.ran) % self.every == 0:
            self.clock.advance(Millis(1))
        return super().process(message, **more)


def numbers(size: int) -> list[str]:
    """The orders of a batch."""
    return [str(number) for number in range(size)]


class TestQuick:
    """Processors that return at once, so that no flusher is worth its thread."""

    def test_all_of_it_in_one_delivery(self) -> None:
        """While the table answers and time lasts, a batch of any size is done."""
        harness = QuickBench()
        assert harness.deliver(*numbers(LARGE), remaining=200_000) == []
        assert len(harness.ran) == LARGE

    @pytest.mark.parametrize("concurrency", [1, 3])
    def test_what_is_in_doubt_is_bounded(self, concurrency: int) -> None:
        """No run starts while a window's worth has returned and is not confirmed."""
        harness = QuickBench(concurrency=concurrency)
        assert harness.deliver(*numbers(5 * WINDOW), remaining=200_000) == []
        assert WINDOW / 2 < harness.doubt < WINDOW + concurrency

    @pytest.mark.parametrize("last", [1, WINDOW, WINDOW + 1, 5 * WINDOW - 1, 5 * WINDOW])
    def test_a_kill_repeats_a_window(self, last: int) -> None:
        """A kill at any window leaves at most that window and the running messages in doubt."""
        harness = QuickBench()
        left: dict[str, Record] = {}

        def die(_: Message) -> None:
            left.update(deepcopy(harness.memory.records))

        harness.behaviour[str(last - 1)] = die
        harness.deliver(*numbers(1000), remaining=200_000)
        survivor = ConsumerHarness()
        survivor.memory.records.update(left)
        survivor.clock.advance(Millis(300_000))
        assert survivor.deliver(*numbers(1000), remaining=200_000) == []
        repeated = set(survivor.ran) & set(harness.ran[: harness.ran.index(str(last - 1)) + 1])
        assert 1 <= len(repeated) <= WINDOW + 1

    def test_the_main_thread_is_the_flusher_where_there_is_none(self) -> None:
        """Without a flusher, the main thread sends completions due for a second; nothing stops."""
        harness = QuickBench(every=1)
        threads = mock.Mock(spec=["start", "poll", "end_poll"])
        harness.consumer = replace(harness.consumer, threads=threads)
        confirmed_at: list[tuple[int, int]] = []

        def process(_: Message) -> None:
            harness.clock.advance(Millis(99))
            confirmed_at.append((harness.clock.monotonic(), harness.counting.confirmed))

        harness.behaviour = dict.fromkeys(numbers(40), process)
        assert harness.deliver(*numbers(40), remaining=200_000) == []
        assert threads.start.call_count == 1  # it is asked for, and never comes
        for ran, (now, confirmed) in enumerate(confirmed_at):
            oldest, _ = confirmed_at[min(confirmed, ran)]
            assert now - oldest <= UNCONFIRMED_MILLIS + 100

    def test_a_first_slow_run_leaves_nothing_in_doubt(self) -> None:
        """Quick runs are confirmed while a slow run goes on, even the first slow one."""
        harness = QuickBench()

        def process(_: Message) -> None:
            harness.clock.advance(Millis(150))
            wait_until(lambda: harness.status("0") == "COMPLETED")

        harness.behaviour["1"] = process
        assert harness.deliver("0", "1") == []

    def test_an_idle_main_thread_confirms_while_another_runs(self) -> None:
        """Completions of quick processors do not wait until a slow parallel one ends."""
        harness = QuickBench(concurrency=2)
        confirmed = threading.Event()
        started = threading.Barrier(2)

        def wait(_: Message) -> None:
            started.wait(SECONDS)
            harness.clock.advance(Millis(UNCONFIRMED_MILLIS + 1))
            assert confirmed.wait(SECONDS)

        def follow(_: Message) -> None:
            started.wait(SECONDS)

        complete = harness.counting.complete

        def heard(requests: Sequence[Request], deadline: Deadline) -> Any:
            answers = complete(requests, deadline)
            confirmed.set()
            return answers

        harness.counting.complete = heard  # type: ignore[method-assign]
        harness.behaviour = {"0": wait, "1": follow}
        assert harness.deliver("0", "1") == []

    def test_a_slow_claim_now_and_then_stops_nothing(self) -> None:
        """The patience with the table is for a table that is silent, not for a part of a call."""
        harness = QuickBench()
        claim = harness.counting.claim
        calls = count()

        def throttled(requests: Sequence[Any], deadline: Deadline) -> Any:
            answers = list(claim(requests, deadline))
            harness.clock.advance(Millis(1200))
            key = requests[0].record_id
            harness.counting.records.pop(key)
            answers[0] = StoreRefusedError("Throttling", "on purpose", maybe_written=False)
            next(calls)
            return answers

        harness.counting.claim = throttled  # type: ignore[method-assign]
        reported = harness.deliver(*numbers(10 * WINDOW), remaining=200_000)
        assert reported == [f"m-{number}" for number in range(0, 10 * WINDOW, WINDOW)]
        assert {harness.outcomes[each] for each in reported} == {"table_unavailable"}
        assert next(calls) == 10


class TestSlowAnswers:
    """A table that answers, though not at once, stops nothing."""

    @pytest.mark.parametrize("kind", ["transactions", "calls for one only"])
    def test_completions_that_go_one_by_one(self, kind: str) -> None:
        """As many are sent at once as calls go side by side: none waits for another's answer."""
        harness, store = faulty()
        if kind == "transactions":
            harness.consumer = replace(harness.consumer, transactional=True)
        else:
            store.together = False  # type: ignore[attr-defined]
        assert harness.deliver(*numbers(20)) == []
        assert [each for each in store.trips if "complete" in each] == [
            "complete 8", "complete 8", "complete 4",
        ]  # fmt: skip

    def test_claims_that_were_not_sent_in_time(self) -> None:
        """A claim that a call had no time for is sent by itself; the table answers the others."""
        harness, store = faulty()
        claim = store.claim

        def some(requests: Sequence[Any], deadline: Deadline) -> Any:
            answers = list(claim(requests[:8], deadline))
            late = StoreUnavailableError("NoTime", "on purpose", maybe_written=False)
            return answers + [late] * len(requests[8:])

        store.claim = some  # type: ignore[method-assign]
        assert harness.deliver(*numbers(20)) == []
        assert harness.ran == numbers(20)
        assert {history.claim_result for history in harness.histories.values()} == {"claimed"}

    def test_helpers_claim_the_next_window(self) -> None:
        """A slow message holds up nothing but itself, whichever thread has it."""
        harness = QuickBench(concurrency=2)
        harness.behaviour["0"] = lambda _: wait_until(lambda: len(harness.ran) == 2 * WINDOW + 1)
        assert harness.deliver(*numbers(2 * WINDOW + 1), remaining=200_000) == []


FAILURE = raising(ValueError())
HOPELESS = raising(PermanentFailure("no retry will help"))
Records = list[Any]


def parked(harness: ConsumerHarness, **more: Any) -> Callable[[str], None]:
    """Seed a parked record for an order."""

    def seed_record(order_id: str) -> None:
        harness.seed_record(order_id)
        found = harness.memory.records[f"orders#{order_id}"]
        record = replace(found, status="PARKED", expires_at=None, lease_expires_at=None, **more)
        harness.memory.records[f"orders#{order_id}"] = record

    return seed_record


def _all_succeed(harness: ConsumerHarness, size: int) -> Records:
    del harness
    return list(numbers(size))


def _all_fail(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour = dict.fromkeys(numbers(size), FAILURE)
    return list(numbers(size))


def _every_other_fails(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour = dict.fromkeys(numbers(size)[::2], FAILURE)
    return list(numbers(size))


def _all_are_permanent_failures(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour = dict.fromkeys(numbers(size), HOPELESS)
    return list(numbers(size))


def _copies_cannot_be_sent(harness: ConsumerHarness, size: int) -> Records:
    harness.queues.failure = StoreRefusedError("SendMessage", "on purpose", maybe_written=False)
    return _all_are_permanent_failures(harness, size)


def _copies_are_missing(harness: ConsumerHarness, size: int) -> Records:
    seed_record = parked(harness)
    for each in numbers(size):
        seed_record(each)
    return list(numbers(size))


def _all_are_done(harness: ConsumerHarness, size: int) -> Records:
    harness.deliver(*numbers(size), remaining=10**7)
    return list(numbers(size))


def _all_are_in_progress(harness: ConsumerHarness, size: int) -> Records:
    for each in numbers(size):
        harness.seed_record(each, lease=10**8)
    return list(numbers(size))


def _all_are_stale(harness: ConsumerHarness, size: int) -> Records:
    for number, each in enumerate(numbers(size)):
        harness.seed_record(each, attempts=1 + number % 3)
    return list(numbers(size))


def _one_key(harness: ConsumerHarness, size: int) -> Records:
    del harness
    return [order("same", f"m-{number}") for number in range(size)]


def _no_keys(harness: ConsumerHarness, size: int) -> Records:
    del harness
    return [order(None, f"m-{number}") for number in range(size)]


def _one_group(harness: ConsumerHarness, size: int) -> Records:
    del harness
    return [fifo_order(each, "g") for each in numbers(size)]


def _first_of_a_group_fails(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour["0"] = FAILURE
    return _one_group(harness, size)


def _first_of_a_shard_fails(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour["0"] = FAILURE
    return [kinesis_record(each, str(int(each) + 1)) for each in numbers(size)]


def _every_groups_head_fails(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour = dict.fromkeys(numbers(size)[::2], FAILURE)
    return [fifo_order(each, f"g{int(each) // 2}") for each in numbers(size)]


def _every_groups_head_is_in_progress(harness: ConsumerHarness, size: int) -> Records:
    for each in numbers(size)[::2]:
        harness.seed_record(each, lease=10**8)
    return [fifo_order(each, f"g{int(each) // 2}") for each in numbers(size)]


def _one_key_in_every_group(harness: ConsumerHarness, size: int) -> Records:
    del harness
    return [fifo_order("same", f"g{n}", messageId=f"m-{n}") for n in range(size)]


def _keys_that_come_again_in_their_group(harness: ConsumerHarness, size: int) -> Records:
    del harness
    return [fifo_order(str(n % (size // 2)), "g", messageId=f"m-{n}") for n in range(size)]


def _interrupted_at_once(harness: ConsumerHarness, size: int) -> Records:
    harness.behaviour["0"] = raising(SystemExit())
    return list(numbers(size))


KINDS = {
    kind.__name__.strip("_"): kind
    for kind in (
        _all_succeed, _all_fail, _every_other_fails, _all_are_permanent_failures,
        _copies_cannot_be_sent, _copies_are_missing, _all_are_done, _all_are_in_progress,
        _all_are_stale, _one_key, _no_keys, _one_group, _first_of_a_group_fails,
        _first_of_a_shard_fails, _every_groups_head_fails, _every_groups_head_is_in_progress,
        _one_key_in_every_group, _keys_that_come_again_in_their_group, _interrupted_at_once,
    )
}  # fmt: skip
MODES: dict[str, dict[str, Any]] = {
    "retry": {},
    "park": {"park_interrupted": True},
    "observe": {"observe_only": True},
}
USUAL = ("all_succeed", "one_group")
CASES = [(mode, kind, 100) for kind in KINDS for mode in MODES if mode != "observe"]
CASES += [("observe", kind, 100) for kind in USUAL] + [("retry", kind, 1000) for kind in USUAL]
EXTENDED = [
    (mode, kind, size)
    for kind in KINDS
    for mode, size in (("observe", 100), ("retry", 1000))
    if kind not in USUAL
]


class Steps:
    """Counts the calls of functions, those written in C included, while it is entered.

    Attributes:
        made: how many there were.
        copied: the most entries that the plan copied in one step.
    """

    def __init__(self) -> None:
        self.made = self.copied = 0

    def __enter__(self) -> Self:
        self._record = BatchPlan.record_finished

        def record(plan: BatchPlan[WorkItem], done: Any) -> BatchPlan[WorkItem]:
            self.copied = max(self.copied, len(plan.ready), len(plan.returned), len(plan.given_up))
            return self._record(plan, done)

        self._patch = mock.patch.object(BatchPlan, "record_finished", record)
        self._patch.start()
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        self._patch.stop()

    def _count(self, _frame: object, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            self.made += 1


def steps_of(mode: str, kind: str, size: int) -> Steps:
    """The steps of one delivery of so many messages."""
    harness = ConsumerHarness(**MODES[mode])
    harness.consumer.saw_slow_processor.clear()  # no threads, whose steps nobody would count
    records = KINDS[kind](harness, size)
    records = [order(each) if isinstance(each, str) else each for each in records]
    harness.clock.advance(Millis(1))
    with Steps() as steps:
        harness.consumer.consume({"Records": records}, Millis(10**7))
    return steps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kind", "size"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.extended) for case in EXTENDED)],
)
def test_linear(mode: str, kind: str, size: int) -> None:
    """Ten times as many messages take about ten times as many steps, however they end."""
    few, many = steps_of(mode, kind, size), steps_of(mode, kind, 10 * size)
    assert many.made <= 12 * few.made
    assert many.copied <= WINDOW + 1
