"""What every row uses: the deployed stacks, and a place for its answer."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.observation import Aws
from tests.verify.run import SITE
from tests.verify.target import CLIENTS, make_client

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The deployed stacks, and how the answers are written down."""

    aws: Aws
    is_aws: bool
    outputs: dict[str, Any]
    versions: dict[str, str]
    record: Callable[[str, str], None]

    def answer(self, text: str, *, relied_on: bool | None) -> None:
        """Write down what was observed, and whether the package relies on just that.

        None if the package does not rely on it, or if this target can't show it.
        """
        self.record("answer", text)
        self.record("relied_on", "-" if relied_on is None else "yes" if relied_on else "no")

    def wait(self, check: Callable[[], bool], *, aws: float, emulator: float) -> float | None:
        """Wait until something holds, at most so many seconds; return how long it took."""
        began = time.monotonic()
        while not check():
            if time.monotonic() - began > (aws if self.is_aws else emulator):
                return None
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def read_notes(self, kind: str) -> list[dict[str, Any]]:
        """Read what the functions noted, in the order of time."""
        rows = observation.rows(self.aws, self.outputs["tables"]["notes"])
        notes = [row for row in rows if row.get("kind") == kind]
        return sorted(notes, key=lambda note: note["at"])


@pytest.fixture
def site(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Site:
    """The stacks that `make verify-aws` has deployed."""
    path = os.environ.get(SITE)
    if path is None:
        pytest.skip("needs the stacks of make verify-aws")
    record_property("question", (request.function.__doc__ or "").partition("\n")[0])
    written = json.loads(Path(path).read_text())
    clients = {name: make_client(kind, dict(os.environ)) for name, kind in CLIENTS.items()}
    return Site(
        aws=Aws(**clients),
        is_aws=written["target"] == "aws",
        outputs=written["outputs"],
        versions=written["versions"],
        record=record_property,
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the traffic, which takes longest."""
    items.sort(key=lambda item: item.name != "test_traffic")
