"""Many workers, the same keys, an engine whose conditional writes are atomic (moto's are not)."""

import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds, SystemClock
from idempotent_lambda.protocol.claims import Claimed, ClaimRequest, ClaimStore, Completed, Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import InMemoryClaimStore
from scripts.support.emulator import Emulator
from tests.handler.harness import Listener
from tests.requests import claim_of

from .conftest import Clients, DynamoDB, InMemory, counted

pytestmark = pytest.mark.slow

THREADS = 50
ZOMBIES = 8
ROUNDS = 200
GROUP_ROUNDS = 20
GROUP_KEYS = 12
TABLE = "race"


def winners(
    store: ClaimStore, before_each_round: Callable[[str], None], rounds: int = ROUNDS
) -> list[int]:
    """How many of the threads win the claim, in each round."""
    clock = SystemClock()
    barrier = threading.Barrier(THREADS)

    def contend(thread: int) -> list[bool]:
        won = []
        for number in range(rounds):
            barrier.wait()
            request = Request(
                record_id=f"race#{number}",
                owner=Owner(f"{number}-{thread}"),
                now=clock.now(),
                retention=Seconds(60),
            )
            lease_end = EpochMillis(clock.now() + 600_000)
            claim = claim_of(request, lease_expires_at=lease_end, takeover=True)
            (outcome,) = store.claim([claim], Deadline.from_remaining(clock, Millis(120_000)))
            won.append(isinstance(outcome, Claimed))
        return won

    for number in range(rounds):
        before_each_round(f"race#{number}")
    with ThreadPoolExecutor(THREADS) as pool:
        wins = list(pool.map(contend, range(THREADS)))
    return [sum(each) for each in zip(*wins, strict=True)]


def group_winners(
    store: ClaimStore, prepare: Callable[[str], None], rounds: int = GROUP_ROUNDS
) -> list[tuple[set[str], Counter[str]]]:
    """Which keys were asked for, and how often each was won, in each round of groups."""
    clock = SystemClock()
    barrier = threading.Barrier(THREADS)
    keys = [[f"race#{number}-{key}" for key in range(GROUP_KEYS)] for number in range(rounds)]
    for key in chain.from_iterable(keys):
        prepare(key)

    def contend(thread: int) -> list[tuple[list[str], list[str]]]:
        draw = random.Random(thread)  # noqa: S311  # the same groups in every run
        asked = []
        for number in range(rounds):
            group = draw.sample(keys[number], draw.randint(2, GROUP_KEYS))
            turns = [draw.random() < 0.5 for _ in group]
            barrier.wait()
            claims = [
                ClaimRequest(
                    record_id=key,
                    owner=Owner(f"{key}-{thread}"),
                    now=clock.now(),
                    retention=Seconds(60),
                    lease_expires_at=EpochMillis(clock.now() + 600_000),
                    takeover=True,
                    redelivered=redelivered,
                )
                for key, redelivered in zip(group, turns, strict=True)
            ]
            outcomes = store.claim(claims, Deadline.from_remaining(clock, Millis(120_000)))
            won = [
                key
                for key, outcome in zip(group, outcomes, strict=True)
                if isinstance(outcome, Claimed)
            ]
            asked.append((group, won))
        return asked

    with ThreadPoolExecutor(THREADS) as pool:
        threads = list(pool.map(contend, range(THREADS)))
    return [
        (
            set(chain.from_iterable(group for group, _ in each)),
            Counter(chain.from_iterable(won for _, won in each)),
        )
        for each in zip(*threads, strict=True)
    ]


def committed(
    store: ClaimStore, action: Callable[[str], dict[str, Any]], keys: Sequence[str]
) -> Counter[str]:
    """How often each key is completed by threads that know no leases: all take over at once."""
    clock = SystemClock()
    barrier = threading.Barrier(ZOMBIES)

    def work(_: int) -> list[str]:
        done = []
        for key in keys:
            barrier.wait()
            for _ in range(3):
                deadline = Deadline.from_remaining(clock, Millis(120_000))
                request = Request(
                    record_id=key,
                    owner=Owner(secrets.token_hex(16)),
                    now=clock.now(),
                    retention=Seconds(600),
                    actions=(action(key),),
                )
                claim = claim_of(
                    replace(request, actions=()), lease_expires_at=clock.now(), takeover=True
                )
                (claimed,) = store.claim([claim], deadline)
                if isinstance(claimed, Claimed):
                    (outcome,) = store.complete([request], deadline)
                    done += [key] * (outcome == Completed())
        return done

    with ThreadPoolExecutor(ZOMBIES) as pool:
        return Counter(chain.from_iterable(pool.map(work, range(ZOMBIES))))


def test_effects_in_memory() -> None:
    """Each key's side effect is committed once, by one owner, whatever the takeovers."""
    engine = InMemory()
    keys = [f"race#{number}" for number in range(ROUNDS)]
    assert committed(engine.store, lambda key: counted(engine, key), keys) == Counter(keys)
    assert [engine.count(key) for key in keys] == [1] * ROUNDS


@pytest.mark.emulator
def test_effects_on_the_emulator(emulator_clients: Clients) -> None:
    """The same with the transactions of an engine."""
    engine = DynamoDB.create(emulator_clients, SystemClock(), Listener())
    keys = [f"race#{number}" for number in range(GROUP_ROUNDS)]
    assert engine.effects
    assert committed(engine.store, lambda key: counted(engine, key), keys) == Counter(keys)
    assert [engine.count(key) for key in keys] == [1] * GROUP_ROUNDS


def test_in_memory() -> None:
    """Fifty threads claim one key in memory: one winner in each of 200 rounds."""
    assert winners(InMemoryClaimStore(), lambda _: None) == [1] * ROUNDS


def test_groups_in_memory() -> None:
    """Fifty threads claim groups that overlap in memory: each key has one winner in each round."""
    for asked, won in group_winners(InMemoryClaimStore(), lambda _: None):
        assert won == Counter(asked)


def lay_nothing_or_stale(client: Any, left: str) -> Callable[[str], None]:
    """Make the table, and what lays down in it what was left of each key."""
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

    return prepare


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.parametrize("left", ["nothing", "a stale record"])
class TestEmulator:
    """The same on conditional writes of an engine."""

    @pytest.mark.parametrize("rounds", [10, pytest.param(ROUNDS, marks=pytest.mark.extended)])
    def test_one_key(self, emulator: Emulator, account: str, left: str, rounds: int) -> None:
        """Fifty threads claim, or take over, one key: one winner in each round."""
        client = emulator.client("dynamodb", account)
        prepare = lay_nothing_or_stale(client, left)
        store = DynamoDBClaimStore(client, TABLE, SystemClock(), Listener())
        assert winners(store, prepare, rounds) == [1] * rounds

    @pytest.mark.parametrize("rounds", [3, pytest.param(GROUP_ROUNDS, marks=pytest.mark.extended)])
    def test_groups(self, emulator: Emulator, account: str, left: str, rounds: int) -> None:
        """Fifty threads claim, or take over, groups that overlap: each key has one winner."""
        client = emulator.client("dynamodb", account)
        prepare = lay_nothing_or_stale(client, left)
        listener = Listener()
        store = DynamoDBClaimStore(client, TABLE, SystemClock(), listener)
        for asked, won in group_winners(store, prepare, rounds):
            assert won == Counter(asked)
        assert listener.fallen_back == []
