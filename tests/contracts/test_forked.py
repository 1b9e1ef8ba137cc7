"""A process that forks after it has asked the table, and goes on while its child works."""

from typing import Any

import pytest

from idempotent_lambda.clock import Millis, SystemClock
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda_toolkit.testing import InMemoryQueues
from tests.forking import in_child
from tests.handler.events import event, key_rule, order
from tests.requests import settings_of

from .conftest import Clients, DynamoDB
from .test_large_batch import Ended

pytestmark = pytest.mark.slow

CALLS = 100


def own_answers(client: Any, table: str, names: str) -> bool:
    """Whether each of many calls gets the answer to what it asked."""
    for number in range(CALLS):
        name = names[number % len(names)]
        item = client.get_item(TableName=table, Key={"id": {"S": name}})["Item"]
        if item["id"]["S"] != name:
            return False
    return True


@pytest.mark.emulator
def test_the_child_consumes_a_batch(emulator_clients: Clients) -> None:
    """A child has its own threads for the calls that are made at the same time."""
    clock, listener = SystemClock(), Ended()
    consumer = Consumer(
        processor=lambda _: None,
        settings=settings_of(key_rule(expression="body.id")),
        store=DynamoDB.create(emulator_clients, clock, listener).store,
        queues=InMemoryQueues(),
        clock=clock,
        observer=listener,
    )

    def is_consumed(first: int) -> bool:
        batch = event(*map(order, range(first, first + 60)))
        return consumer.consume(batch, Millis(60_000)) == {"batchItemFailures": []}

    assert is_consumed(0)
    assert in_child(lambda: is_consumed(100), meanwhile=lambda: is_consumed(200))


@pytest.mark.emulator
def test_parent_and_child_share_no_connection(emulator_clients: Clients) -> None:
    """Calls of both at the same time each get the answer to their own question."""
    client, other = emulator_clients
    table = DynamoDB("", other, "forked").make("forked")  # type: ignore[arg-type]  # no store
    for name in "abcd":
        other.put_item(TableName=table, Item={"id": {"S": name}})
    assert own_answers(client, table, "ab")
    mine: list[bool] = []
    assert in_child(
        lambda: own_answers(client, table, "ab"),
        meanwhile=lambda: mine.append(own_answers(client, table, "cd")),
    )
    assert mine == [True]
