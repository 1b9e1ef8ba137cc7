"""One arena for each worker: emulator, proxy and account are made once; time is counted."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from idempotent_lambda.clients import READ_TIMEOUT_MILLIS
from idempotent_lambda.clock import EpochMillis, Millis
from idempotent_lambda_toolkit.testing import ManualClock
from scripts.support.emulator import Emulator
from scripts.support.proxy import DRIP_PIECES, DRIP_SECONDS, SLOW_SECONDS, Fault
from tests.clients import patient_client

from .arena import Arena, arena_on

COSTS = {
    Fault.SLOW: int(1000 * SLOW_SECONDS),
    Fault.HANG: READ_TIMEOUT_MILLIS,
    Fault.DRIP: int(1000 * DRIP_PIECES * DRIP_SECONDS),
}
"""The time in milliseconds that the deployed client loses to one fault; to others it loses none."""

HANG_BUDGET_MILLIS = 2500
"""After so long a client takes a call for a hanging one; an answer in pieces takes longer."""


class CountedClock(ManualClock):
    """Time as the code spends it: its pauses, what it runs, and what each fault costs.

    A machine that pauses adds nothing to it, so limits are exact.
    """

    def __init__(self) -> None:
        super().__init__(EpochMillis(time.time_ns() // 1_000_000))
        self._lock = threading.Lock()

    def advance(self, duration: Millis) -> None:
        with self._lock:
            super().advance(duration)


@pytest.fixture(scope="session")
def arena(emulator: Emulator) -> Iterator[Arena]:
    """An account behind a proxy; every cell creates a separate table in it."""
    with arena_on(emulator) as arena:
        yield arena
        # Faults that nobody injected, or of which a plan was wrong.
        assert arena.proxy.failures == []


@pytest.fixture
def clock(arena: Arena) -> Iterator[CountedClock]:
    """A clock that moves on with every fault."""
    clock, before = CountedClock(), arena.when_struck
    arena.when_struck = lambda fault: clock.advance(Millis(COSTS.get(fault, 0)))
    yield clock
    arena.when_struck = before


@pytest.fixture(scope="session")
def client(arena: Arena) -> Any:
    """The package's client, through the proxy, with patience for a machine that pauses."""
    return patient_client(arena.environment)


@pytest.fixture(scope="session")
def hasty_client(arena: Arena) -> Any:
    """One for calls that hang, with less patience."""
    return patient_client(arena.environment, HANG_BUDGET_MILLIS)
