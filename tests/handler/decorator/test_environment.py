"""Where decorated functions get their table from, and what they import."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idempotent_lambda import errors, idempotent
from idempotent_lambda.calls import wiring
from idempotent_lambda.decorator import Wiring
from tests.handler.conftest import Lab
from tests.handler.function import REQUIRED

from .shop import PREFIX, Context


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, aws: None) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a function, read afresh."""
    del aws
    for name in REQUIRED:
        monkeypatch.delenv(name, raising=False)
    cache: Any = Wiring.from_environment
    cache.cache_clear()
    yield monkeypatch
    cache.cache_clear()


def test_wrong_environment(environment: pytest.MonkeyPatch) -> None:
    """The environment is read by the first call, and all that is wrong with it is in one error."""
    environment.setenv("IDEMPOTENCY_MODE", "watch")
    charge = idempotent(name="charge", key="x", lease_seconds=30)(echoed)
    with pytest.raises(errors.InvalidSettingsError) as caught:
        charge("a")
    assert [each.split()[0] for each in caught.value.problems] == [
        "IDEMPOTENCY_NAMESPACE", "IDEMPOTENCY_TABLE", "IDEMPOTENCY_RETENTION_SECONDS",
        "IDEMPOTENCY_MODE",
    ]  # fmt: skip


def test_managed_instances(environment: pytest.MonkeyPatch) -> None:
    """Where nothing stops a run at its timeout, no call of a decorated function runs."""
    set_up(environment, "records")
    environment.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances")
    ran: list[str] = []
    for given in ({"lease_seconds": 30}, {}):
        charge = idempotent(name="charge", key="x", **given)(ran.append)
        for _ in range(2):
            with pytest.raises(errors.ConfigurationError, match="may overlap"):
                charge("a")
    assert ran == []


def echoed(x: str) -> str:
    """Return what it gets."""
    return x


def set_up(environment: pytest.MonkeyPatch, table: str) -> None:
    """Set what the module sets, without a processor and without a key."""
    for name, value in REQUIRED.items():
        if name not in ("IDEMPOTENCY_PROCESSOR", "IDEMPOTENCY_KEY"):
            environment.setenv(name, value)
    environment.setenv("IDEMPOTENCY_TABLE", table)


@pytest.mark.emulator
def test_environment(
    environment: pytest.MonkeyPatch,
    backend: Lab,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the module's environment a decorated function works, and logs one line per call."""
    set_up(environment, backend.table)
    environment.setattr(wiring, "new_client", lambda: backend.deployed)
    charge = idempotent(name="charge", key="x")(capitals)
    assert [charge("a", Context()), charge("a", Context())] == ["A", "A"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["outcome"] for each in lines] == ["completed", "duplicate"]
    assert backend.item(PREFIX + "a") is not None


@pytest.mark.emulator
def test_log(
    environment: pytest.MonkeyPatch,
    backend: Lab,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The environment says which lines are logged, and how the metrics of calls are divided."""
    set_up(environment, backend.table)
    environment.setenv("IDEMPOTENCY_LOG", "problems")
    environment.setenv("IDEMPOTENCY_METRICS", "by_decorated_name")
    environment.setenv("AWS_LAMBDA_LOG_LEVEL", "ERROR")
    environment.setattr(wiring, "new_client", lambda: backend.deployed)
    assert idempotent(name="charge", key="x")(capitals)("a", Context()) == "A"
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["event"], line["level"], line["DecoratedName"]) == ("batch", "ERROR", "charge")


def capitals(x: str, context: Context) -> str:
    """Return what it gets, in capitals."""
    del context
    return x.upper()


def test_one_client(environment: pytest.MonkeyPatch) -> None:
    """However many threads call first, one client is made."""
    set_up(environment, "records")
    made = []

    def new_client() -> object:
        time.sleep(0.05)
        made.append(1)
        return object()

    environment.setattr(wiring, "new_client", new_client)
    charge = idempotent(name="charge", key="x", lease_seconds=30)(echoed)

    def call(_: int) -> None:
        with pytest.raises(errors.MissingKeyError):
            charge("")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(call, range(20)))
    assert made == [1]


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter has imported after a statement, in a function's environment."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    region = {"AWS_DEFAULT_REGION": "eu-central-1", "PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=REQUIRED | region,
        capture_output=True,
        check=True,
        text=True,
    )
    return set(run.stdout.splitlines()[-1].split())


def test_cold_start_of_the_entry_point() -> None:
    """The built-in entry point imports nothing of the decorator, nor what only that needs."""
    found = modules_after("import idempotent_lambda.entrypoint")
    assert "idempotent_lambda.pipeline.consumer" in found
    unused = ("calls", "decorator", "migration", "store.transaction")
    assert not [
        name
        for name in found
        if name.startswith(tuple(f"idempotent_lambda.{part}" for part in unused))
    ]
    assert found & {"asyncio", "boto3"} == set()


def test_cold_start_of_the_decorator() -> None:
    """Decorating a sync function imports no asyncio, no transaction and no boto3."""
    found = modules_after("from idempotent_lambda import idempotent")
    assert "idempotent_lambda.decorator" in found
    assert found & {"idempotent_lambda.store.transaction", "idempotent_lambda.entrypoint"} == set()
    assert found & {"asyncio", "boto3"} == set()
