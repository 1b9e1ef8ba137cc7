"""What the workers of a run make once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.once import make_once

WORKERS = 4


def factory_in(folder: Path) -> Any:
    """A factory of temporary folders, as pytest gives one to a worker."""
    return SimpleNamespace(getbasetemp=lambda: folder)


def test_workers_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several workers that ask at the same time, one makes the value, and all get it."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made: list[int] = []

    def make() -> list[int]:
        made.append(len(made))
        return made

    with ThreadPoolExecutor(WORKERS) as pool:
        values = list(
            pool.map(
                lambda number: make_once(factory_in(tmp_path / f"gw{number}"), "value", make),
                range(WORKERS),
            )
        )
    assert values == [[0]] * WORKERS


def test_one_process_keeps_it_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without workers, nothing is shared with the folder above, which other runs use."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        value = make_once(factory_in(tmp_path / str(number)), "value", lambda: [number])  # noqa: B023  # called at once
        assert value == [number]


def test_a_failure_is_not_shared(tmp_path: Path) -> None:
    """After a failure the next worker makes the value."""

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # the one above
        make_once(factory_in(tmp_path), "value", fail)
    assert make_once(factory_in(tmp_path), "value", lambda: [1]) == [1]
