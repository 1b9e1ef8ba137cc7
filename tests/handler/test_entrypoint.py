"""Cold start and the Lambda handler, with everything that is deployed wired together."""

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import boto3
import pytest

import idempotent_lambda
from idempotent_lambda import clients
from idempotent_lambda.errors import (
    ConfigurationError,
    InvalidProcessorError,
    InvalidSettingsError,
)
from idempotent_lambda.pipeline.asking import make_owner
from scripts.support.emulator import Emulator
from tests.clients import PATIENCE_MILLIS, TIMEOUTS
from tests.waiting import SECONDS

from .conftest import create_table
from .events import event, order, record
from .function import MODULE, REQUIRED, TABLE, Package, deliver

HANDLER = Path(idempotent_lambda.__file__).parents[1]
ORDERS = """
charged = []

def process(message):
    charged.append(message.body["id"])
    if message.body.get("poison"):
        raise ValueError("declined")

def refund(message):
    pass

async def later(message):
    pass

def lazily(message):
    yield

async def lazily_later(message):
    yield

class Charge:
    def __call__(self, message):
        pass

charge = Charge()

def transfer(message, transaction):
    transaction.update(
        "balances",
        {"id": "total"},
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": 1},
    )

def with_defaults(message, retries=3):
    pass

def anything(*all, **more):
    pass

def nothing():
    pass

def two(message, context):
    pass

def only_named(*, transaction):
    pass
LIMIT = 3
"""


class TestProcessor:
    """Finding the user's code."""

    @pytest.mark.parametrize("name", ["orders.process", "orders.charge"])
    def test_found(self, package: Package, name: str) -> None:
        """A function, or an object that can be called, is a processor."""
        package.write("orders.py", ORDERS)
        load = package.cold_start().load_processor
        assert load(name) is getattr(sys.modules["orders"], name.split(".")[1])

    def test_in_a_package(self, package: Package) -> None:
        """A processor may lie in a package."""
        package.write("shop/__init__.py", "")
        package.write("shop/orders.py", ORDERS)
        assert package.cold_start().load_processor("shop.orders.process")

    @pytest.mark.parametrize("name", ["transfer", "with_defaults", "anything"])
    def test_signatures(self, package: Package, name: str) -> None:
        """It takes a message, and a transaction if it has a parameter of that name."""
        package.write("orders.py", ORDERS)
        assert package.cold_start().load_processor(f"orders.{name}")

    @pytest.mark.parametrize("name", ["nothing", "two", "only_named"])
    def test_cannot_be_called(self, package: Package, name: str) -> None:
        """One that cannot be called so is refused at cold start, with what to write instead."""
        package.write("orders.py", ORDERS)
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError) as caught:
            load(f"orders.{name}")
        assert "it cannot be called with one message" in str(caught.value)
        assert "write def process(message), or def process(message, transaction)" in str(
            caught.value
        )

    @pytest.mark.parametrize("name", ["process", "", "orders.", ".process", "."])
    def test_not_a_name(self, package: Package, name: str) -> None:
        """A name without module and function says how to write it."""
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError, match=re.escape('"module.function"')) as caught:
            load(name)
        assert repr(name) in str(caught.value)

    @pytest.mark.parametrize("name", ["ordrs.process", "orders.sub.process", "shop.ordrs.process"])
    def test_no_such_module(self, package: Package, name: str) -> None:
        """A module that is not there is named, with the modules that are."""
        package.write("orders.py", ORDERS)
        package.write("shop/__init__.py", "")
        package.write("shop/orders.py", ORDERS)
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError) as caught:
            load(name)
        module = name.removesuffix(".process")
        assert f"there is no module {module!r}; the package has orders, shop" in str(caught.value)

    def test_no_such_function(self, package: Package) -> None:
        """A function that is not there is named, with the functions that are, not the imports."""
        package.write("orders.py", "from json import dumps\n" + ORDERS)
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError) as caught:
            load("orders.proces")
        assert str(caught.value).startswith("processor 'orders.proces': 'orders' has no such func")
        assert "it has anything, later, lazily, lazily_later, nothing, only_named, " in str(
            caught.value
        )
        assert "dumps" not in str(caught.value)

    def test_not_callable(self, package: Package) -> None:
        """A name that leads to no function is the same as one that leads nowhere."""
        package.write("orders.py", ORDERS)
        with pytest.raises(InvalidProcessorError, match="no such function"):
            package.cold_start().load_processor("orders.LIMIT")

    @pytest.mark.parametrize("name", ["later", "lazily", "lazily_later"])
    def test_runs_nothing(self, package: Package, name: str) -> None:
        """A coroutine or generator function is refused at cold start, with the remedy."""
        package.write("orders.py", ORDERS)
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError, match=r"asyncio\.run"):
            load(f"orders.{name}")

    def test_import_fails(self, package: Package) -> None:
        """An error in the user's module is reported as it is, with the user's traceback."""
        package.write("broken.py", "1 / 0")
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError, match="ZeroDivisionError: division") as caught:
            load("broken.process")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_syntax_error(self, package: Package) -> None:
        """A module that is not valid Python is reported in the same way."""
        package.write("wrong.py", "def process(message)\n    pass")
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError, match="SyntaxError"):
            load("wrong.process")

    def test_import_of_an_import_fails(self, package: Package) -> None:
        """A library that is missing is named, and not taken for the processor's module."""
        package.write("orders.py", "import stripe_sdk")
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError) as caught:
            load("orders.process")
        assert "importing its module failed" in str(caught.value)
        assert "No module named 'stripe_sdk'" in str(caught.value)
        assert "there is no module" not in str(caught.value)

    def test_module_that_exits(self, package: Package) -> None:
        """A module that exits when it is imported is named, and does not end the process."""
        package.write("script.py", "import sys\nsys.exit(0)")
        load = package.cold_start().load_processor
        with pytest.raises(InvalidProcessorError, match="SystemExit"):
            load("script.process")


class TestColdStart:
    """Importing the entry point is what Lambda does first."""

    def test_wrong_processor_stops_it(self, package: Package) -> None:
        """A wrong processor fails the import: no message is ever received."""
        with pytest.raises(InvalidProcessorError, match="'nowhere'"):
            package.cold_start(IDEMPOTENCY_PROCESSOR="nowhere.process")

    def test_wrong_settings_stop_it(self, package: Package) -> None:
        """So does a wrong environment."""
        with pytest.raises(InvalidSettingsError, match="IDEMPOTENCY_TABLE"):
            package.cold_start(IDEMPOTENCY_TABLE="")

    def test_managed_instances_stop_it(self, package: Package) -> None:
        """So do Lambda Managed Instances, unless overlapping runs are accepted."""
        managed = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}
        with pytest.raises(ConfigurationError, match="may overlap"):
            package.cold_start(**managed)
        accepted = {"IDEMPOTENCY_MANAGED_INSTANCES": "accept_overlapping_runs"}
        assert callable(package.cold_start(**managed, **accepted).handler)

    def test_makes_no_request(self, package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cold start asks nothing of the network, so it works whatever the table does."""
        monkeypatch.setattr(socket.socket, "connect", None)
        assert callable(package.cold_start().handler)


def outcomes(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What the log says of each message."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {each["message_id"]: each["outcome"] for each in lines}


def test_handler_on_moto(
    package: Package, moto_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real SQS events through all that is deployed: once, then never again."""
    package.write("orders.py", ORDERS)
    module = package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process")
    poison = record('{"id": "p", "poison": true}', message_id="m-p")
    # One by one: moto does not understand PartiQL with parameters.
    assert [deliver(module, each) for each in (order("a"), poison, order("b"))] == [[], ["m-p"], []]
    assert outcomes(capsys) == {"m-a": "completed", "m-p": "failed", "m-b": "completed"}
    again = (order("a", "m-2"), order("b"), order("c"))
    assert [deliver(module, each) for each in again] == [[], [], []]
    assert outcomes(capsys) == {"m-2": "duplicate", "m-b": "duplicate", "m-c": "completed"}
    assert sys.modules["orders"].charged == ["a", "p", "b", "c"]
    items = boto3.session.Session().client("dynamodb").scan(TableName=moto_table)["Items"]
    assert {item["id"]["S"]: item["status"]["S"] for item in items} == {
        "orders#a": "COMPLETED",
        "orders#b": "COMPLETED",
        "orders#c": "COMPLETED",
    }


@pytest.mark.usefixtures("moto_table")
def test_log(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    """The environment says which lines are logged; the level of metrics passes Lambda's filter."""
    package.write("orders.py", ORDERS)
    module = package.cold_start(
        IDEMPOTENCY_PROCESSOR="orders.process",
        IDEMPOTENCY_LOG="problems",
        IDEMPOTENCY_METRICS="on",
        AWS_LAMBDA_LOG_LEVEL="WARN",
    )
    deliver(module, order("a"))
    deliver(module, record('{"id": "p", "poison": true}', message_id="m-p"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [(line["event"], line["level"], line.get("outcome")) for line in lines]
    assert found == [
        ("batch", "WARN", None), ("message", "ERROR", "failed"), ("batch", "WARN", None),
    ]  # fmt: skip


@pytest.mark.parametrize(("about", "request_id"), [({"aws_request_id": "r-1"}, "r-1"), ({}, "")])
def test_the_id_of_the_invocation(
    package: Package,
    capsys: pytest.CaptureFixture[str],
    about: dict[str, str],
    request_id: str,
) -> None:
    """Log lines have the context's request id; a context of a test may lack it."""
    module = package.cold_start()
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000, **about)
    assert module.handler(event(record("{}")), context)["batchItemFailures"]
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["request_id"] == request_id


LOOKALIKES = [
    MagicMock(), AsyncMock(), None, SimpleNamespace(get_remaining_time_in_millis=lambda: None),
    SimpleNamespace(get_remaining_time_in_millis=lambda: True), SimpleNamespace(),
]  # fmt: skip


@pytest.mark.parametrize("context", LOOKALIKES, ids=lambda context: type(context).__name__)
def test_no_context(package: Package, context: Any) -> None:
    """A mock that returns no number is refused: otherwise nothing ever starts, without a word."""
    module = package.cold_start()
    with pytest.raises(ConfigurationError) as caught:
        module.handler(event(record()), context)
    text = str(caught.value)
    assert f"of type {type(context).__name__}" in text
    assert "get_remaining_time_in_millis.return_value = 30000" in text


def test_a_mock_with_a_time(package: Package) -> None:
    """A mock whose method returns a number is a context."""
    context = MagicMock()
    context.get_remaining_time_in_millis.return_value = 30_000
    module = package.cold_start()
    assert module.handler(event(record("{}")), context)["batchItemFailures"]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function waits for an answer as long as a busy emulator needs."""
    for name in TIMEOUTS:
        monkeypatch.setattr(clients, name, PATIENCE_MILLIS)


@pytest.mark.emulator
@pytest.mark.usefixtures("patience")
def test_handler_on_the_emulator(
    package: Package,
    emulator: Emulator,
    account: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same over HTTP, with leases and expiry on the machine's own clock."""
    for name, value in emulator.environment(account).items():
        monkeypatch.setenv(name, value)
    client = emulator.client("dynamodb", account)
    create_table(client)
    package.write("orders.py", ORDERS)
    module = package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process")
    before = time.time()
    assert deliver(module, order("a"), order(1, "m-1")) == []
    assert outcomes(capsys) == {"m-a": "completed", "m-1": "completed"}
    items = client.scan(TableName=TABLE)["Items"]
    assert {item["id"]["S"] for item in items} == {"orders#a", "orders##1"}
    for item in items:
        assert set(item) == {
            "id",
            "status",
            "owner",
            "expires_at",
            "created_at",
            "completed_at",
        }
        assert before + 3599 <= int(item["expires_at"]["N"]) <= time.time() + 3602


@pytest.mark.emulator
@pytest.mark.usefixtures("patience")
def test_a_transactional_processor(
    package: Package,
    emulator: Emulator,
    account: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A processor that has the parameter is given a transaction, and counts each order once."""
    for name, value in emulator.environment(account).items():
        monkeypatch.setenv(name, value)
    client = emulator.client("dynamodb", account)
    create_table(client)
    create_table(client, "balances")
    package.write("orders.py", ORDERS)
    module = package.cold_start(IDEMPOTENCY_PROCESSOR="orders.transfer")
    for _ in range(2):
        assert deliver(module, order("a"), order("b")) == []
    assert set(outcomes(capsys).values()) == {"duplicate"}
    (item,) = client.scan(TableName="balances")["Items"]
    assert item["n"] == {"N": "2"}


EARLY_SECONDS = 15
"""An outage takes 3 s of the 30 s. The limit leaves the rest to a machine that pauses."""


def connections(server: socket.socket) -> int:
    """How many connections wait to be accepted."""
    found = 0
    server.setblocking(False)  # noqa: FBT003  # the socket's own signature
    with contextlib.suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            found += 1
    return found


def test_unreachable_table(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten messages and no table: all reported, none run, long before the deadline."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        package.write("orders.py", ORDERS)
        module = package.cold_start(
            IDEMPOTENCY_PROCESSOR="orders.process", AWS_ENDPOINT_URL=endpoint
        )
        began = time.monotonic()
        batch = [order(str(number)) for number in range(10)]
        assert deliver(module, *batch) == [f"m-{number}" for number in range(10)]
        assert time.monotonic() - began < EARLY_SECONDS
    assert set(outcomes(capsys).values()) == {"table_unavailable"}
    assert sys.modules["orders"].charged == []


@pytest.mark.slow
def test_silent_table(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    """A table that accepts connections and never answers gets no more than three attempts."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        package.write("orders.py", ORDERS)
        module = package.cold_start(
            IDEMPOTENCY_PROCESSOR="orders.process", AWS_ENDPOINT_URL=endpoint
        )
        began = time.monotonic()
        batch = [order(str(number)) for number in range(10)]
        assert len(deliver(module, *batch)) == 10
        assert time.monotonic() - began < EARLY_SECONDS
        assert 1 <= connections(silent) <= 3
    assert set(outcomes(capsys).values()) == {"table_unavailable"}
    assert sys.modules["orders"].charged == []


def fresh(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter that knows the deployed package and nothing of the tests."""
    known = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={
            **known,
            "PYTHONPATH": str(HANDLER),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_missing_environment_in_a_new_process() -> None:
    """Without its environment the function stops with one line that names all it needs."""
    done = fresh(f"import {MODULE}")
    assert done.returncode == 1
    (last,) = done.stderr.strip().splitlines()[-1:]
    assert last.startswith("idempotent_lambda.errors.InvalidSettingsError: IDEMPOTENCY_NAMESPACE")
    for name in REQUIRED:
        assert (name in last) is (name != "IDEMPOTENCY_KEY")


def test_what_a_cold_start_imports() -> None:
    """A cold start loads botocore and what it needs, but neither boto3 nor the toolkit."""
    done = fresh(f"import json, sys, {MODULE}; print(json.dumps(list(sys.modules)))", **REQUIRED)
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout)
    for rare in ("recognition", "unsafe_numbers"):
        assert f"idempotent_lambda.sources.{rare}" not in names
    loaded = {name.split(".")[0] for name in names}
    assert {"idempotent_lambda", "botocore", "jmespath"} <= loaded
    for unwanted in ("boto3", "s3transfer", "idempotent_lambda_toolkit", "mypy_boto3_dynamodb"):
        assert unwanted not in loaded


WATCH = f"""
import json, os, sys, threading

seen = []
random_bytes, start = os.urandom, threading.Thread.start
os.urandom = lambda size: seen.append("os.urandom") or random_bytes(size)
threading.Thread.start = lambda thread: seen.append("Thread.start") or start(thread)
calls = ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, _: event in calls and seen.append(event))
import {MODULE}
print(json.dumps(seen))
"""


def test_a_snapshot_holds_nothing_that_must_be_unique_or_fresh() -> None:
    """Until its first call, the function has no connection, no thread and no random number."""
    # Lambda may start many processes from one snapshot of the imported function:
    # https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
    credentials = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "secret"}
    done = fresh(WATCH, **REQUIRED, **credentials)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_processes_of_one_snapshot_are_different_owners() -> None:
    """Two processes with the same state of `random` claim as different owners."""
    owners = set()
    for _ in range(2):
        random.seed(7)
        owners.add(make_owner())
    assert len(owners) == 2
