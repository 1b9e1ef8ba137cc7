"""Fixtures that several test directories share."""

import gc
import inspect
import os
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import botocore.hooks
import botocore.loaders
import botocore.session
import pytest

from idempotent_lambda import decorator
from scripts.support.emulator import Emulator, new_account, running

WAITING_WORKERS = 3
"""So many of several workers begin with scenarios, which mostly wait; the others compute."""


def pytest_configure() -> None:
    """Collect garbage seldom: tests create and import many objects, and most of them stay."""
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_finish() -> None:
    """Never look again at what is there before the first test."""
    gc.freeze()


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
    """Order the tests so that scenarios run in parallel with the rest, and not at the end.

    Each worker begins with an equal share of the list, in its order, and helps others later.
    """
    scenarios = [each for each in items if each.get_closest_marker("timeout")]
    rest = iter([each for each in items if not each.get_closest_marker("timeout")])
    order: list[pytest.Item] = []
    for worker in range(workers):
        first = scenarios[worker::WAITING_WORKERS] if worker < WAITING_WORKERS else []
        share = len(items) * (worker + 1) // workers - len(order) - len(first)
        order += [*first, *islice(rest, max(share, 0))]
    return [*order, *rest]


@pytest.fixture(scope="session", autouse=True)
def _make_clients_faster() -> Iterator[None]:
    """Let the sessions and clients of a process share the work that is the same for each.

    They share the models, which are large files, and the names of events. Whether a handler of an
    event takes keywords is read from its code, and not from a signature that has to be built.
    """
    loader = botocore.loaders.create_loader()
    find_alias = cache(botocore.hooks.EventAliaser(None)._alias_event_name)
    accepts_kwargs = botocore.hooks.accepts_kwargs

    def accepts(handler: Any) -> bool:
        code = getattr(handler, "__code__", None)
        return bool(code.co_flags & inspect.CO_VARKEYWORDS if code else accepts_kwargs(handler))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", lambda _path=None: loader)
        patch.setattr(
            botocore.hooks.EventAliaser, "_alias_event_name", lambda _, name: find_alias(name)
        )
        patch.setattr(botocore.hooks, "accepts_kwargs", accepts)
        yield
        gc.collect()  # here, where a warning about a leak still fails a test


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
