"""Each test runs on both stores, with functions of both colours."""

from collections.abc import Iterator

import pytest

from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import DynamoDB, Engine, InMemory
from tests.handler.harness import Listener

from .shop import Shop


@pytest.fixture(
    params=["memory", pytest.param("emulator", marks=[pytest.mark.emulator, pytest.mark.slow])]
)
def engine(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Engine]:
    """Both stores in turn."""
    if request.param == "memory":
        yield InMemory()
    else:
        yield DynamoDB.create(request.getfixturevalue("clients"), clock, Listener())


@pytest.fixture(params=["sync", "async"])
def shop(request: pytest.FixtureRequest, engine: Engine, clock: ManualClock) -> Shop:
    """Functions of both colours in turn, on both stores."""
    return Shop(engine, request.param, clock)


@pytest.fixture
def memory(clock: ManualClock) -> Shop:
    """Async functions on the store in memory."""
    return Shop(InMemory(), "async", clock)
