"""Waits of the code under test take simulated time, and are no finding if they are correct."""

import asyncio
import contextlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import Effects, Reason, Report, events, hammer

pytestmark = pytest.mark.slow

SECONDS = 8.0
"""Of each wait; twenty rehearsed deliveries would take minutes."""

MOST_REAL_SECONDS = 30.0

Charge = Callable[..., Any]


def rehearse(work: Callable[[Charge], object], **options: Any) -> Report:
    """The report on a processor that does this."""
    effects = Effects()
    charge = effects.of("charge", token="token")
    return hammer(
        lambda message: work(lambda **named: charge(message.body, **named)),
        events.sqs({"id": 1}),
        effects=effects,
        key="body.id",
        **options,
    )


class Correct:
    """Processors that wait, and with which nothing is wrong."""

    @staticmethod
    def wait_for_an_event(charge: Charge) -> None:
        assert not threading.Event().wait(SECONDS)
        charge()

    @staticmethod
    def wait_for_a_condition(charge: Charge) -> None:
        condition = threading.Condition()
        with condition:
            assert not condition.wait_for(lambda: False, SECONDS)
        charge()

    @staticmethod
    def wait_for_a_queue(charge: Charge) -> None:
        with contextlib.suppress(queue.Empty):
            queue.Queue[int]().get(timeout=SECONDS)
        charge()

    @staticmethod
    def sleep_in_a_loop(charge: Charge) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(0.1)
        charge()

    @staticmethod
    def back_off(charge: Charge) -> None:
        for attempt in range(3):
            try:
                return charge()
            except Exception as error:
                if attempt == 2 or isinstance(error, TimeoutError):
                    raise
                time.sleep(2**attempt)
        return None

    @staticmethod
    def sleep_in_a_coroutine(charge: Charge) -> None:
        async def work() -> None:
            await asyncio.sleep(SECONDS)
            charge()

        asyncio.run(work())

    @staticmethod
    def time_out_in_a_coroutine(charge: Charge) -> None:
        async def work() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), SECONDS / 2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS / 2):
                    await asyncio.sleep(SECONDS * 2)
            charge()

        asyncio.run(work())

    @staticmethod
    def sleep_in_a_group(charge: Charge) -> None:
        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(asyncio.sleep(SECONDS))
            charge()

        asyncio.run(work())

    @staticmethod
    def poll_a_thread(charge: Charge) -> None:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(charge)
            while not future.done():
                time.sleep(0.5)
        future.result()

    @staticmethod
    def wait_long_enough(charge: Charge) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(charge).result(timeout=60)

    @staticmethod
    def wait_for_a_busy_thread(charge: Charge) -> None:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(sum, range(10_000)).result(timeout=1) == 49_995_000
        charge()

    @staticmethod
    def wait_for_a_child(charge: Charge) -> None:
        with subprocess.Popen([sys.executable, "-S", "-c", ""]) as child:
            assert child.wait(timeout=20) == 0
        charge()

    @staticmethod
    def wait_for_an_answer(charge: Charge) -> None:
        asked, answered = queue.Queue[int](), queue.Queue[int]()
        thread = threading.Thread(target=lambda: answered.put(asked.get()), daemon=True)
        thread.start()
        asked.put(1)
        assert answered.get(timeout=5) == 1
        charge()


@pytest.mark.parametrize("name", [each for each in vars(Correct) if not each.startswith("_")])
def test_correct_waits(name: str) -> None:
    """A correct wait is no finding, and takes no real time."""
    began = time.monotonic()
    report = rehearse(getattr(Correct, name))
    assert report.passed, report
    assert time.monotonic() - began < MOST_REAL_SECONDS


def test_a_wait_for_longer_than_the_function_may_run() -> None:
    """A wait until the timeout of the function is found, like a sleep."""

    def work(charge: Charge) -> None:
        threading.Event().wait(60)
        charge()

    assert [each.reason for each in rehearse(work).findings] == [Reason.SLEEPS_TOO_LONG]


def give_up(charge: Charge, **token: str) -> None:
    """Charge with a timeout that the code lets through."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(charge, **token).result(timeout=5)


def test_a_timeout_that_is_let_through() -> None:
    """It comes again after a call that goes on, as after a crash."""
    assert rehearse(give_up).passed
    assert rehearse(lambda charge: give_up(charge, token="1"), exactly_once=True).passed
    report = rehearse(give_up, exactly_once=True)
    assert Reason.ABANDONS_CALL in {each.reason for each in report.findings}, report


def test_a_second_attempt_with_a_token() -> None:
    """A call that is made again with its token counts once."""

    def work(charge: Charge) -> None:
        with ThreadPoolExecutor(2) as pool:
            try:
                pool.submit(charge, token="1").result(timeout=5)
            except TimeoutError:
                pool.submit(charge, token="1").result()

    report = rehearse(work)
    assert report.passed, report


def test_waiting_is_put_back() -> None:
    """Afterwards the methods that wait are the real ones."""
    owners = [threading.Condition, threading.Thread, ThreadPoolExecutor]
    before = [dict(vars(each)) for each in owners]
    rehearse(Correct.wait_for_an_event)
    assert [dict(vars(each)) for each in owners] == before
