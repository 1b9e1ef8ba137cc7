"""Fixtures that several test directories share."""

from collections.abc import Iterator

import pytest

from scripts.lab.emulator import Emulator, new_account, running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave real AWS alone unless it is asked for by name: ``pytest -m aws``."""
    if config.option.markexpr == "aws":
        return
    for item in items:
        if item.get_closest_marker("aws"):
            item.add_marker(pytest.mark.skip(reason="runs on real AWS, with pytest -m aws"))


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Start one emulator, when the first test of this (xdist) process asks for it."""
    with running() as started:
        yield started


@pytest.fixture
def account() -> str:
    """An account of this test's own: nobody else sees what is in it."""
    return new_account()
