"""The systems that play the cells: this package, and alternatives in separate processes."""

import contextlib
import json
import select
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from idempotent_lambda.clock import Clock, Millis, Seconds, SystemClock
from idempotent_lambda.errors import PermanentFailure, StoreError
from idempotent_lambda.keys import Key, KeyRule
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.steps import Settled
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda.store.transaction import Transaction
from idempotent_lambda_toolkit.testing import InMemoryQueues
from scripts.support.emulator import ROOT
from scripts.support.proxy import Call
from tests.requests import settings_of

from .arena import Arena
from .cells import CALLS, MESSAGE, RECEIVES, TIMEOUT_SECONDS, Answer, Batch, Operation

PEERS_INTERPRETER = ROOT / ".venv-peers" / "bin" / "python"
PEER = Path(__file__).with_name("peer.py")


class Ours:
    """This package: the real consumer and store.

    Args:
        client: the client of its store, as the package makes it.
        remaining_seconds: the time that an invocation has left when it begins.
        clock: the clock of its store, which measures the answers too.
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
    # A batch of one has no need to distinguish them.
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
    """An alternative in a separate process, which Lambda's timeout ends."""

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
