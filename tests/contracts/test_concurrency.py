"""Many workers, one key, an engine whose conditional writes are atomic (moto's are not)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from idempotent_lambda.claims import Claimed, ClaimRequest, ClaimStore, Owner, Request
from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds, SystemClock
from idempotent_lambda.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import InMemoryClaimStore
from scripts.lab.emulator import Emulator

THREADS = 50
ROUNDS = 200
TABLE = "race"


def winners(store: ClaimStore, before_each_round: Callable[[str], None]) -> list[int]:
    """How many of the threads win the claim, in each round."""
    clock = SystemClock()
    barrier = threading.Barrier(THREADS)

    def contend(thread: int) -> list[bool]:
        won = []
        for number in range(ROUNDS):
            barrier.wait()
            request = Request(
                record_id=f"race#{number}",
                owner=Owner(f"{number}-{thread}"),
                now=clock.now(),
                retention=Seconds(60),
            )
            lease_end = EpochMillis(clock.now() + 600_000)
            claim = ClaimRequest.of(request, lease_expires_at=lease_end, takeover=True)
            outcome = store.claim(claim, Deadline.after(clock, Millis(120_000)))
            won.append(isinstance(outcome, Claimed))
        return won

    for number in range(ROUNDS):
        before_each_round(f"race#{number}")
    with ThreadPoolExecutor(THREADS) as pool:
        wins = list(pool.map(contend, range(THREADS)))
    return [sum(each) for each in zip(*wins, strict=True)]


def test_in_memory() -> None:
    """Fifty threads claim one key in memory: one winner in each of 200 rounds."""
    assert winners(InMemoryClaimStore(), lambda _: None) == [1] * ROUNDS


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.parametrize("left", ["nothing", "a lapsed record"])
def test_emulator(emulator: Emulator, account: str, left: str) -> None:
    """Fifty threads claim, or take over, one key: one winner in each of 200 rounds."""
    client = emulator.client("dynamodb", account)
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def prepare(record_id: str) -> None:
        if left == "nothing":
            return
        numbers = {"lease_expires_at": "1", "expires_at": "1", "created_at": "1", "attempts": "1"}
        item = {name: {"N": value} for name, value in numbers.items()}
        texts = {"id": record_id, "status": "IN_PROGRESS", "owner": "dead"}
        item |= {name: {"S": value} for name, value in texts.items()}
        client.put_item(TableName=TABLE, Item=item)

    store = DynamoDBClaimStore(client, TABLE, SystemClock())
    assert winners(store, prepare) == [1] * ROUNDS
