"""The process that is killed: the deployed consumer, on one batch.

All its parts come from the package. Wrappers note the calls and change nothing.
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, Final

from idempotent_lambda.clock import EpochMillis, Millis, Seconds, SystemClock
from idempotent_lambda.errors import PermanentFailure, StoreError
from idempotent_lambda.keys import Key, KeyRule, compile_expression
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.queues import Queues
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda.store.transaction import Transaction
from scripts.kill.plan import Behaviour, Event, Mode, Round

REMAINING: Final = Millis(30_000)
MARGIN: Final = Millis(5_000)
AFTER_LEASE: Final = REMAINING + MARGIN + 1_000
"""The wall clock of each delivery is so much later than the clock of the delivery before."""


class LaterClock(SystemClock):
    """The machine's clocks, with the wall clock set forward by so many leases."""

    def __init__(self, leases: int) -> None:
        self._later = leases * AFTER_LEASE

    def now(self) -> EpochMillis:
        """See `Clock.now`."""
        return EpochMillis(super().now() + self._later)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The process of one delivery: the consumer with its processor and its observer.

    The campaign reads a `Journal` from ``pipe``. An entry outlives the worker, so the entry of a
    side effect is the side effect.
    """

    planned: Round
    number: int  # of the delivery, from 0
    pipe: Connection
    counts: Mapping[Event, Iterator[int]] = field(
        default_factory=lambda: {event: count(1) for event in Event}
    )

    def consume(self, client: Any, queues: Queues, event: object) -> None:
        """Process the batch of a delivery, later than every lease; write the answer."""
        signal.alarm(90)  # ends this process even if the campaign is gone
        clock = LaterClock(self.number)
        settings = Settings(
            table=self.planned.name,
            processor="",
            key_rule=KeyRule("kill", "body.id", compile_expression("body.id")),
            retention=Seconds(86_400),
            lease_margin=MARGIN,
            minimum_remaining=Millis(1_000),
            max_receive_count=1_000,  # takeovers near the last receive are deferred
            concurrency=self.planned.concurrency,
            park_interrupted=self.planned.mode is Mode.PARK,
        )
        consumer = Consumer(
            processor=self._process,
            settings=settings,
            store=self._watch(DynamoDBClaimStore(client, self.planned.name, clock, self)),
            queues=self._watch(queues),
            clock=clock,
            observer=self,
            transactional=self.planned.mode is Mode.TRANSACTION,
        )
        self._note(Event.BATCH)
        answer = consumer.consume(event, REMAINING)
        failures = answer["batchItemFailures"] if answer else []
        self.pipe.send(("answer", *(failure["itemIdentifier"] for failure in failures)))

    def report_message(
        self, _: object, key: Key | None, settled: Settled, __: object, *, follows: bool
    ) -> None:
        """See `observer.Observer.report_message`."""
        if key and settled.outcome is Outcome.UNCONFIRMED and not follows:
            self.pipe.send(("unconfirmed", key.text))

    def report_batch(self, stats: object) -> None:
        """See `observer.Observer.report_batch`."""

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        """Stop: the emulator has these calls, and no message is in progress."""
        raise error

    report_visibility_change_failed = report_batch_calls_unavailable

    def _process(self, message: Message, transaction: Transaction | None = None) -> None:
        behaviour, pause = self.planned.tasks[message.key]
        redriven = TOKEN_ATTRIBUTE in message.raw["messageAttributes"]
        first = message.receive_count == 1 and not redriven
        if behaviour is Behaviour.PERMANENT and not redriven:
            raise PermanentFailure("it waits for an operator")
        if behaviour is Behaviour.RAISE_BEFORE and first:
            raise ValueError("before the effect")
        if pause:
            time.sleep(pause / 2)
        if transaction:
            table, one = self.planned.counters, {":one": 1}
            add: Any = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": one}
            transaction.update(table, {"id": message.key}, **add)
        else:
            self.pipe.send(("effect", message.key, message.owner))
        self._note(Event.EFFECT)
        if pause:
            time.sleep(pause / 2)
        if behaviour is Behaviour.RAISE_AFTER and first:
            self.pipe.send(("raised", message.key, message.owner))
            raise ValueError("after the effect")

    def _watch(self, part: Any) -> Any:
        """Make a store, or queues, note each call before they make it."""
        for event in Event:
            if hasattr(part, event):
                setattr(part, event, partial(self._call, event, getattr(part, event)))
        return part

    def _call(self, event: Event, method: Callable[..., Any], *arguments: object) -> Any:
        self._note(event)
        return method(*arguments)

    def _note(self, event: Event) -> None:
        """Count an event, or a call that is about to be made; threads may call at the same time."""
        moment, number = self.planned.moments.get(self.number), next(self.counts[event])
        if moment and (moment.event, moment.number) == (event, number):
            self.pipe.send(("moment",))
