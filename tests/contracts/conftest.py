"""The engines behind the contract suite: every `ClaimStore` must pass it unchanged."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
import pytest
from moto import mock_aws

from idempotent_lambda.claims import ClaimStore, Owner, Record
from idempotent_lambda.clock import Clock
from idempotent_lambda.dynamodb import DynamoDBClaimStore, new_client
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock

MOTO = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


class Engine(Protocol):
    """A store, and a way behind it: to lay down records and to look at them."""

    store: ClaimStore

    def put(self, record: Record) -> None:
        """Write a record as it is."""

    def get(self, record_id: str) -> Record | None:
        """Read a record as it is."""


class InMemory:
    """The toolkit's store."""

    def __init__(self) -> None:
        self.store = InMemoryClaimStore()

    def put(self, record: Record) -> None:
        self.store.records[record.id] = record

    def get(self, record_id: str) -> Record | None:
        return self.store.records.get(record_id)


@dataclass
class DynamoDB:
    """The deployed store on a table, looked at with a client of the test's own."""

    store: ClaimStore
    client: Any

    table: str

    @classmethod
    def create(cls, clock: Clock) -> "DynamoDB":
        # Not the default session, which keeps the first credentials it sees.
        client = boto3.session.Session().client("dynamodb")
        table = f"idempotent-lambda-contract-{secrets.token_hex(4)}"
        client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.get_waiter("table_exists").wait(TableName=table)
        return cls(DynamoDBClaimStore(new_client(), table, clock), client, table)

    def put(self, record: Record) -> None:
        item = {
            name: {"N": str(value)} if isinstance(value, int) else {"S": str(value)}
            for name in Record.__slots__
            if (value := getattr(record, name)) is not None
        }
        self.client.put_item(TableName=self.table, Item=item)

    def get(self, record_id: str) -> Record | None:
        key = {"id": {"S": record_id}}
        item = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return None
        # Everything that lies in the table must be an attribute of the record, and no more.
        return Record(
            **{name: int(v["N"]) if "N" in v else Owner(v["S"]) for name, v in item.items()}
        )


def aws_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Let clients of this process use these variables and nothing of the developer's."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture(
    params=[
        "memory",
        "moto",
        pytest.param("emulator", marks=pytest.mark.emulator),
        pytest.param("aws", marks=pytest.mark.aws),
    ]
)
def engine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> Iterator[Engine]:
    """Every engine in turn."""
    match request.param:
        case "memory":
            yield InMemory()
        case "moto":
            aws_environment(monkeypatch, MOTO)
            monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
            with mock_aws():
                yield DynamoDB.create(clock)
        case "emulator":
            emulator = request.getfixturevalue("emulator")
            aws_environment(monkeypatch, emulator.environment(request.getfixturevalue("account")))
            yield DynamoDB.create(clock)
        case _:
            if boto3.session.Session().get_credentials() is None:
                pytest.skip("there are no AWS credentials")
            live = DynamoDB.create(clock)
            try:
                yield live
            finally:
                live.client.delete_table(TableName=live.table)
