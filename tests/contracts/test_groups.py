"""Every `ClaimStore` keeps its promises for many requests at once, on every engine."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Millis, Seconds
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.claims import (
    Claimed,
    ClaimRequest,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Parked,
    Released,
    Request,
    Stale,
)
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda_toolkit.testing import ManualClock
from tests.requests import claim_of

from .conftest import ALONE, Engine, engines

pytestmark = [
    pytest.mark.parametrize("engine", engines(ALONE), indirect=True),
    pytest.mark.slow,
]

MANY = pytest.param(101, marks=pytest.mark.slow)

NOW = ManualClock().now()
LEASE_END = EpochMillis(NOW + 30_000)
RETENTION = Seconds(3_600)

MINE = Owner("mine")
"""A placeholder for the owner of the request."""

CLAIM = Record(
    id="",
    status="IN_PROGRESS",
    owner=Owner("theirs"),
    lease_expires_at=LEASE_END,
    expires_at=EpochSeconds(NOW // 1000 + 1),
    created_at=EpochMillis(NOW - 2),
    attempts=3,
)
COMPLETION = Record(
    id="",
    status="COMPLETED",
    owner=Owner("theirs"),
    expires_at=EpochSeconds(NOW // 1000 + 1),
    created_at=EpochMillis(NOW - 2),
    completed_at=EpochMillis(NOW - 1),
)

CLAIMS: list[tuple[Record | None, object, object]] = [
    (None, Claimed(MINE, attempts=1), Claimed(MINE, attempts=1)),
    (COMPLETION, Duplicate(), Duplicate()),
    (CLAIM, InProgress(LEASE_END), InProgress(LEASE_END)),
    (
        replace(CLAIM, lease_expires_at=NOW),
        Stale(attempts=3, owner=Owner("theirs")),
        Claimed(MINE, attempts=4),
    ),
    (
        replace(CLAIM, owner=MINE),
        Claimed(MINE, attempts=3, recovered=True),
        Claimed(MINE, attempts=3, recovered=True),
    ),
    (
        replace(COMPLETION, expires_at=EpochSeconds(NOW // 1000)),
        Claimed(MINE, attempts=1),
        Claimed(MINE, attempts=1),
    ),
    (
        replace(CLAIM, status="PARKED"),
        Parked(Owner("theirs")),
        Parked(Owner("theirs")),
    ),
    (replace(CLAIM, status="later"), "UnknownRecord", "UnknownRecord"),
]
"""The existing record, and the outcome of a claim without and with takeover."""

SETTLEMENTS: list[tuple[Record | None, object, object]] = [
    (replace(CLAIM, owner=MINE), Completed(), Released()),
    (CLAIM, LostLease(completed=False), LostLease(completed=False)),
    (replace(COMPLETION, owner=MINE), Completed(recovered=True), LostLease(completed=True)),
    (COMPLETION, LostLease(completed=True), LostLease(completed=True)),
    (None, LostLease(completed=False), Released()),
]
"""The existing record, and the outcome of a completion and of a release."""


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    """A minute from now."""
    return Deadline.from_remaining(clock, Millis(60_000))


def owner_of(record_id: str) -> Owner:
    """Return the owner of a request; every request has a different one, as every claim has."""
    return Owner(f"owner of {record_id}")


def ids(size: int) -> list[str]:
    """So many record ids, in an order that no engine keeps by itself."""
    return [f"orders#{number * 389 % 1009}" for number in range(size)]


def claims_of(
    record_ids: Iterable[str], redelivered: Iterable[bool] = (False,), *, takeover: bool = False
) -> list[ClaimRequest]:
    """A claim of each; redelivered in turns."""
    turns = cycle(redelivered)
    return [
        claim_of(request, lease_expires_at=LEASE_END, takeover=takeover, redelivered=next(turns))
        for request in requests_for(record_ids)
    ]


def requests_for(record_ids: Iterable[str]) -> list[Request]:
    """A request for each."""
    return [
        Request(record_id=each, owner=owner_of(each), now=NOW, retention=RETENTION)
        for each in record_ids
    ]


def laid(record: Record | None, record_id: str) -> Record | None:
    """The record as it lies there."""
    if record is None:
        return None
    owner = owner_of(record_id) if record.owner == MINE else record.owner
    return replace(record, id=record_id, owner=owner)


def seed_records(
    engine: Engine, record_ids: Sequence[str], records: Iterable[Record | None]
) -> None:
    """Seed the records in turns."""
    for record_id, each in zip(record_ids, cycle(records), strict=False):
        if record := laid(each, record_id):
            engine.put(record)


def reported(outcomes: Iterable[object], record_ids: Iterable[str]) -> list[object]:
    """The outcomes as the tables write them: errors by their code, the own owner as mine."""
    result = []
    for outcome, record_id in zip(outcomes, record_ids, strict=True):
        match outcome:
            case StoreError():
                result.append(outcome.code)
            case Claimed(owner) if owner == owner_of(record_id):
                result.append(replace(outcome, owner=MINE))
            case _:
                result.append(outcome)
    return result


def in_turns(column: Iterable[Any], size: int) -> list[Any]:
    """So many of them, from the first again and again."""
    return list(islice(cycle(column), size))


REDELIVERED = pytest.mark.parametrize(
    "redelivered", [[False], [True], [True, False, False, True]], ids=["new", "again", "mixed"]
)


class TestClaim:
    """Taking many records."""

    @REDELIVERED
    @pytest.mark.parametrize("size", [2, 7, 26, MANY])
    @pytest.mark.parametrize("takeover", [True, False])
    def test_each_in_its_place(
        self,
        engine: Engine,
        deadline: Deadline,
        redelivered: list[bool],
        size: int,
        takeover: bool,
    ) -> None:
        """Each answer belongs to its record, however many calls of the engine it takes."""
        record_ids = ids(size)
        found, outcomes, takeovers = zip(*CLAIMS, strict=True)
        seed_records(engine, record_ids, found)
        claims = claims_of(record_ids, redelivered, takeover=takeover)
        assert reported(engine.store.claim(claims, deadline), record_ids) == in_turns(
            takeovers if takeover else outcomes, size
        )

    @REDELIVERED
    @pytest.mark.parametrize("takeover", [True, False])
    def test_what_is_left(
        self, engine: Engine, deadline: Deadline, redelivered: list[bool], takeover: bool
    ) -> None:
        """A claimed record has its claim's owner and lease; any other record is as it was."""
        record_ids = ids(len(CLAIMS))
        found = [record for record, _, _ in CLAIMS]
        seed_records(engine, record_ids, found)
        claims = claims_of(record_ids, redelivered, takeover=takeover)
        outcomes = engine.store.claim(claims, deadline)
        for request, before, outcome in zip(claims, found, outcomes, strict=True):
            record = engine.get(request.record_id)
            if isinstance(outcome, Claimed) and not outcome.recovered:
                assert record == Record(
                    id=request.record_id,
                    status="IN_PROGRESS",
                    owner=request.owner,
                    lease_expires_at=LEASE_END,
                    expires_at=request.expires_at,
                    created_at=before.created_at if before else NOW,
                    attempts=outcome.attempts,
                )
            else:
                assert record == laid(before, request.record_id)

    @REDELIVERED
    def test_sent_again(self, engine: Engine, deadline: Deadline, redelivered: list[bool]) -> None:
        """Claims that are sent again know their own records, and none is its own duplicate."""
        record_ids = ids(30)
        claims = claims_of(record_ids, redelivered)
        engine.store.claim(claims, deadline)
        again = engine.store.claim(claims, deadline)
        recovered = Claimed(MINE, attempts=1, recovered=True)
        assert reported(again, record_ids) == [recovered] * 30


class TestSettle:
    """Completing and releasing many records."""

    @pytest.mark.parametrize("size", [2, 5, 26, MANY])
    def test_complete(self, engine: Engine, deadline: Deadline, size: int) -> None:
        """Where a lease is lost its answer says so, and the others are completed."""
        record_ids = ids(size)
        found, outcomes, _ = zip(*SETTLEMENTS, strict=True)
        seed_records(engine, record_ids, found)
        answers = engine.store.complete(requests_for(record_ids), deadline)
        assert list(answers) == in_turns(outcomes, size)

    def test_what_is_completed(self, engine: Engine, deadline: Deadline) -> None:
        """A completion changes its own claim as it would alone, and nothing else."""
        record_ids = ids(len(SETTLEMENTS))
        found = [record for record, _, _ in SETTLEMENTS]
        seed_records(engine, record_ids, found)
        requests = requests_for(record_ids)
        engine.store.complete(requests, deadline)
        (own, *others) = [engine.get(each) for each in record_ids]
        assert own == Record(
            id=record_ids[0],
            status="COMPLETED",
            owner=owner_of(record_ids[0]),
            expires_at=requests[0].expires_at,
            created_at=CLAIM.created_at,
            completed_at=NOW,
        )
        assert (
            others
            == [laid(each, record_id) for each, record_id in zip(found, record_ids, strict=True)][
                1:
            ]
        )

    @pytest.mark.parametrize("size", [2, 5, 26, MANY])
    def test_release(self, engine: Engine, deadline: Deadline, size: int) -> None:
        """A missing record is released; another owner's or a completed one is not, and stays."""
        record_ids = ids(size)
        found, _, outcomes = zip(*SETTLEMENTS, strict=True)
        seed_records(engine, record_ids, found)
        answers = engine.store.release(requests_for(record_ids), deadline)
        assert list(answers) == in_turns(outcomes, size)
        left = in_turns((None, *found[1:]), size)
        assert [engine.get(each) for each in record_ids] == [
            laid(each, record_id) for each, record_id in zip(left, record_ids, strict=True)
        ]


class TestPark:
    """Setting many records aside, which engines do one by one."""

    def test_each_in_its_place(self, engine: Engine, deadline: Deadline) -> None:
        """Where a record is another's, completed or gone, its answer says so; others are parked."""
        record_ids = ids(len(SETTLEMENTS))
        found = [record for record, _, _ in SETTLEMENTS]
        seed_records(engine, record_ids, found)
        requests = [replace(each, reason="why") for each in requests_for(record_ids)]
        own, *others = engine.store.park(requests, deadline)
        assert own == Parked(owner_of(record_ids[0]))
        assert others == [
            LostLease(completed=False),
            LostLease(completed=True),
            LostLease(completed=True),
            LostLease(completed=False),
        ]
        marked, *_ = engine.store.mark(requests, deadline)
        assert marked == Parked(owner_of(record_ids[0]), dead_lettered=True)
        left = [engine.get(each) for each in record_ids[1:]]
        assert left == [
            laid(each, record_id) for each, record_id in zip(found[1:], record_ids[1:], strict=True)
        ]


@pytest.mark.parametrize("call", ["claim", "complete", "release", "park", "mark"])
def test_of_nothing(engine: Engine, deadline: Deadline, call: str) -> None:
    """No requests have no answers."""
    assert list(getattr(engine.store, call)([], deadline)) == []
