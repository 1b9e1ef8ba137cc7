"""The deployed function: the user's package, its cold start, and calls as Lambda makes them."""

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .events import event

TABLE = "orders-idempotency"
MODULE = "idempotent_lambda.entrypoint"
REQUIRED = {
    "IDEMPOTENCY_TABLE": TABLE,
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_PROCESSOR": "json.dumps",
    "IDEMPOTENCY_KEY": "body.id",
    "IDEMPOTENCY_RETENTION_SECONDS": "3600",
}


@dataclass
class Context:
    """The context that Lambda passes with the event."""

    remaining: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


class Package:
    """The user's code, as it lies in the zip."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory, self._monkeypatch = directory, monkeypatch
        self.names: list[str] = []

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.names.append(name.split("/", maxsplit=1)[0].removesuffix(".py"))

    def cold_start(self, **environment: str) -> ModuleType:
        """Import the entry point afresh."""
        for name, value in {**REQUIRED, **environment}.items():
            self._monkeypatch.setenv(name, value)
        sys.modules.pop(MODULE, None)
        return importlib.import_module(MODULE)


def deliver(module: ModuleType, *records: dict[str, Any], remaining: int = 30_000) -> list[str]:
    """Call the handler as Lambda does: JSON in, JSON out; the ids it reports."""
    raw = json.loads(json.dumps(event(*records)))
    response = json.loads(json.dumps(module.handler(raw, Context(remaining))))
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]
