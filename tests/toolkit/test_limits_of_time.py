"""What `hammer` cannot see of the time; docs/testing.md lists the same."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, events, hammer


def sleep_by_default(seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Sleep with a function that was bound before hammer ran."""
    sleep(seconds)


def wait_for_a_lock(seconds: float) -> None:
    """Wait for a lock that nobody releases."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=seconds)


@pytest.mark.parametrize("wait", [sleep_by_default, wait_for_a_lock])
def test_a_wait_that_hammer_cannot_replace(wait: Callable[[float], None]) -> None:
    """It waits really, and uses none of the invocation's simulated time."""
    effects, used = Effects(), set[int]()
    charge = effects.of("charge")

    @idempotent(name="limited", key="order.id", lease_seconds=20)
    def call(order: Any) -> None:
        charge(order)

    def handler(event: Any, context: Any) -> None:
        before = context.get_remaining_time_in_millis()
        wait(0.001)
        used.add(before - context.get_remaining_time_in_millis())
        call(event)

    assert hammer(handler, events.direct({"id": 1}), effects=effects).passed
    assert used == {0}
