"""The statements that make one call of many writes, as DynamoDB is sent them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from idempotent_lambda.claims import Owner, Request
from idempotent_lambda.clock import Deadline, EpochMillis, Seconds
from idempotent_lambda.dynamodb import DynamoDBClaimStore
from tests.requests import claim_of

from .bench import START, Wire, answered
from .function import TABLE

TEXTS = {
    "claim": (
        """INSERT INTO "records" VALUE {'id': ?, 'status': ?, 'owner': ?, 'expires_at': ?, """
        """'created_at': ?, 'lease_expires_at': ?, 'attempts': ?}"""
    ),
    "complete": (
        'UPDATE "records" SET "status" = ? SET "completed_at" = ? SET "expires_at" = ? '
        'REMOVE "lease_expires_at" REMOVE "attempts" '
        'WHERE "id" = ? AND ("owner" = ? AND "status" = ?)'
    ),
    "release": 'DELETE FROM "records" WHERE "id" = ? AND ("owner" = ? AND "status" = ?)',
}
VALUES: dict[str, list[str | int]] = {
    "claim": [
        *("orders#1'; --", "IN_PROGRESS", "mine", START // 1000 + 3600, START, START + 60_000, 1)
    ],
    "complete": [
        *("COMPLETED", START, START // 1000 + 3600, "orders#1'; --", "mine", "IN_PROGRESS")
    ],
    "release": ["orders#1'; --", "mine", "IN_PROGRESS"],
}


def group(kind: str) -> Sequence[Request]:
    """Two requests, one for a record whose id would end a text in PartiQL."""
    requests = [
        Request(
            record_id=record_id,
            owner=Owner("mine"),
            now=EpochMillis(START),
            retention=Seconds(3600),
        )
        for record_id in ("orders#1'; --", "orders#2")
    ]
    if kind != "claim":
        return requests
    lease_end = EpochMillis(START + 60_000)
    return [claim_of(each, lease_expires_at=lease_end, takeover=True) for each in requests]


@pytest.mark.parametrize("kind", TEXTS)
def test_statement(dead: tuple[DynamoDBClaimStore, Wire], deadline: Deadline, kind: str) -> None:
    """Texts hold names and marks only; every value is a parameter, whatever it reads like."""
    store, wire = dead
    wire.always = answered(400, "ValidationException")
    call: Callable[[Any, Deadline], Any] = getattr(store, kind)
    call(group(kind), deadline)
    first, second = wire.bodies[0]["Statements"]
    assert first["Statement"] == second["Statement"]
    assert first["Statement"].replace(f'"{TABLE}"', '"records"') == TEXTS[kind]
    assert first["Parameters"] == [
        {"N": str(each)} if isinstance(each, int) else {"S": each} for each in VALUES[kind]
    ]
    assert TEXTS[kind].count("?") == len(first["Parameters"])
