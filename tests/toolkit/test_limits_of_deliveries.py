"""What `hammer` does not see of deliveries, processes and time; see test_limits.py."""

import asyncio
import contextlib
import json
import os
import queue
import selectors
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, HammerError, Reason, Report, events, hammer

pytestmark = pytest.mark.slow

KEY = "body.order_id"
ORDER = events.sqs({"order_id": "ORDER-1"})
TWO = events.sqs({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})

EFFECTS = Effects()


def pay(order: Any, token: str | None = None) -> None:
    """A placeholder for a call to the payment provider."""


charge = EFFECTS.of("charge", like=pay, token="token")


def rehearse(process: Callable[[Any], object], event: Any = ORDER, **options: Any) -> Report:
    """The report on a processor."""
    return hammer(process, event, effects=EFFECTS, key=KEY, **options)


@idempotent(name="bulk", key="orders[].order_id", lease_seconds=20)
def charge_all(orders: Any) -> None:
    """Charge several orders under one key."""
    for order in orders:
        charge(order)


def handle_batch(event: Any, _: Any) -> None:
    """Hand a whole batch to a decorated function."""
    charge_all([json.loads(record["body"]) for record in event["Records"]])


def test_a_key_of_the_batch_with_one_record() -> None:
    """A key of the whole batch shows only if the event has two records."""
    assert hammer(handle_batch, ORDER, effects=EFFECTS).passed
    findings = hammer(handle_batch, TWO, effects=EFFECTS).findings
    assert Reason.KEY_OF_THE_BATCH in {finding.reason for finding in findings}


def test_more_than_five_failures() -> None:
    """Code that gives up at the sixth failure passes."""

    def process(message: Any) -> None:
        try:
            charge(message.body)
        except Exception:
            if message.receive_count < 6:
                raise

    assert rehearse(process).passed


def test_a_mapping_that_reads_no_failures() -> None:
    """A handler that reports its failures passes, also where the mapping does not ask for them."""

    @idempotent(name="limits", key="body", lease_seconds=30)
    def run(body: str) -> None:
        charge(body)

    def handler(event: Any, _: Any) -> Any:
        try:
            run(event["Records"][0]["body"])
        except Exception:  # noqa: BLE001  # every error is reported
            return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
        return None

    assert hammer(handler, ORDER, effects=EFFECTS).passed


def test_messages_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two messages of one batch never run at the same time, so a race between them passes."""
    monkeypatch.setenv("IDEMPOTENCY_CONCURRENCY", "2")
    running: set[str] = set()
    together: list[int] = []

    def process(message: Any) -> None:
        running.add(message.key)
        together.append(len(running))
        try:
            charge(message.body)
        finally:
            running.clear()

    assert rehearse(process, TWO).passed
    assert {*together} == {1}


def test_parking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message of a killed run runs again, although the consumer parks such messages."""
    monkeypatch.setenv("IDEMPOTENCY_ON_INTERRUPTED", "park")
    (finding,) = rehearse(lambda message: charge(message.body), exactly_once=True).findings
    assert finding.reason is Reason.REPEATS_AFTER_CRASH


def test_code_after_a_kill() -> None:
    """A killed process goes on to its `finally`, whose changes in memory stay."""
    ended: list[str] = []

    def process(message: Any) -> None:
        try:
            charge(message.body)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    assert rehearse(process).passed
    assert "Killed" in ended


def test_a_token_that_a_process_keeps() -> None:
    """A random token passes if memory keeps it, because a kill does not end this memory."""
    tokens: dict[str, str] = {}

    def process(message: Any) -> None:
        charge(message.body, token=tokens.setdefault(message.key, str(uuid.uuid4())))

    assert rehearse(process, exactly_once=True).passed


def test_ids_of_a_process() -> None:
    """A token from the process id is not found, because all deliveries run in one process."""

    def process(message: Any) -> None:
        charge(message.body, token=f"{message.key}-{os.getpid()}")

    assert rehearse(process).passed


def test_memory_that_ends_before_the_redelivery() -> None:
    """A circuit breaker that returns while it is open is not found if it closes in a minute."""
    opened = float("-inf")

    def process(message: Any) -> None:
        nonlocal opened
        if time.monotonic() - opened < 60:
            return
        try:
            charge(message.body)
        except Exception:
            opened = time.monotonic()
            raise

    assert rehearse(process).passed


def test_months() -> None:
    """A token with the month is not found, unless the month ends within two days."""

    def process(message: Any) -> None:
        charge(message.body, token=f"{message.key}-{datetime.now(UTC):%Y-%m}")

    assert rehearse(process).passed


def test_dropping_what_is_older_than_two_days() -> None:
    """Code that drops older messages than a scenario has is not found."""

    def process(message: Any) -> None:
        if time.time() - int(message.attributes["SentTimestamp"]) / 1000 < 2 * 24 * 3600:
            charge(message.body)

    assert rehearse(process).passed


def wait_for_a_lock(seconds: float) -> None:
    """Wait for a lock that nobody releases."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=seconds)


def wait_for_a_simple_queue(seconds: float) -> None:
    """Wait for a queue that stays empty, and whose wait is not Python code."""
    with contextlib.suppress(queue.Empty):
        queue.SimpleQueue[None]().get(timeout=seconds)


def wait_in_another_loop(seconds: float) -> None:
    """Sleep in an event loop that does not wait as Python's own does."""
    selector = selectors.SelectSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(asyncio.sleep(seconds))


def sleep_as_usual(seconds: float) -> None:
    """Sleep with the function that hammer replaces."""
    time.sleep(seconds)


def sleep_by_default(seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Sleep with a function that was bound before hammer ran."""
    sleep(seconds)


class Limiter:
    """Sleeps between two calls."""

    sleep = staticmethod(time.sleep)


def measure_simulated_time(wait: Callable[[float], None]) -> set[int]:
    """The milliseconds of its invocations that a millisecond of a processor's wait takes."""
    used: set[int] = set()

    def process(message: Any) -> None:
        before = message.remaining_millis()
        wait(0.001)
        used.add(before - message.remaining_millis())
        charge(message.body)

    assert rehearse(process).passed
    return used


@pytest.mark.parametrize("wait", [wait_for_a_lock, wait_for_a_simple_queue, wait_in_another_loop])
def test_a_wait_that_hammer_cannot_replace(wait: Callable[[float], None]) -> None:
    """It waits really, and uses none of the invocation's simulated time."""
    assert measure_simulated_time(wait) == {0}


def test_a_rate_limit_by_the_wall_clock() -> None:
    """A rate limit that raises takes the next scenario for a message that comes too early."""
    last = 0.0

    def forget() -> None:
        nonlocal last
        last = 0.0

    def process(message: Any) -> None:
        nonlocal last
        if time.time() - last < 1:
            raise RuntimeError("too fast")
        last = time.time()
        charge(message.body)

    with pytest.raises(HammerError, match="too fast"):
        rehearse(process)
    assert rehearse(process, fresh=forget).passed


@pytest.mark.parametrize("sleep", [sleep_by_default, Limiter.sleep])
def test_a_sleep_that_hammer_cannot_replace(sleep: Callable[[float], None]) -> None:
    """It sleeps really, and uses none of the invocation's simulated time."""
    assert measure_simulated_time(sleep) == {0}
    assert measure_simulated_time(sleep_as_usual) == {1}


def test_a_sleep_of_another_thread() -> None:
    """Code passes that waits in a thread for longer than the function may run."""

    def process(message: Any) -> None:
        sleeper = threading.Thread(target=time.sleep, args=[100])
        sleeper.start()
        sleeper.join()
        charge(message.body)

    assert rehearse(process, timeout_seconds=30).passed
