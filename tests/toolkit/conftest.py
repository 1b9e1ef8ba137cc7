"""Fixtures of the toolkit's tests."""

import sys
from collections.abc import Iterator

import pytest

from idempotent_lambda_toolkit.testing.hammering import pauses, scenario
from tests.waiting import SECONDS


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the threads of the code under test the time that they need on a busy machine."""
    # Some tests wait all of it for a thread that never ends.
    monkeypatch.setattr(pauses, "PATIENCE_SECONDS", 3.0)
    monkeypatch.setattr(scenario, "DEADLOCK_SECONDS", SECONDS)


@pytest.fixture(autouse=True)
def _forget_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget the modules that a test imported from its own files: other tests have such names."""
    before = {*sys.modules}
    yield
    folder = str(tmp_path_factory.getbasetemp())
    for name in {*sys.modules} - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
            del sys.modules[name]
