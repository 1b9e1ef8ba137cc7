"""The engines behind the contract suite: every `ClaimStore` must pass it unchanged."""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import count
from typing import Any, Protocol

import boto3
import pytest
from moto import mock_aws

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Clock, Deadline
from idempotent_lambda.errors import StoreError, StoreRefusedError
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimOutcome,
    ClaimRequest,
    ClaimStore,
    Completed,
    CompleteOutcome,
    Parked,
    ParkOutcome,
    Released,
    ReleaseOutcome,
    Request,
)
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda.store.items import decode_record
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from scripts.support.emulator import Emulator, new_account
from tests.clients import patient_client
from tests.handler.harness import Listener
from tests.requests import claim_of
from tests.verify.leftovers import RUN_VARIABLE, TAG

from .worker import MINE, THEIRS, Worker

MOTO = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


Items = Mapping[str, Any]
"""Items by their ids: as DynamoDB writes them, or as records in memory."""

Clients = tuple[Any, Any]
"""The deployed package's client, and one of the test's own."""


class Engine(Protocol):
    """A store, and a way behind it: to seed records and to look at them."""

    @property
    def store(self) -> ClaimStore:
        """The store under test."""

    @property
    def effects(self) -> str:
        """The name of another table, empty at first, for what takes effect with a completion."""

    def put(self, record: Record) -> None:
        """Write a record as it is."""

    def get(self, record_id: str) -> Record | None:
        """Read a record as it is."""

    def seed_records(self, items: Items) -> None:
        """Write items as they are, by their ids, in the place of all others with these ids."""

    def items(self, record_ids: Iterable[str]) -> Items:
        """Read what there is of these, as it is."""

    def count(self, name: str) -> int:
        """How often this has taken effect: the number ``n`` of an item of the other table."""


class InMemory:
    """The toolkit's store, with a table of counters."""

    effects = "effects"

    def __init__(self) -> None:
        self.store = InMemoryClaimStore()
        self.store.commit = self._commit
        self._counts: dict[str, int] = {}

    def put(self, record: Record) -> None:
        self.store.records[record.id] = record

    def get(self, record_id: str) -> Record | None:
        return self.store.records.get(record_id)

    def seed_records(self, items: Items) -> None:
        for name, item in items.items():
            record = decode_record(item)
            assert record is not None
            self.store.records[name] = record

    def items(self, record_ids: Iterable[str]) -> Items:
        records = self.store.records
        return {name: records[name] for name in record_ids if name in records}

    def count(self, name: str) -> int:
        return self._counts.get(name, 0)

    def _commit(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Carry out what `counted` and `first` ask for, all or nothing."""
        counts = dict(self._counts)
        for action in actions:
            match action:
                case {"Update": {"Key": {"id": {"S": name}}}}:
                    counts[name] = counts.get(name, 0) + 1
                case {"Put": {"Item": {"id": {"S": name}}}} if name not in counts:
                    counts[name] = 1
                case _:
                    problem = f"{action} cannot be done"
                    raise StoreRefusedError("TransactionCanceled", problem, maybe_written=False)
        self._counts = counts


def counted(engine: Engine, name: str) -> dict[str, Any]:
    """The action that counts one effect more."""
    return {
        "Update": {
            "TableName": engine.effects,
            "Key": {"id": {"S": name}},
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def first(engine: Engine, name: str) -> dict[str, Any]:
    """The action that counts an effect that has not taken place before, and fails otherwise."""
    return {
        "Put": {
            "TableName": engine.effects,
            "Item": {"id": {"S": name}, "n": {"N": "1"}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }


def written(value: object) -> dict[str, Any]:
    """A value as DynamoDB has it."""
    if isinstance(value, frozenset):
        return {"SS": sorted(value)}
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


def read(value: dict[str, Any]) -> Any:
    """What such a value is."""
    if "SS" in value:
        return frozenset(value["SS"])
    return int(value["N"]) if "N" in value else Owner(value["S"])


class Accompanied:
    """A store that never goes out alone: every call takes companions along, before and after.

    Companions are for fresh keys, so each must succeed, whatever becomes of those it goes with.

    Args:
        inner: the store under test.
        redelivered: whether the source is said to have handed out every message before.
    """

    def __init__(self, inner: ClaimStore, *, redelivered: bool) -> None:
        self._inner = inner
        self._redelivered = redelivered
        self._numbers = count(1)

    def claim(
        self, requests: Sequence[ClaimRequest], deadline: Deadline
    ) -> Sequence[ClaimOutcome | StoreError]:
        requests = [replace(each, redelivered=self._redelivered) for each in requests]
        before, after = (self._companion(requests[0]) for _ in range(2))
        first, *outcomes, last = self._inner.claim([before, *requests, after], deadline)
        assert first == Claimed(before.owner, attempts=1)
        assert last == Claimed(after.owner, attempts=1)
        return outcomes

    def complete(
        self, requests: Sequence[Request], deadline: Deadline
    ) -> Sequence[CompleteOutcome | StoreError]:
        before, after = self._claimed(requests[0], deadline)
        first, *outcomes, last = self._inner.complete([before, *requests, after], deadline)
        assert first == last == Completed()
        return outcomes

    def release(
        self, requests: Sequence[Request], deadline: Deadline
    ) -> Sequence[ReleaseOutcome | StoreError]:
        before, after = self._claimed(requests[0], deadline)
        first, *outcomes, last = self._inner.release([before, *requests, after], deadline)
        assert first == last == Released()
        return outcomes

    def park(
        self, requests: Sequence[Request], deadline: Deadline
    ) -> Sequence[ParkOutcome | StoreError]:
        before, after = (
            replace(each, reason="companion") for each in self._claimed(requests[0], deadline)
        )
        first, *outcomes, last = self._inner.park([before, *requests, after], deadline)
        assert (first, last) == (Parked(before.owner), Parked(after.owner))
        return outcomes

    def mark(
        self, requests: Sequence[Request], deadline: Deadline
    ) -> Sequence[ParkOutcome | StoreError]:
        companions = [
            replace(each, reason="companion") for each in self._claimed(requests[0], deadline)
        ]
        self._inner.park(companions, deadline)
        before, after = companions
        first, *outcomes, last = self._inner.mark([before, *requests, after], deadline)
        assert (first, last) == tuple(Parked(each.owner, dead_lettered=True) for each in companions)
        return outcomes

    def _claimed(self, like: Request, deadline: Deadline) -> list[ClaimRequest]:
        """Companions that have something to settle."""
        lease_end = like.now
        claims = [
            self._companion(claim_of(like, lease_expires_at=lease_end, takeover=False))
            for _ in range(2)
        ]
        outcomes = self._inner.claim(claims, deadline)
        assert list(outcomes) == [Claimed(each.owner, attempts=1) for each in claims]
        return claims

    def _companion(self, request: ClaimRequest) -> ClaimRequest:
        number = next(self._numbers)
        owner = Owner(f"companion-{number}")
        return replace(
            request,
            record_id=f"companions#{number}",
            owner=owner,
            token=None,
            stated=False,
            result=None,
            actions=(),
            reason=None,
        )


@dataclass
class DynamoDB:
    """The deployed store on a table, looked at with a client of the test's own.

    Attributes:
        tables: all that were made.
    """

    store: ClaimStore
    client: Any
    table: str
    tables: list[str] = field(default_factory=list)

    @classmethod
    def create(
        cls, clients: Clients, clock: Clock, listener: Listener, *, together: bool = True
    ) -> "DynamoDB":
        made = cls.open(clients, clock, listener, new_table_name(), together=together)
        made.make(made.table)
        return made

    @classmethod
    def open(
        cls,
        clients: Clients,
        clock: Clock,
        listener: Listener,
        table: str,
        *,
        together: bool = True,
    ) -> "DynamoDB":
        """A store on a table that is there."""
        deployed, client = clients
        store = DynamoDBClaimStore(deployed, table, clock, listener, together=together)
        return cls(store, client, table)

    @cached_property
    def effects(self) -> str:
        """A table that is made when a test asks for it, unless it is there already."""
        table = f"{self.table}-effects"
        return table if table in self.tables else self.make(table)

    def make(self, table: str) -> str:
        """Make a table, and wait for it; its name."""
        make_table(self.client, table)
        self.tables.append(table)
        return table

    def clear(self) -> None:
        """Delete all items of all tables."""
        for table in self.tables:
            for page in self.client.get_paginator("scan").paginate(
                TableName=table, ConsistentRead=True
            ):
                keys = [{"DeleteRequest": {"Key": {"id": item["id"]}}} for item in page["Items"]]
                self._write(table, keys)

    def accompanied(self, *, redelivered: bool) -> "DynamoDB":
        """The same table, asked for groups only."""
        return replace(self, store=Accompanied(self.store, redelivered=redelivered))

    def put(self, record: Record) -> None:
        item = {
            name: written(found)
            for name in Record.__slots__
            if (found := getattr(record, name)) is not None
        }
        self.client.put_item(TableName=self.table, Item=item)

    def get(self, record_id: str) -> Record | None:
        item = self._item(self.table, record_id)
        if item is None:
            return None
        # Everything that lies in the table must be an attribute of the record, and no more.
        return Record(**{name: read(value) for name, value in item.items()})

    def seed_records(self, items: Items) -> None:
        self._write(self.table, [{"PutRequest": {"Item": item}} for item in items.values()])

    def _write(self, table: str, requests: Sequence[Any]) -> None:
        for part in batched(requests, 25):
            left: Any = {table: part}
            while left:
                left = self.client.batch_write_item(RequestItems=left)["UnprocessedItems"]

    def items(self, record_ids: Iterable[str]) -> Items:
        found = {}
        for part in batched([{"id": {"S": name}} for name in record_ids], 100):
            left: Any = {self.table: {"Keys": part, "ConsistentRead": True}}
            while left:
                answer = self.client.batch_get_item(RequestItems=left)
                found |= {item["id"]["S"]: item for item in answer["Responses"][self.table]}
                left = answer.get("UnprocessedKeys")
        return found

    def count(self, name: str) -> int:
        item = self._item(self.effects, name)
        return int(item["n"]["N"]) if item else 0

    def _item(self, table: str, name: str) -> dict[str, Any] | None:
        key = {"id": {"S": name}}
        found = self.client.get_item(TableName=table, Key=key, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return item


def new_table_name() -> str:
    """A name for a table; in a run of `make verify-aws` it begins with the run."""
    run = os.environ.get(RUN_VARIABLE, "idempotent-lambda")
    return f"{run}-contract-{secrets.token_hex(4)}"


def make_table(client: Any, table: str) -> None:
    """Make a table, tagged with the run if there is one, and wait for it."""
    run = os.environ.get(RUN_VARIABLE)
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": TAG, "Value": run}] if run else [],
    )
    every_second = {"Delay": 1, "MaxAttempts": 120}
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig=every_second)


def batched(things: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """The things in parts of this size."""
    return [things[at : at + size] for at in range(0, len(things), size)]


def aws_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Let clients of this process use these variables and nothing of the developer's."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def new_clients() -> Clients:
    """Clients for what the environment says."""
    # Not the default session, which keeps the first credentials it sees.
    return new_client(), boto3.session.Session().client("dynamodb")


@pytest.fixture(scope="session")
def emulator_clients(emulator: Emulator) -> Clients:
    """Clients of one account of the emulator; making them takes longer than a test."""
    account = new_account()
    deployed = patient_client(emulator.environment(account))
    return deployed, emulator.client("dynamodb", account)


@pytest.fixture(scope="session")
def aws_tables() -> Iterator[tuple[Clients, list[str]]]:
    """Clients and two empty tables for all tests of a process: on AWS a table takes ten seconds."""
    if boto3.session.Session().get_credentials() is None:
        pytest.skip("there are no AWS credentials")
    # Patient, as on the emulator: these tests assert the exact calls, so none may be repeated.
    deployed = patient_client(dict(os.environ))
    clients = deployed, boto3.session.Session().client("dynamodb")
    name = new_table_name()
    tables = [name, f"{name}-effects"]
    try:
        for table in tables:
            make_table(clients[1], table)
        yield clients, tables
    finally:
        for table in tables:
            with contextlib.suppress(clients[1].exceptions.ResourceNotFoundException):
                clients[1].delete_table(TableName=table)


@pytest.fixture(scope="session")
def moto_clients() -> Clients:
    """Clients for moto, which call it if it replaces AWS."""
    with pytest.MonkeyPatch.context() as patch:
        aws_environment(patch, MOTO)
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        return new_clients()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that does not run by itself."""
    return ManualClock()


@pytest.fixture
def mine(engine: Engine, clock: ManualClock) -> Worker:
    """The worker under test."""
    return Worker(engine, clock, MINE)


@pytest.fixture
def theirs(engine: Engine, clock: ManualClock) -> Worker:
    """Another worker on the same key."""
    return Worker(engine, clock, THEIRS)


class Company(StrEnum):
    """How a request goes out."""

    NONE = "alone"
    NEW = "in a group"
    REDELIVERED = "in a group that is redelivered"


ALONE, TOGETHER = [Company.NONE], list(Company)


def engines(companies: list[Company] = TOGETHER) -> list[Any]:
    """Parameters of `engine`; those that know no groups have no company."""
    return [
        pytest.param((name, company), id=f"{name} {company}".replace(" ", "-"), marks=marks)
        for name, possible, marks in [
            ("memory", ALONE, []),
            ("moto", ALONE, []),
            ("emulator", TOGETHER, [pytest.mark.emulator]),
            ("aws", TOGETHER, [pytest.mark.aws]),
        ]
        for company in possible
        if company in companies
    ]


@pytest.fixture(params=engines())
def engine(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Engine]:
    """Every engine in turn, with requests alone and in groups."""
    name, company = request.param
    listener = Listener()

    def in_company(table: DynamoDB) -> DynamoDB:
        if company is Company.NONE:
            return table
        return table.accompanied(redelivered=company is Company.REDELIVERED)

    match name:
        case "memory":
            yield InMemory()
        case "moto":
            clients = request.getfixturevalue("moto_clients")
            with mock_aws():
                # Its PartiQL does not take parameters.
                yield DynamoDB.create(clients, clock, listener, together=False)
        case "emulator":
            clients = request.getfixturevalue("emulator_clients")
            yield in_company(DynamoDB.create(clients, clock, listener))
        case _:
            clients, tables = request.getfixturevalue("aws_tables")
            live = DynamoDB.open(clients, clock, listener, tables[0])
            live.tables.extend(tables)
            try:
                yield in_company(live)
            finally:
                live.clear()
    # An engine on which groups do not work would pass with single requests, unnoticed.
    assert listener.fallen_back == []
