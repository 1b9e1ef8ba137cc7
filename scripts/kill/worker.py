"""The process that is killed: the deployed consumer, on one batch.

All its parts are the package's own. Wrappers note the calls, and change nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Clock, EpochMillis, Millis, Seconds, SystemClock
from idempotent_lambda.errors import PermanentFailure, StoreError
from idempotent_lambda.keys import Key, KeyRule, compile_expression
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.queues import Queues, SqsQueues
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda.store.transaction import Transaction
from scripts.kill.journal import Journal
from scripts.kill.plan import Behaviour, Event, Mode, Round
from scripts.kill.queue import Record
from scripts.kill.watch import Watch, Watched

KEY: Final = "body.id"
NAMESPACE: Final = "kill"
REMAINING: Final = Millis(30_000)
MARGIN: Final = Millis(5_000)
AFTER_LEASE: Final = Millis(REMAINING + MARGIN + 1_000)
"""By so much the wall clock of each delivery is later than that of the one before."""


class LaterClock(SystemClock):
    """The machine's clocks, the wall clock set forward."""

    def __init__(self, later: Millis) -> None:
        self._later = later

    def now(self) -> EpochMillis:
        """See `Clock.now`."""
        return EpochMillis(super().now() + self._later)


class Observer:
    """Reports unconfirmed completions; an event that must not happen here stops the worker."""

    def __init__(self, unconfirmed: Callable[[str], None]) -> None:
        self._unconfirmed = unconfirmed

    def report_message(
        self, _: object, key: Key | None, settled: Settled, __: object, *, follows: bool
    ) -> None:
        """See `observer.Observer.report_message`."""
        if key and settled.outcome is Outcome.UNCONFIRMED and not follows:
            self._unconfirmed(key.text)

    def report_batch(self, stats: object) -> None:
        """See `observer.Observer.report_batch`."""

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        """See `observer.Observer.report_batch_calls_unavailable`."""
        raise error

    report_visibility_change_failed = report_batch_calls_unavailable


@dataclass(frozen=True, slots=True)
class Processor:
    """Does the side effect of a message, as its task says."""

    planned: Round
    journal: Journal
    watch: Watch

    def __call__(self, message: Message) -> None:
        """Do the side effect in the journal."""
        self._work(message, lambda: self.journal.write("effect", message.key, message.owner))

    def transact(self, message: Message, *, transaction: Transaction) -> None:
        """Count the side effect in a table, with the completion."""
        update: dict[str, Any] = {
            "UpdateExpression": "ADD n :one",
            "ExpressionAttributeValues": {":one": 1},
        }
        table, key = self.planned.counters, {"id": message.key}
        self._work(message, lambda: transaction.update(table, key, **update))

    def _work(self, message: Message, effect: Callable[[], None]) -> None:
        task = self.planned.tasks[message.key]
        redriven = TOKEN_ATTRIBUTE in message.raw["messageAttributes"]
        first = message.receive_count == 1 and not redriven
        if task.behaviour is Behaviour.PERMANENT and not redriven:
            raise PermanentFailure("it waits for an operator")
        if task.behaviour is Behaviour.RAISE_BEFORE and first:
            raise ValueError("before the effect")
        _pause(task.pause / 2)
        effect()
        self.watch.note(Event.EFFECT)
        _pause(task.pause / 2)
        if task.behaviour is Behaviour.RAISE_AFTER and first:
            self.journal.write("raised", message.key, message.owner)
            raise ValueError("after the effect")


def _pause(seconds: float) -> None:
    if seconds:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """The clients of the workers: made once before the first fork, and used by workers only."""

    client: Any
    queues: Queues

    @classmethod
    def create(cls, dead_letter_queue_url: str) -> "Station":
        """Make the clients for the account that the environment names."""
        queues = SqsQueues(dead_letter_queue_url, Observer(lambda _: None))
        _ = queues._client  # noqa: SLF001  # made now, and not by every worker
        return cls(client=new_client(), queues=queues)

    def consume(
        self,
        planned: Round,
        records: Sequence[Record],
        later: Millis,
        journal: Journal,
        watch: Watch,
    ) -> None:
        """Process a batch, with the wall clock set forward; write the answer to the journal."""
        clock: Clock = LaterClock(later)
        observer = Observer(lambda key: journal.write("unconfirmed", key))
        processor = Processor(planned, journal, watch)
        table = DynamoDBClaimStore(self.client, planned.table, clock, observer)
        store: Any = Watched(table, watch)
        queues: Any = Watched(self.queues, watch)
        transactional = planned.mode is Mode.TRANSACTION
        settings = Settings(
            table=planned.table,
            processor="",
            key_rule=KeyRule(NAMESPACE, KEY, compile_expression(KEY)),
            retention=Seconds(86_400),
            lease_margin=MARGIN,
            minimum_remaining=Millis(1_000),
            max_receive_count=1_000,  # takeovers near the last receive are deferred
            concurrency=planned.concurrency,
            park_interrupted=planned.mode is Mode.PARK,
        )
        consumer = Consumer(
            processor=processor.transact if transactional else processor,
            settings=settings,
            store=store,
            queues=queues,
            clock=clock,
            observer=observer,
            transactional=transactional,
        )
        watch.note(Event.BATCH)
        answer = consumer.consume({"Records": list(records)}, REMAINING)
        failures = answer["batchItemFailures"] if answer else []
        journal.write_answer([failure["itemIdentifier"] for failure in failures])
