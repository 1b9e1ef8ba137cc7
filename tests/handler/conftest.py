"""Fixtures of the handler's tests."""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import settings
from moto import mock_aws

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock
from scripts.support.emulator import Emulator, new_account
from tests.clients import patient_client

from .function import MODULE, TABLE, Package
from .harness import ConsumerHarness, Listener, Wire

# The same examples in every run: a failure here is a defect, never bad luck.
settings.register_profile("handler", derandomize=True, database=None, deadline=None)
settings.load_profile("handler")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that does not run by itself."""
    return ManualClock()


@pytest.fixture
def harness() -> ConsumerHarness:
    """A consumer on a store in memory."""
    return ConsumerHarness()


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    """A minute from now."""
    return Deadline.from_remaining(clock, Millis(60_000))


@pytest.fixture
def pauses(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is slept, each time; of every range that a pause is drawn from it is the longest."""
    slept: list[int] = []

    def sleep(duration: Millis) -> None:
        slept.extend([duration] if duration else [])

    monkeypatch.setattr("random.SystemRandom.randrange", lambda _, limit: limit - 1)
    monkeypatch.setattr(clock, "sleep", sleep)
    return slept


def pretend(patch: pytest.MonkeyPatch) -> None:
    """Set credentials and region of nobody, and nothing of the developer's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    patch.setenv("AWS_REGION", "eu-central-1")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and region of nobody."""
    pretend(monkeypatch)


def create_table(client: Any, name: str = TABLE) -> None:
    """Make a table as the module declares it."""
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def moto_table(aws: None) -> Iterator[str]:
    """An empty table in moto; its name."""
    del aws
    with mock_aws():
        create_table(boto3.session.Session().client("dynamodb"))
        yield TABLE


class Lab:
    """The deployed store on the emulator, with a wire that tests interfere with.

    Attributes:
        store: the store under test.
        table: its table's name.
        wire: the connection between the store and the table.
        client: the test's own client, which bypasses the wire.
        deployed: the client of the store.
        listener: the observer of the store.
    """

    def __init__(self, deployed: Any, client: Any, table: str, clock: ManualClock) -> None:
        self.clock, self.client, self.table, self.deployed = clock, client, table, deployed
        self.wire = Wire(deployed)
        self.listener = Listener()
        self.store = DynamoDBClaimStore(deployed, table, clock, self.listener)

    def item(self, record_id: str) -> dict[str, Any] | None:
        """What lies in the table."""
        key = {"id": {"S": record_id}}
        found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item


@pytest.fixture(scope="session")
def clients(emulator: Emulator) -> tuple[Any, Any]:
    """The deployed package's client and one of the tests' own; making them takes long."""
    account = new_account()
    deployed = patient_client(emulator.environment(account))
    return deployed, emulator.client("dynamodb", account)


@pytest.fixture
def backend(clients: tuple[Any, Any], clock: ManualClock) -> Iterator[Lab]:
    """An empty table on the emulator."""
    deployed, client = clients
    table = f"table-{secrets.token_hex(4)}"
    create_table(client, table)
    made = Lab(deployed, client, table, clock)
    yield made
    made.wire.remove()


@pytest.fixture(scope="session")
def lone_client() -> Any:
    """A client of the deployed package, for nothing behind it."""
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch)
        return new_client()


@pytest.fixture
def dead(lone_client: Any, clock: ManualClock) -> Iterator[tuple[DynamoDBClaimStore, Wire]]:
    """The deployed store with nothing behind its wire: tests give every answer themselves."""
    wire = Wire(lone_client)
    yield DynamoDBClaimStore(lone_client, TABLE, clock, Listener()), wire
    wire.remove()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: None) -> Iterator[Package]:
    """An empty package, in which Python starts as Lambda starts it."""
    del aws
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = Package(tmp_path, monkeypatch)
    yield made
    for name in list(sys.modules):
        if name.split(".")[0] in made.names or name == MODULE:
            del sys.modules[name]
