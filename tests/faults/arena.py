"""The place where cells are played: a table for each, behind the proxy."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from unittest.mock import patch

from idempotent_lambda.clients import new_client
from idempotent_lambda.protocol.record import Status
from scripts.support.emulator import Emulator, new_account
from scripts.support.proxy import Call, Fault, Plan, Proxy, first, serving

from .cells import (
    LOOKS,
    MESSAGE,
    NEIGHBOUR,
    RECEIVES,
    VISIBILITY_SECONDS,
    Answer,
    Batch,
    Cell,
    Observation,
    Operation,
)

PLAYS = 10
"""How often a cell may be played until the fault strikes."""


class System(Protocol):
    """This package, or a peer.

    Attributes:
        key: the table's partition key.
        accompanied: whether the message comes in company.
    """

    key: str
    accompanied: bool

    def does(self, call: Call, operation: Operation) -> bool:
        """Whether a call does this to the message's record."""

    def deliver(self, table: str, batch: Batch) -> dict[str, Answer]:
        """Deliver the messages; how it ended for each."""


@dataclass(kw_only=True)
class Arena:
    """An account of the emulator, behind a proxy that injects faults by table.

    Attributes:
        environment: the settings with which an AWS client goes through the proxy.
        admin: a client that bypasses the proxy.
        when_struck: called with every fault, before its client sees anything of it.
    """

    environment: Mapping[str, str]
    proxy: Proxy
    admin: Any
    plans: dict[str, Plan] = field(default_factory=dict)
    when_struck: Callable[[Fault], None] = lambda _: None

    @cached_property
    def client(self) -> Any:
        """The client that this package makes, through the proxy."""
        return client_in(self.environment)

    def table(self, key: str) -> str:
        """An empty table; its name."""
        name = f"cell-{secrets.token_hex(4)}"
        self.admin.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    def items(self, table: str) -> list[dict[str, Any]]:
        """The records of the table."""
        found: list[dict[str, Any]] = self.admin.scan(TableName=table, ConsistentRead=True)["Items"]
        return found

    def status(self, table: str, name: str = MESSAGE) -> str | None:
        """The status of a message's record, in this package's words; None if there is no record."""
        names = {"INPROGRESS": Status.IN_PROGRESS, "CLAIMED": Status.IN_PROGRESS}
        for item in self.items(table):
            # Peers hash the message's id, but have no neighbour.
            if (NEIGHBOUR in str(item)) == (name == NEIGHBOUR):
                status: str = (item.get("status") or item["state"])["S"]
                return str(names.get(status, status))
        return None

    def age(self, table: str, seconds: int = VISIBILITY_SECONDS) -> None:
        """Move every time in the table back: for its readers, so much time has passed."""
        for item in self.items(table):
            for name, value in item.items():
                moment = float(value.get("N", 0))
                if moment > 1e9:  # an epoch, not a count
                    unit = 1000 if moment > 1e11 else 1
                    item[name] = {"N": f"{moment - seconds * unit:.6f}".rstrip("0").rstrip(".")}
            self.admin.put_item(TableName=table, Item=item)

    def play(self, system: System, cell: Cell) -> dict[str, Observation]:
        """Play one cell; return the observations of each of its messages.

        On a busy machine two completions can miss each other, and then there is no call for both.
        """
        for _ in range(PLAYS):
            seen = self._play(system, cell)
            if seen[MESSAGE].struck:
                break
        return seen

    def _play(self, system: System, cell: Cell) -> dict[str, Observation]:
        table = self.table(system.key)
        before = self._prepare(system, cell.operation, table)
        self.plans[table] = first(
            cell.fault, cell.times, lambda call: system.does(call, cell.operation)
        )
        names = cell.names if system.accompanied else (MESSAGE,)
        answers: dict[str, list[Answer]] = {name: [] for name in names}
        records: dict[str, list[str | None]] = {name: [] for name in names}
        left, raises = names, cell.raises
        receive_count = 2 if cell.operation is Operation.LOOK_FIRST else 1
        for count in range(receive_count, receive_count + RECEIVES):
            batch = Batch(names=left, raises=raises, receive_count=count, manner=cell.manner)
            ended = system.deliver(table, batch)
            self.plans.pop(table, None)
            for name in left:
                answers[name].append(ended[name])
                records[name].append(self.status(table, name))
            left = tuple(name for name in left if not ended[name].acknowledged)
            if not left:
                break
            self.age(table)
            raises = ()
        struck = sum(each.call.table == table for each in tuple(self.proxy.seen) if each.fault)
        return {
            name: Observation(
                struck=struck,
                answers=tuple(answers[name]),
                records=tuple(records[name]),
                before=before if name == MESSAGE else 0,
            )
            for name in names
        }

    def _prepare(self, system: System, operation: Operation, table: str) -> int:
        """Give the message the past that the operation needs; how often the effect ran in it."""
        if operation in (Operation.TAKEOVER, Operation.PARK_INTERRUPTED):
            system.deliver(table, Batch(dies=(MESSAGE,)))
            assert self.status(table) == Status.IN_PROGRESS
            self.age(table)
        elif operation in LOOKS:
            assert system.deliver(table, Batch())[MESSAGE].acknowledged
            return 1
        return 0


def client_in(environment: Mapping[str, str]) -> Any:
    """The client that this package makes, in an environment and nothing of the developer's."""
    with patch.dict(os.environ, environment):
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
            os.environ.pop(name, None)
        return new_client()


@contextlib.contextmanager
def arena_on(emulator: Emulator) -> Iterator[Arena]:
    """An arena in a separate account."""
    account = new_account()
    with serving(emulator.endpoint) as proxy:
        environment = emulator.environment(account) | {"AWS_ENDPOINT_URL": proxy.endpoint}
        arena = Arena(
            environment=environment, proxy=proxy, admin=emulator.client("dynamodb", account)
        )

        def plan(call: Call) -> Fault | None:
            rule = arena.plans.get(call.table or "")
            fault = rule(call) if rule else None
            if fault:
                arena.when_struck(fault)
            return fault

        proxy.plan = plan
        yield arena
