"""Fixtures of the toolkit's tests."""

import pytest

from idempotent_lambda_toolkit.testing.hammering import pauses, scenario
from tests.waiting import SECONDS


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the threads of the code under test the time that they need on a busy machine."""
    # Some tests wait all of it for a thread that never ends.
    monkeypatch.setattr(pauses, "PATIENCE_SECONDS", 3.0)
    monkeypatch.setattr(scenario, "DEADLOCK_SECONDS", SECONDS)
