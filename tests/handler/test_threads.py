"""Threads that invocations share without waiting for each other's."""

import threading

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.sources.message import Message
from idempotent_lambda.threads import Threads
from tests.forking import SECONDS, in_child

from .harness import ConsumerHarness
from .test_group_commit import concurrent, wait_until


class TestMap:
    """Parts of one piece of work, side by side."""

    @pytest.mark.parametrize("parts", [[], [1], [1, 2, 3], list(range(100))])
    def test_order(self, parts: list[int]) -> None:
        """The results come in the order of the parts."""
        assert list(Threads().map(lambda part: part * 2, parts, 8)) == [2 * each for each in parts]

    def test_bounded(self) -> None:
        """As many work at the same time as are asked for, and no more."""
        barrier, running, most = threading.Barrier(4), [0], [0]
        lock = threading.Lock()

        def work(_: int) -> None:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            barrier.wait(SECONDS)
            with lock:
                running[0] -= 1

        Threads().map(work, range(8), 4)
        assert most == [4]

    def test_error(self) -> None:
        """An error of one part is raised, whichever thread ran the part."""
        with pytest.raises(ZeroDivisionError):
            Threads().map(lambda part: 1 // part, [2, 1, 0, 1], 4)


class TestPoll:
    """A thread that asks again and again."""

    def test_until_it_says_no(self) -> None:
        """It asks as long as the answer is yes, and then no more."""
        answers, done = iter([True, True, False]), threading.Event()
        asked: list[bool] = []

        def look() -> bool:
            asked.append(next(answers))
            if not asked[-1]:
                done.set()
            return asked[-1]

        threads = Threads()
        threads.poll(look)
        assert done.wait(SECONDS)
        after = threading.Event()
        threads.poll(lambda: after.set() is not None)
        assert after.wait(SECONDS)
        assert asked == [True, True, False]

    def test_one_thread_for_all(self) -> None:
        """Many that are to be asked have one thread, which ends when nobody is left."""
        threads, all_are_there = Threads(), threading.Event()
        asked: dict[int, str] = {}

        def poll(number: int) -> None:
            def look() -> bool:
                asked[number] = threading.current_thread().name
                return not all_are_there.is_set()

            threads.poll(look)

        for number in range(20):
            poll(number)
        all_are_there.set()
        wait_until(lambda: len(asked) == 20)
        (name,) = set(asked.values())
        wait_until(lambda: name not in {each.name for each in threading.enumerate()})

    def test_forked(self) -> None:
        """A forked child asks in its own thread."""
        threads, asked = Threads(), threading.Event()
        threads.poll(lambda: asked.set() is None)
        assert asked.wait(SECONDS)

        def ask() -> bool:
            again = threading.Event()
            threads.poll(lambda: again.set() is not None)
            return again.wait(SECONDS)

        assert in_child(ask)


class TestShared:
    """Several invocations in one process."""

    def test_no_invocation_waits_for_anothers_threads(self) -> None:
        """All processors of several invocations with concurrency run at the same time."""
        harness = concurrent(ConsumerHarness(), 3)
        barrier = threading.Barrier(12)
        harness.behaviour = dict.fromkeys(map(str, range(12)), lambda _: barrier.wait(SECONDS))
        reported: list[list[str]] = []

        def invoke(first: int) -> None:
            reported.append(harness.deliver(*map(str, range(first, first + 3))))

        callers = [threading.Thread(target=invoke, args=(first,)) for first in (0, 3, 6, 9)]
        for each in callers:
            each.start()
        for each in callers:
            each.join(SECONDS)
        assert reported == [[]] * 4


class TestForked:
    """A child has none of its parent's threads."""

    def test_work(self) -> None:
        """After a fork the child's own threads do its work."""
        threads = Threads()
        assert threads.start(lambda: 1).result(SECONDS) == 1
        assert in_child(lambda: threads.start(lambda: 2).result(SECONDS) == 2)
        assert threads.start(lambda: 3).result(SECONDS) == 3

    @pytest.mark.parametrize("concurrency", [1, 3])
    def test_batch(self, concurrency: int) -> None:
        """A consumer that has had batches before a fork consumes one in the child."""
        harness = concurrent(ConsumerHarness(), concurrency)

        def process(_: Message) -> None:
            harness.clock.advance(Millis(2))

        harness.behaviour = dict.fromkeys("abcdef", process)
        assert harness.deliver(*"abc") == []
        assert in_child(lambda: harness.deliver(*"def") == [] and harness.ran[3:] != [])
        assert harness.deliver(*"def") == []
