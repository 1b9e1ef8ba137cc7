"""The fault matrix: one message, one operation on its record, one fault; then its redelivery.

A cell is played on a table of its own behind the proxy, by this package or by a peer:

1. For a takeover, a first worker dies in the middle of its work, and the lease ends.
2. The message is delivered. The fault strikes the operation's first attempt, its first two, or
   all of them.
3. While the message is not acknowledged, the fault is over and it is delivered again, after the
   queue's visibility timeout. The record is aged by that time instead of waiting.
"""

import contextlib
import json
import os
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from idempotent_lambda.batch import Consumer
from idempotent_lambda.claims import Status
from idempotent_lambda.clock import Millis, Seconds, SystemClock
from idempotent_lambda.dynamodb import DynamoDBClaimStore, new_client
from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda.lifecycle import Settled
from idempotent_lambda.messages import Delivery, Message
from idempotent_lambda.telemetry import Trace
from scripts.lab.emulator import ROOT, Emulator, new_account
from scripts.lab.proxy import Call, Fault, Plan, Proxy, first, serving

TIMEOUT_SECONDS = 30
"""The function's timeout: who has not answered by then is killed by Lambda."""
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS
RECEIVES = 4
"""The module's default: after so many receives the message goes to the dead-letter queue."""

PEERS_INTERPRETER = ROOT / ".venv-peers" / "bin" / "python"
PEER = Path(__file__).with_name("peer.py")

MESSAGE, NEIGHBOUR = "m-a", "m-z"


class Operation(StrEnum):
    """What is done to a record."""

    CLAIM = "claim"
    TAKEOVER = "takeover"
    COMPLETE = "complete"
    RELEASE = "release"


FAULTS = tuple(fault for fault in Fault if fault is not Fault.DRIP)
EXTENTS = (1, 2, None)
"""How many attempts are struck; None is all."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One place of the matrix."""

    operation: Operation
    fault: Fault
    times: int | None

    def __str__(self) -> str:
        """Name the cell in a test's id."""
        extent = {1: "first", 2: "first two", None: "all"}[self.times]
        return f"{self.operation}, {self.fault}, {extent}"


CELLS = tuple(
    Cell(operation, fault, times)
    for operation in Operation
    for fault in FAULTS
    for times in EXTENTS
)


class Verdict(StrEnum):
    """How a cell ended."""

    DONE = "done"
    """The effect ran once, and this delivery was acknowledged."""
    LATE = "late"
    """It was reported; the redelivery saw to it that the effect ran once."""
    TWICE = "twice"
    """The effect ran again in a redelivery."""
    UNRECORDED = "unrecorded"
    """It was acknowledged though its record does not say completed: a later duplicate runs."""
    LOST = "lost"
    """It was acknowledged without its effect, or went to the dead-letter queue."""
    FREED = "freed"
    """The processor raised, and the record was given back; the redelivery ran."""
    HELD = "held"
    """The processor raised, and the record stayed claimed until its lease ended; then it ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one delivery ended.

    Attributes:
        effects: how often the effect ran in it.
        seconds: until the answer; the timeout if there was none.
        killed: the timeout ended it.
        outcome: what this package calls it; peers have no word for it.
    """

    acknowledged: bool
    effects: int
    seconds: float
    killed: bool = False
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What happened in a cell.

    Attributes:
        struck: how many attempts the fault struck.
        answers: of every delivery.
        records: the record's status after every delivery; None is no record.
    """

    struck: int
    answers: tuple[Answer, ...]
    records: tuple[str | None, ...]

    @property
    def effects(self) -> int:
        """How often the effect ran."""
        return sum(answer.effects for answer in self.answers)

    def verdict(self, operation: Operation) -> Verdict:
        """How the cell ended."""
        if not self.answers[-1].acknowledged or not self.effects:
            return Verdict.LOST
        if self.effects > 1:
            return Verdict.TWICE
        if self.records[-1] != Status.COMPLETED:
            return Verdict.UNRECORDED
        if operation is Operation.RELEASE:
            return Verdict.HELD if self.records[0] else Verdict.FREED
        return Verdict.DONE if len(self.answers) == 1 else Verdict.LATE


class System(Protocol):
    """This package, or a peer.

    Attributes:
        key: the table's partition key.
    """

    key: str

    def does(self, call: Call, operation: Operation) -> bool:
        """Whether a call does this to the message's record."""

    def deliver(self, table: str, behaviour: str, *, again: bool) -> Answer:
        """Deliver the message to a processor that is to "run", "raise" or "die"."""


@dataclass(kw_only=True)
class Arena:
    """An account of the emulator, with a proxy before it that strikes by table.

    Attributes:
        environment: what an AWS client needs to come through the proxy.
        admin: a client that comes past it.
    """

    environment: Mapping[str, str]
    proxy: Proxy
    admin: Any
    plans: dict[str, Plan] = field(default_factory=dict)

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
        """The records of the table, without the neighbour's."""
        found: list[dict[str, Any]] = self.admin.scan(TableName=table, ConsistentRead=True)["Items"]
        return [each for each in found if not str(each).count(NEIGHBOUR)]

    def status(self, table: str) -> str | None:
        """The status of the message's record, in this package's words; None is no record."""
        names = {"INPROGRESS": Status.IN_PROGRESS, "CLAIMED": Status.IN_PROGRESS}
        for item in self.items(table):
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

    def play(self, system: System, cell: Cell) -> Observation:
        """Play one cell."""
        table = self.table(system.key)
        if cell.operation is Operation.TAKEOVER:
            system.deliver(table, "die", again=True)
            assert self.status(table) == Status.IN_PROGRESS
            self.age(table)
        self.plans[table] = first(
            cell.fault, cell.times, lambda call: system.does(call, cell.operation)
        )
        behaviour = "raise" if cell.operation is Operation.RELEASE else "run"
        answers: list[Answer] = []
        records: list[str | None] = []
        while len(answers) < RECEIVES:
            answers.append(system.deliver(table, behaviour, again=bool(answers)))
            self.plans.pop(table, None)
            records.append(self.status(table))
            if answers[-1].acknowledged:
                break
            self.age(table)
            behaviour = "run"
        struck = sum(
            each.call.body.get("TableName") == table
            for each in tuple(self.proxy.seen)
            if each.fault
        )
        return Observation(struck=struck, answers=tuple(answers), records=tuple(records))


def client_in(environment: Mapping[str, str]) -> Any:
    """The client that this package makes, in an environment and nothing of the developer's."""
    with patch.dict(os.environ, environment):
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
            os.environ.pop(name, None)
        return new_client()


@contextlib.contextmanager
def arena_on(emulator: Emulator) -> Iterator[Arena]:
    """An arena in an account of its own."""
    account = new_account()
    with serving(emulator.endpoint) as proxy:
        environment = emulator.environment(account) | {"AWS_ENDPOINT_URL": proxy.endpoint}
        arena = Arena(
            environment=environment, proxy=proxy, admin=emulator.client("dynamodb", account)
        )

        def plan(call: Call) -> Fault | None:
            rule = arena.plans.get(call.body.get("TableName", ""))
            return rule(call) if rule else None

        proxy.plan = plan
        yield arena


class Ours:
    """This package: the real consumer and store, with a client of their own making.

    The message comes in company, so that a claim and a takeover are different requests; no fault
    of the message's may cost its neighbour anything.
    """

    key = "id"

    def __init__(self, client: Any, remaining_seconds: float = TIMEOUT_SECONDS) -> None:
        self.client = client
        self.remaining = Millis(int(remaining_seconds * 1000))

    def does(self, call: Call, operation: Operation) -> bool:
        if not call.body["Key"]["id"]["S"].endswith(MESSAGE):
            return False
        if call.operation == "DeleteItem":
            return operation is Operation.RELEASE
        if "#completed_at =" in call.body["UpdateExpression"]:
            return operation is Operation.COMPLETE
        if "#lease_expires_at <=" in call.body["ConditionExpression"]:
            return operation is Operation.TAKEOVER
        return operation is Operation.CLAIM

    def deliver(self, table: str, behaviour: str, *, again: bool) -> Answer:
        ran: list[str] = []
        outcomes: dict[str, str] = {}
        consumer = self.consumer(table, partial(_process, ran, behaviour), _Outcomes(outcomes))
        names = [MESSAGE] if again else [NEIGHBOUR, MESSAGE]
        records = [{"messageId": name, "body": "{}", "eventSource": "aws:sqs"} for name in names]
        began = time.monotonic()
        response = consumer.consume({"Records": records}, self.remaining)
        seconds = time.monotonic() - began
        failed = [each["itemIdentifier"] for each in response["batchItemFailures"]]
        assert NEIGHBOUR not in failed
        return Answer(
            acknowledged=MESSAGE not in failed,
            effects=ran.count(MESSAGE),
            seconds=seconds,
            outcome=outcomes[MESSAGE],
        )

    def consumer(self, table: str, processor: Any, observer: Any) -> Consumer:
        """A consumer with the module's defaults, keyed by message id."""
        clock = SystemClock()
        return Consumer(
            processor=processor,
            store=DynamoDBClaimStore(self.client, table, clock),
            key_rule=KeyRule.compile(namespace="orders", expression="messageId"),
            clock=clock,
            observer=observer,
            retention=Seconds(14 * 24 * 3600),
            lease_margin=Millis(5000),
            minimum_remaining=Millis(1000),
            max_receive_count=RECEIVES,
        )


def _process(ran: list[str], behaviour: str, message: Message) -> None:
    if message.id == MESSAGE and behaviour == "die":
        raise SystemExit
    if message.id == MESSAGE and behaviour == "raise":
        raise ValueError(message.id)
    ran.append(message.id)


class _Outcomes:
    """An observer that keeps each message's outcome."""

    def __init__(self, outcomes: dict[str, str]) -> None:
        self.outcomes = outcomes

    def settled(
        self, delivery: Delivery, key: Key | None, settled: Settled, trace: Trace, *, follows: bool
    ) -> None:
        del key, trace, follows
        self.outcomes[delivery.id] = settled.outcome.value


class Peer:
    """A peer in a process of its own, which Lambda's timeout ends."""

    def __init__(self, name: str, arena: Arena) -> None:
        self.name = name
        self.key = {"powertools": "id", "idemkit": "effective_key"}[name]
        self._environment = dict(arena.environment)
        self._worker: subprocess.Popen[str] | None = None

    def does(self, call: Call, operation: Operation) -> bool:
        update = call.body.get("UpdateExpression", "")
        match operation:
            case Operation.CLAIM | Operation.TAKEOVER:
                return call.operation == "PutItem" or "claimed_at =" in update
            case Operation.COMPLETE:
                return "completed_at =" in update or "#response_data =" in update
            case Operation.RELEASE:
                return call.operation == "DeleteItem"

    def deliver(self, table: str, behaviour: str, *, again: bool) -> Answer:
        del again
        worker = self._running()
        assert worker.stdin is not None
        assert worker.stdout is not None
        with tempfile.NamedTemporaryFile("r") as effects:
            request = {
                "table": table,
                "message": MESSAGE,
                "behaviour": behaviour,
                "effects": effects.name,
            }
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            answered, _, _ = select.select([worker.stdout], [], [], TIMEOUT_SECONDS)
            line = worker.stdout.readline() if answered else ""
            if not line:
                self.close()
            ran = len(effects.read().splitlines())
        if not line:
            killed = not answered
            return Answer(
                acknowledged=False, effects=ran, seconds=TIMEOUT_SECONDS * killed, killed=killed
            )
        answer = json.loads(line)
        return Answer(acknowledged=answer["acknowledged"], effects=ran, seconds=answer["seconds"])

    def close(self) -> None:
        """End the process, as Lambda does: at once."""
        if self._worker:
            self._worker.kill()
            self._worker.wait()
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._worker = None

    def _running(self) -> subprocess.Popen[str]:
        if self._worker is None:
            self._worker = subprocess.Popen(
                [PEERS_INTERPRETER, "-W", "ignore", PEER, self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self._environment,
            )
            assert self._worker.stdout is not None
            if self._worker.stdout.readline() != "ready\n":
                raise RuntimeError(
                    f"{self.name} does not start: {PEER.name} says why on its stderr"
                )
        return self._worker
