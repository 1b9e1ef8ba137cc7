"""Records with an attribute that is missing or cannot be read, on every engine.

One rule decides: a record is judged by the attributes that the decision needs, and what cannot be
read counts as missing. So a request has the same outcome alone, among others and in memory.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimRequest,
    Completed,
    Parked,
    Released,
    Request,
)
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of

from .conftest import ALONE, Engine, InMemory, engines

pytestmark = pytest.mark.slow

ENGINES = [each for each in engines(ALONE) if "moto" not in str(each.id)]
"""In moto a comparison of a text with a number is an error, not false."""

Item = Mapping[str, Any]

NOW = ManualClock().now()
RETENTION = Seconds(3_600)
MINE, THEIRS, NEIGHBOUR = Owner("mine"), Owner("theirs"), Owner("neighbour")


def text(value: str) -> dict[str, str]:
    """A text as DynamoDB writes it."""
    return {"S": value}


def number(value: int | str) -> dict[str, str]:
    """A number as DynamoDB writes it."""
    return {"N": str(value)}


IN_PROGRESS = {
    "status": text("IN_PROGRESS"),
    "owner": text(THEIRS),
    "created_at": number(NOW - 2),
    "lease_expires_at": number(NOW + 30_000),
    "expires_at": number(NOW // 1000 + 60),
    "attempts": number(3),
}
COMPLETED = {
    "status": text("COMPLETED"),
    "owner": text(THEIRS),
    "created_at": number(NOW - 2),
    "completed_at": number(NOW - 1),
    "expires_at": number(NOW // 1000 + 60),
}
PARKED = {
    "status": text("PARKED"),
    "owner": text(THEIRS),
    "created_at": number(NOW - 2),
    "reason": text("no such card"),
}

RECORDS: dict[str, Item] = {
    "live": IN_PROGRESS,
    "mine": IN_PROGRESS | {"owner": text(MINE)},
    "stale": IN_PROGRESS | {"lease_expires_at": number(NOW)},
    "completed": COMPLETED | {"result": text("1"), "payload_hash": text("v1:a")},
    "expired": COMPLETED | {"expires_at": number(NOW // 1000)},
    "parked": PARKED,
    "parked and sent": PARKED | {"dead_lettered_at": number(NOW - 1)},
    "of a newer version": COMPLETED | {"status": text("later")},
}
"""Every status, and a missing one once the damage is done."""

MORE: dict[str, Item] = {"parked by me": PARKED | {"owner": text(MINE)}}

TEXTS = ("status", "owner", "payload_hash", "result", "reason", "unlocked_by")
NUMBERS = (
    "created_at", "lease_expires_at", "expires_at", "completed_at", "attempts", "dead_lettered_at",
)  # fmt: skip
SETS = ("copy_tokens",)
NULL = {"NULL": True}
NOW_SECONDS = NOW // 1000
DAMAGES: list[tuple[str, dict[str, Any] | None]] = [
    *product(TEXTS, (None, number(1), NULL, text(""))),
    *product(NUMBERS, (None, text("soon"), NULL, text(""))),
    *product(SETS, (None, text("soon"), NULL, number(1))),
    # To DynamoDB these are numbers, and compare as such.
    *product(NUMBERS, [number("1.5")]),
    *product(sorted({*NUMBERS} - {"attempts"}), map(number, ("1e125", "9" * 38))),
    *product(["lease_expires_at"], map(number, (f"{NOW - 1}.5", f"{NOW}.5", "1E+3", "-1"))),
    *product(["expires_at"], map(number, (f"{NOW_SECONDS - 1}.5", f"{NOW_SECONDS}.5", "1E+3"))),
]
"""Each attribute with what is in its place; None: it is missing."""

CLAIMS: dict[str, dict[str, Any]] = {
    "retry mode": {"takeover": True},
    "park mode": {},
    "with a token": {"token": THEIRS},
    "with a payload": {"takeover": True, "payload_hash": "v1:a"},
}
"""How a claim may ask; the first claim of a batch asks as park mode does."""


SAMPLE = 3
"""Of so many damages an engine that takes calls meets one with each record; memory meets all."""


def damaged_items(found: Item, engine: Engine, *case: str) -> dict[str, dict[str, Any]]:
    """The record with each damage, by its id; a sample where each costs calls."""
    items = {}
    start = zlib.crc32(repr(case).encode()) % SAMPLE
    sampled = [*enumerate(DAMAGES)][start::SAMPLE]
    for at, (name, damage) in [*enumerate(DAMAGES)] if isinstance(engine, InMemory) else sampled:
        record_id = f"orders#{at} {name}"
        whole = {**found, "id": text(record_id), name: damage}
        items[record_id] = {name: value for name, value in whole.items() if value is not None}
    return items


def request_of(record_id: str) -> Request:
    """What the worker under test asks of a record."""
    return Request(record_id=record_id, owner=MINE, now=NOW, retention=RETENTION, reason="why")


def claim_as(record_id: str, asked: Mapping[str, Any]) -> ClaimRequest:
    """A claim by the worker under test."""
    claim = claim_of(
        request_of(record_id),
        lease_expires_at=EpochMillis(NOW + 30_000),
        takeover=False,
    )
    return replace(claim, **asked)


def neighbours(requests: Sequence[Any]) -> list[Any]:
    """For each request another one like it, whose record is healthy or not there."""
    return [
        replace(each, record_id=f"neighbours#{each.record_id}", owner=NEIGHBOUR)
        for each in requests
    ]


def mixed(requests: Sequence[Any]) -> list[Any]:
    """The requests, each with its neighbour behind it."""
    return [one for pair in zip(requests, neighbours(requests), strict=True) for one in pair]


def reported(outcomes: Iterable[object]) -> list[object]:
    """The outcomes, with errors that can be compared."""
    return [
        (type(each).__name__, each.code, str(each), each.maybe_written)
        if isinstance(each, StoreError)
        else each
        for each in outcomes
    ]


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    """A minute from now."""
    return Deadline.from_remaining(clock, Millis(60_000))


def by_damage(items: Iterable[str], answers: Iterable[object]) -> dict[str, object]:
    """The answers by the ids of their items, which name the damage."""
    return dict(zip(items, answers, strict=True))


def in_memory(items: Mapping[str, Item]) -> InMemory:
    """A store in memory with these items."""
    memory = InMemory()
    memory.seed_records(items)
    return memory


def is_written(outcome: object) -> bool:
    """Whether a request with this outcome has changed its record."""
    match outcome:
        case Claimed(recovered=recovered) | Completed(recovered=recovered):
            return not recovered
        case _:
            return False


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize("asked", CLAIMS)
@pytest.mark.parametrize("status", RECORDS)
def test_claim(engine: Engine, deadline: Deadline, status: str, asked: str) -> None:
    """A claim of a damaged record means the same alone, in a batch, redelivered and in memory."""
    items = damaged_items(RECORDS[status], engine, status, asked)
    claims = [claim_as(each, CLAIMS[asked]) for each in items]
    store = in_memory(items).store
    expected = by_damage(items, reported(store.claim([each], deadline)[0] for each in claims))
    if not isinstance(engine, InMemory):
        # The emulator adds one to any attribute. What AWS answers is played to
        # tests/handler/test_dynamodb.py.
        expected = {
            name: each for name, each in expected.items() if "its attempts" not in str(each)
        }
        items = {name: items[name] for name in expected}
        claims = [each for each in claims if each.record_id in items]

    engine.seed_records(items)
    before = engine.items(items)
    single = reported(engine.store.claim([each], deadline)[0] for each in claims)
    assert by_damage(items, single) == expected
    left = engine.items(items)
    changed = {name for name in items if left[name] != before[name]}
    assert changed == {name for name, outcome in expected.items() if is_written(outcome)}

    for redelivered in (False, True):
        engine.seed_records(items)
        requests = [replace(each, redelivered=redelivered) for each in mixed(claims)]
        answers = reported(engine.store.claim(requests, deadline))
        assert by_damage(items, answers[::2]) == expected
        assert answers[1::2] == [Claimed(NEIGHBOUR, 1)] * len(claims)
        assert engine.items(items) == left
        engine.store.release(requests[1::2], deadline)


SETTLED = ("mine", "live", "completed", "parked by me", "of a newer version")

WRITTEN = {
    "complete": Completed(),
    "release": Released(),
    "park": Parked(NEIGHBOUR),
    "mark": Parked(NEIGHBOUR, dead_lettered=True),
}
"""What the neighbours of a settlement are answered."""


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize("call", WRITTEN)
@pytest.mark.parametrize("status", SETTLED)
def test_settle(engine: Engine, deadline: Deadline, status: str, call: str) -> None:
    """A settlement of a damaged record means the same alone, among others and in memory."""
    items = damaged_items((RECORDS | MORE)[status], engine, status, call)
    requests = [request_of(each) for each in items]
    settle = getattr(in_memory(items).store, call)
    expected = by_damage(items, reported(settle([each], deadline)[0] for each in requests))

    settle = getattr(engine.store, call)
    engine.seed_records(items)
    single = reported(settle([each], deadline)[0] for each in requests)
    assert by_damage(items, single) == expected
    left = engine.items(items)

    engine.seed_records(items)
    others = neighbours(requests)
    engine.store.claim(neighbours([claim_as(each, {}) for each in items]), deadline)
    if call == "mark":
        engine.store.park(others, deadline)
    answers = reported(settle(mixed(requests), deadline))
    assert by_damage(items, answers[::2]) == expected
    assert answers[1::2] == [WRITTEN[call]] * len(others)
    assert engine.items(items) == left


def test_cases() -> None:
    """Every attribute is damaged in every way, and so many cases are compared."""
    assert (
        {name for name, _ in DAMAGES} == {*TEXTS, *NUMBERS, *SETS} == {*Record.__slots__} - {"id"}
    )
    ways = 3  # alone, in a batch, redelivered
    assert len(DAMAGES) * len(RECORDS) * len(CLAIMS) * ways // SAMPLE >= 2_000
    assert len(DAMAGES) * len(SETTLED) * len(WRITTEN) * 2 // SAMPLE >= 800
