"""What takes long is made once in a run of the tests, and not once in each worker."""

import fcntl
import json
import os
from collections.abc import Callable
from typing import Any

import pytest


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[], Any]) -> Any:
    """Return a value that the first worker makes; the others wait, and read it as JSON.

    Args:
        factory: of the worker; its workers share the folder above their own.
        name: of the value, as a file may be called.
        make: makes the value, which JSON can hold. If it fails, the next worker tries again.
    """
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    file = folder / f"{name}.json"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            part = file.with_suffix(".part")
            part.write_text(json.dumps(make()), encoding="utf-8")
            part.replace(file)
    return json.loads(file.read_text(encoding="utf-8"))
