"""The stub engine, served from a thread of the test's own process."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.engine import Engine, Server
from scripts.support.emulator import Emulator


class RecordingEngine(Engine):
    """The stub, which also keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.requests.append((operation, request))
        return super().answer(operation, request)


@pytest.fixture
def engine() -> RecordingEngine:
    """An engine without tables."""
    return RecordingEngine()


@pytest.fixture
def stub(engine: RecordingEngine) -> Iterator[Emulator]:
    """The engine on a local port."""
    with Server(engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Emulator(endpoint=f"http://127.0.0.1:{server.server_address[1]}", directory=Path())
        server.shutdown()
        thread.join()
