"""The fault matrix: one message, one operation on its record, one fault; then its redelivery.

A cell is played on a table of its own behind the proxy, by this package or by a peer:

1. Before what was interrupted, a first worker dies and its lease ends. For a look at
   a record, a first worker completes it.
2. The message is delivered; to this package beside a neighbour, which shares the calls for many.
   The fault strikes the operation's first attempt, its first two, or all of them.
3. What is not acknowledged is delivered again without a fault, after the queue's visibility
   timeout. The records are aged by that time instead of waiting.
"""

import contextlib
import itertools
import json
import os
import secrets
import select
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Clock, Millis, Seconds, SystemClock
from idempotent_lambda.errors import PermanentFailure, StoreError
from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.record import Status
from idempotent_lambda.protocol.steps import Settled
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda.store.transaction import Transaction
from idempotent_lambda_toolkit.testing import InMemoryQueues
from scripts.support import proxy
from scripts.support.emulator import ROOT, Emulator, new_account
from scripts.support.proxy import Call, Fault, Plan, Proxy, first, serving
from tests.requests import settings_of

TIMEOUT_SECONDS = 30
"""The function's timeout: who has not answered by then is killed by Lambda."""
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS
RECEIVES = 4
"""The module's default: after so many receives the message goes to the dead-letter queue."""

PEERS_INTERPRETER = ROOT / ".venv-peers" / "bin" / "python"
PEER = Path(__file__).with_name("peer.py")

PLAYS = 10
"""How often a cell may be played until the fault strikes."""

MESSAGE, NEIGHBOUR = "m-a", "m-z"


class Operation(StrEnum):
    """What is done to a record, and how this package does it."""

    CLAIM = "claim"
    """Together with the neighbour's."""
    TAKEOVER = "takeover"
    """Alone, once the neighbour is settled."""
    COMPLETE = "complete"
    """Together with the neighbour's."""
    RELEASE = "release"
    """Alone, as the neighbour does not fail."""

    # Further ways of this package.

    CLAIM_ALONE = "claim alone"
    """In a batch of one."""
    COMPLETE_ALONE = "complete alone"
    """In a batch of one."""
    RELEASE_TOGETHER = "release together"
    """The neighbour fails too."""
    LOOK = "look"
    """The message is a duplicate, and the neighbour's claim goes through."""
    LOOK_FIRST = "look first"
    """Both were delivered before, and the message is a duplicate."""
    PARK = "park"
    """The processor says that no retry will help, once the neighbour is settled."""
    PARK_INTERRUPTED = "park interrupted"
    """A first worker dies, and that is for a person to see."""
    MARK = "mark"
    """The note that the copy of what was parked is sent."""
    COMMIT = "commit"
    """The completion and the effect, a counter in another table, in one transaction."""


COMMON = (Operation.CLAIM, Operation.TAKEOVER, Operation.COMPLETE, Operation.RELEASE)
"""What every system does."""

ALONE = (Operation.CLAIM_ALONE, Operation.COMPLETE_ALONE)
LOOKS = (Operation.LOOK, Operation.LOOK_FIRST)
HOPELESS = (Operation.PARK, Operation.MARK)
PARKS = (*HOPELESS, Operation.PARK_INTERRUPTED)

CALLS = dict.fromkeys(Operation, "BatchExecuteStatement") | {
    Operation.TAKEOVER: "UpdateItem",
    Operation.RELEASE: "DeleteItem",
    Operation.CLAIM_ALONE: "UpdateItem",
    Operation.COMPLETE_ALONE: "UpdateItem",
    Operation.LOOK: "BatchGetItem",
    Operation.LOOK_FIRST: "BatchGetItem",
    **dict.fromkeys(PARKS, "UpdateItem"),
    Operation.COMMIT: "TransactWriteItems",
}
"""The call that is struck of this package."""

FAULTS = (
    Fault.THROTTLE,
    Fault.ERROR,
    Fault.RESET,
    Fault.LOST_REQUEST,
    Fault.LOST_RESPONSE,
    Fault.SLOW,
    Fault.HANG,
)
"""Of any call."""

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

    @property
    def names(self) -> tuple[str, ...]:
        """The messages of the delivery that is struck."""
        return (MESSAGE,) if self.operation in ALONE else (NEIGHBOUR, MESSAGE)

    @property
    def raises(self) -> tuple[str, ...]:
        """For which of them the processor raises."""
        if self.operation is Operation.RELEASE_TOGETHER:
            return self.names
        return (MESSAGE,) if self.operation is Operation.RELEASE else ()

    @property
    def manner(self) -> "Manner":
        """In which way the messages are processed, however often they are delivered."""
        return Manner(
            is_parking=self.operation is Operation.PARK_INTERRUPTED,
            commits=self.operation is Operation.COMMIT,
            hopeless=(MESSAGE,) if self.operation in HOPELESS else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How this package is set up.

    Attributes:
        parks: what was interrupted is parked.
        commits: the effect is committed with the completion.
        hopeless: for which messages the processor says that no retry will help.
    """

    is_parking: bool = False
    commits: bool = False
    hopeless: tuple[str, ...] = ()


def _cells(operations: Iterable[Operation], faults: Iterable[Fault]) -> tuple[Cell, ...]:
    return tuple(Cell(*each) for each in itertools.product(operations, tuple(faults), EXTENTS))


CELLS = _cells(COMMON, FAULTS)
"""What every system goes through."""

PARTS = tuple(fault for fault in proxy.PARTS if fault is not Fault.ALL_THROTTLED)

OWN_CELLS = (
    *_cells((each for each in Operation if each not in COMMON), FAULTS),
    *_cells((Operation.CLAIM, Operation.COMPLETE, Operation.RELEASE_TOGETHER), PARTS),
    *_cells(LOOKS, (Fault.PART_THROTTLED,)),
)
"""What only this package does, with the faults inside calls for many that succeed."""


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
    PARKED = "parked"
    """It was set aside without its effect, acknowledged, and a copy of it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How one delivery of a message ended.

    Attributes:
        effects: how often the effect ran in it; how often it was committed, where it is.
        copies: how many were sent to the dead-letter queue.
        seconds: until the answer; the timeout if there was none.
        killed: the timeout ended it.
        outcome: what this package calls it; peers have no word for it.
        fell_back: how often this package said so, for the whole batch.
    """

    acknowledged: bool
    effects: int
    seconds: float
    copies: int = 0
    killed: bool = False
    outcome: str | None = None
    report_batch_calls_unavailable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What happened to a message in a cell.

    Attributes:
        struck: how many attempts the fault struck.
        answers: of every delivery of the message.
        records: the record's status after every such delivery; None is no record.
        before: how often the effect had run before.
    """

    struck: int
    answers: tuple[Answer, ...]
    records: tuple[str | None, ...]
    before: int = 0

    @property
    def effects(self) -> int:
        """How often the effect ran."""
        return self.before + sum(answer.effects for answer in self.answers)

    @property
    def copies(self) -> int:
        """How many copies were sent to the dead-letter queue."""
        return sum(answer.copies for answer in self.answers)

    def verdict(self, operation: Operation) -> Verdict:
        """How the cell ended."""
        set_aside = self.records[-1] == Status.PARKED and self.copies > 0
        if self.answers[-1].acknowledged and set_aside and not self.effects:
            return Verdict.PARKED
        if not self.answers[-1].acknowledged or not self.effects:
            return Verdict.LOST
        if self.effects > 1:
            return Verdict.TWICE
        if self.records[-1] != Status.COMPLETED:
            return Verdict.UNRECORDED
        if operation in (Operation.RELEASE, Operation.RELEASE_TOGETHER) and len(self.answers) > 1:
            return Verdict.HELD if self.records[0] else Verdict.FREED
        return Verdict.DONE if len(self.answers) == 1 else Verdict.LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One delivery of messages.

    Attributes:
        raises: for which of them the processor raises.
        dies: during which of them the process dies.
        receive_count: how often they have been delivered, this time included.
        manner: in which way they are processed.
    """

    names: tuple[str, ...] = (MESSAGE,)
    raises: tuple[str, ...] = ()
    dies: tuple[str, ...] = ()
    receive_count: int = 1
    manner: Manner = Manner()


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
    """An account of the emulator, with a proxy before it that strikes by table.

    Attributes:
        environment: what an AWS client needs to come through the proxy.
        admin: a client that comes past it.
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
        """The status of a message's record, in this package's words; None is no record."""
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
        """Play one cell; what happened to each of its messages.

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
    """An arena in an account of its own."""
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


class Ours:
    """This package: the real consumer and store.

    Args:
        client: their client, such as they make it.
        remaining_seconds: what an invocation has left when it begins.
        clock: theirs, which measures their answers too.
    """

    key = "id"
    accompanied = True

    def __init__(
        self,
        client: Any,
        remaining_seconds: float = TIMEOUT_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self.client, self.clock = client, clock or SystemClock()
        self.remaining = Millis(int(remaining_seconds * 1000))

    def does(self, call: Call, operation: Operation) -> bool:
        if call.operation != CALLS[operation]:
            return False
        return MADE[operation] == done_to(call, f"orders#{MESSAGE}")

    def deliver(self, table: str, batch: Batch) -> dict[str, Answer]:
        reported = _Told()
        ran: list[str] = []
        queues = InMemoryQueues()
        effects = Effects(self.client, f"{table}-effects")
        processor: Any = partial(_process, ran, batch)
        if batch.manner.commits:
            effects.prepare()
            processor = partial(_process_and_commit, ran, batch, effects)
        consumer = replace(
            self.consumer(table, processor, reported),
            queues=queues,
            transactional=batch.manner.commits,
        )
        settings = replace(consumer.settings, park_interrupted=batch.manner.is_parking)
        consumer = replace(consumer, settings=settings)
        before = effects.counts() if batch.manner.commits else Counter[str]()
        records = [
            {
                "messageId": name,
                "body": "{}",
                "eventSource": "aws:sqs",
                "attributes": {"ApproximateReceiveCount": str(batch.receive_count)},
            }
            for name in batch.names
        ]
        began = self.clock.monotonic()
        response: Any = consumer.consume({"Records": records}, self.remaining)
        seconds = (self.clock.monotonic() - began) / 1000
        failed = [each["itemIdentifier"] for each in response["batchItemFailures"]]
        took = effects.counts() - before if batch.manner.commits else Counter(ran)
        return {
            name: Answer(
                acknowledged=name not in failed,
                effects=took[name],
                seconds=seconds,
                copies=len(queues.dead_letters) if name == MESSAGE else 0,
                outcome=reported.outcomes[name],
                report_batch_calls_unavailable=len(reported.fallen_back),
            )
            for name in batch.names
        }

    def consumer(self, table: str, processor: Any, observer: Any) -> Consumer:
        """A consumer with the module's defaults, keyed by message id."""
        return Consumer(
            processor=processor,
            store=DynamoDBClaimStore(self.client, table, self.clock, observer),
            settings=settings_of(
                KeyRule("orders"),
                retention=Seconds(14 * 24 * 3600),
                max_receive_count=RECEIVES,
            ),
            queues=InMemoryQueues(),
            clock=self.clock,
            observer=observer,
        )


MADE = {
    Operation.CLAIM: "claim",
    Operation.TAKEOVER: "takeover",
    Operation.COMPLETE: "complete",
    Operation.RELEASE: "release",
    # A batch of one has no need to tell them apart.
    Operation.CLAIM_ALONE: "takeover",
    Operation.COMPLETE_ALONE: "complete",
    Operation.RELEASE_TOGETHER: "release",
    Operation.LOOK: "look",
    Operation.LOOK_FIRST: "look",
    Operation.PARK: "park",
    Operation.PARK_INTERRUPTED: "park",
    Operation.MARK: "mark",
    Operation.COMMIT: "commit",
}
VERBS = {"INSERT": "claim", "UPDATE": "complete", "DELETE": "release"}
CHANGES = {"completed_at": "complete", "dead_lettered_at": "mark", "reason": "park"}


def done_to(call: Call, record_id: str) -> str | None:
    """What a call of this package does to a record; None where it is not about it."""
    value = {"S": record_id}
    for statement in call.body.get("Statements", ()):
        if value in statement["Parameters"]:
            return VERBS[statement["Statement"].split()[0]]
    for table in call.body.get("RequestItems", {}).values():
        if {"id": value} in table["Keys"]:
            return "look"
    for item in call.body.get("TransactItems", ())[:1]:
        return "commit" if item["Update"]["Key"] == {"id": value} else None
    if call.body.get("Key") != {"id": value}:
        return None
    if call.operation == "DeleteItem":
        return "release"
    stale = "#lease_expires_at <=" in call.body["ConditionExpression"]
    claim = "takeover" if stale else "claim"
    update = call.body["UpdateExpression"]
    return next((done for name, done in CHANGES.items() if f"#{name} =" in update), claim)


def _process(ran: list[str], batch: Batch, message: Message) -> None:
    if message.id in batch.dies:
        raise SystemExit
    if message.id in batch.raises:
        raise ValueError(message.id)
    if message.id in batch.manner.hopeless:
        raise PermanentFailure(message.id)
    ran.append(message.id)


def _process_and_commit(
    ran: list[str], batch: Batch, effects: "Effects", message: Message, transaction: Transaction
) -> None:
    effects.count(message.id, transaction)
    _process(ran, batch, message)


@dataclass(frozen=True, slots=True)
class Effects:
    """A table of counters, one for each message."""

    client: Any
    table: str

    def prepare(self) -> None:
        """Make the table, unless it is there."""
        with contextlib.suppress(self.client.exceptions.ResourceInUseException):
            self.client.create_table(
                TableName=self.table,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def count(self, name: str, transaction: Transaction) -> None:
        """Count one effect more, if the transaction is committed."""
        transaction.update(
            self.table,
            {"id": name},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": 1},
        )

    def counts(self) -> Counter[str]:
        """What was counted so far."""
        items = self.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return Counter({each["id"]["S"]: int(each["n"]["N"]) for each in items})


class _Told:
    """An observer that keeps each message's outcome, and why the store fell back."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.fallen_back: list[StoreError] = []

    def report_message(
        self,
        delivery: Delivery,
        key: Key | None,
        settled: Settled,
        history: ClaimHistory,
        *,
        follows: bool,
    ) -> None:
        del key, history, follows
        self.outcomes[delivery.id] = settled.outcome.value

    def report_batch(self, stats: BatchStats) -> None:
        del stats

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        self.fallen_back.append(error)

    report_visibility_change_failed = report_batch_calls_unavailable


class Peer:
    """A peer in a process of its own, which Lambda's timeout ends."""

    accompanied = False

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
            case _:
                return call.operation == "DeleteItem"

    def deliver(self, table: str, batch: Batch) -> dict[str, Answer]:
        behaviour = "raise" if batch.raises else "die" if batch.dies else "run"
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
            seconds = TIMEOUT_SECONDS * killed
            ended = Answer(acknowledged=False, effects=ran, seconds=seconds, killed=killed)
        else:
            answer = json.loads(line)
            acknowledged, seconds = answer["acknowledged"], answer["seconds"]
            ended = Answer(acknowledged=acknowledged, effects=ran, seconds=seconds)
        return {MESSAGE: ended}

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
