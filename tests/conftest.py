"""Fixtures that several test directories share."""

import os
from collections.abc import Iterator
from itertools import islice

import botocore.loaders
import botocore.session
import pytest

from idempotent_lambda import decorator
from scripts.support.emulator import Emulator, new_account, running

WAITING_WORKERS = 4
"""So many of several workers begin with scenarios, which mostly wait; the others compute."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave real AWS alone unless asked for: ``pytest -m aws``; begin with what takes long."""
    if config.option.markexpr != "aws":
        for item in items:
            if item.get_closest_marker("aws"):
                item.add_marker(pytest.mark.skip(reason="runs on real AWS, with pytest -m aws"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > WAITING_WORKERS:
        items[:] = dealt(items, workers)


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order in which scenarios run beside the rest, and none is left for the end.

    Each worker begins with an equal share of the list, in its order, and helps others later.
    """
    scenarios = [each for each in items if each.get_closest_marker("timeout")]
    rest = iter([each for each in items if not each.get_closest_marker("timeout")])
    order: list[pytest.Item] = []
    for worker in range(workers):
        first = scenarios[worker::WAITING_WORKERS] if worker < WAITING_WORKERS else []
        share = len(items) * (worker + 1) // workers - len(order) - len(first)
        order += [*first, *islice(rest, share)]
    return [*order, *rest]


@pytest.fixture(scope="session", autouse=True)
def _read_models_once() -> Iterator[None]:
    """Let the sessions of a process share what they read: each would read large files anew."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda _path=None: loader)
        yield


@pytest.fixture(autouse=True)
def _no_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget which functions other tests have decorated."""
    monkeypatch.setattr(decorator, "FUNCTIONS", {})


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Start one emulator, when the first test of this (xdist) process asks for it."""
    with running() as started:
        yield started


@pytest.fixture
def account() -> str:
    """An account of this test's own: nobody else sees what is in it."""
    return new_account()
