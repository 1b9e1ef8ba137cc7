"""A large batch of quick messages on a real table, in one delivery."""

import sys
import threading
from typing import Any, Self

import pytest

from idempotent_lambda.clock import Millis, SystemClock
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import InMemoryQueues
from tests.handler.events import event, key_rule, order
from tests.handler.harness import Listener
from tests.requests import settings_of

from .conftest import Clients, DynamoDB

pytestmark = [pytest.mark.emulator, pytest.mark.extended]


class Ended(Listener):
    """An observer that counts how messages end.

    Attributes:
        outcomes: how many ended so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, int] = {}

    def report_message(
        self, _delivery: object, _key: object, settled: Any, *_: Any, **__: Any
    ) -> None:
        self.outcomes[settled.outcome] = self.outcomes.get(settled.outcome, 0) + 1


class Calls:
    """Counts the calls of Python functions in all threads that begin while it is entered."""

    def __init__(self) -> None:
        self.made = 0

    def __enter__(self) -> Self:
        threading.setprofile(self._count)
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _count(self, _frame: object, kind: str, _argument: object) -> None:
        if kind == "call":
            self.made += 1


def calls_of(size: int, clients: Clients) -> tuple[int, dict[str, int], Any]:
    """The calls that one delivery of so many quick messages takes, their ends, and the answer."""
    clock, ended = SystemClock(), Ended()
    table = DynamoDB.create(clients, clock, ended)
    consumer = Consumer(
        processor=lambda _: None,
        settings=settings_of(key_rule(expression="body.id")),
        store=DynamoDBClaimStore(clients[0], table.table, clock, ended),
        queues=InMemoryQueues(),
        clock=clock,
        observer=ended,
    )
    batch = event(*map(order, range(size)))
    with Calls() as calls:
        response = consumer.consume(batch, Millis(270_000))
    return calls.made, ended.outcomes, response


def test_ten_thousand_in_one_delivery(emulator_clients: Clients) -> None:
    """None is reported, and each takes as many steps as in a batch of a thousand."""
    few, _, _ = calls_of(1000, emulator_clients)
    many, outcomes, response = calls_of(10_000, emulator_clients)
    assert response == {"batchItemFailures": []}
    assert outcomes == {"completed": 10_000}
    assert many / 10_000 <= 1.2 * few / 1000
