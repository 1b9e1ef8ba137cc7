"""One arena for each worker: emulator, proxy and account are made once."""

from collections.abc import Iterator

import pytest

from scripts.lab.emulator import Emulator

from .cells import Arena, arena_on


@pytest.fixture(scope="session")
def arena(emulator: Emulator) -> Iterator[Arena]:
    """An account behind a proxy; every cell makes a table of its own in it."""
    with arena_on(emulator) as arena:
        yield arena
        # Faults that nobody injected, or of which a plan was wrong.
        assert arena.proxy.failures == []
