"""The conditional writes as DynamoDB is sent them: alone, and as statements of one call."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, EpochMillis, Seconds
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.store import writes
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from tests.requests import claim_of

from .function import TABLE
from .harness import START, Wire, answered

CLAIM = (
    "SET #status = :in_progress, #owner = :owner, #lease_expires_at = :lease_expires_at, "
    "#expires_at = :expires_at, #created_at = if_not_exists(#created_at, :now_millis), "
    "#attempts = if_not_exists(#attempts, :zero) + :one"
)
COMPLETE = "SET #status = :completed, #completed_at = :now_millis, #expires_at = :expires_at"
OWNED = "(#owner = :owner AND #status = :in_progress)"
ALONE: dict[str, tuple[writes.Write[Any, Any], str, str | None]] = {
    "claim": (
        writes.build_claim_write(takeover=True, redriven=True, checked=False),
        (
            f"{CLAIM} REMOVE #completed_at, #result, #reason, #dead_lettered_at, #payload_hash, "
            "#unlocked_by"
        ),
        None,
    ),
    "checked claim": (
        writes.build_claim_write(takeover=False, redriven=False, checked=True),
        (
            f"{CLAIM}, #payload_hash = :payload_hash "
            "REMOVE #completed_at, #result, #reason, #dead_lettered_at, #unlocked_by"
        ),
        None,
    ),
    "claim of a copy": (
        writes.build_claim_write(takeover=True, redriven=True, checked=False, stated=True),
        (
            f"{CLAIM}, #unlocked_by = :token "
            "REMOVE #completed_at, #result, #reason, #dead_lettered_at, #payload_hash "
            "ADD #copy_tokens :tokens"
        ),
        None,
    ),
    "complete": (writes.COMPLETE_WRITE, f"{COMPLETE} REMOVE #lease_expires_at, #attempts", OWNED),
    "complete with a result": (
        writes.COMPLETE_WITH_RESULT_WRITE,
        f"{COMPLETE}, #result = :result REMOVE #lease_expires_at, #attempts",
        OWNED,
    ),
    "release": (writes.RELEASE_WRITE, "", OWNED),
    "release of a copy": (
        writes.GIVE_BACK_WRITE,
        (
            "SET #status = :parked, #owner = :token, #reason = :reason, "
            "#dead_lettered_at = :now_millis REMOVE #lease_expires_at, #expires_at, #attempts"
        ),
        OWNED,
    ),
    "park": (
        writes.PARK_WRITE,
        (
            "SET #status = :parked, #reason = :reason "
            "REMOVE #lease_expires_at, #expires_at, #attempts, #dead_lettered_at"
        ),
        OWNED,
    ),
    "mark": (
        writes.MARK_WRITE,
        "SET #dead_lettered_at = :now_millis",
        "(#owner = :owner AND #status = :parked)",
    ),
}
"""The expressions of each write, and its condition; a claim takes it from its request."""

TEXTS = {
    "claim": (
        """INSERT INTO "records" VALUE {'id': ?, 'status': ?, 'owner': ?, 'created_at': ?, """
        """'expires_at': ?, 'lease_expires_at': ?, 'attempts': ?}"""
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
        *("orders#1'; --", "IN_PROGRESS", "mine", START, START // 1000 + 3600, START + 60_000, 1)
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


def whole() -> ClaimRequest:
    """A request that has everything."""
    (first, _) = group("claim")
    assert isinstance(first, ClaimRequest)
    return replace(first, result="[]", reason="why", token="theirs", payload_hash="v1:a")


@pytest.mark.parametrize("kind", ALONE)
def test_alone(kind: str) -> None:
    """A write changes what docs/protocol.md says, on its condition, and asks for what it met."""
    write, update, condition = ALONE[kind]
    call = write.build_call(TABLE, whole())
    assert call.get("UpdateExpression", "") == update
    if condition:
        assert call["ConditionExpression"] == condition
    assert call["Key"] == {"id": {"S": "orders#1'; --"}}
    assert call["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


@pytest.mark.parametrize("kind", ALONE)
def test_every_alias_is_used(kind: str) -> None:
    """The names and values match the expressions exactly, because DynamoDB refuses others."""
    call = ALONE[kind][0].build_call(TABLE, whole())
    text = call.get("UpdateExpression", "") + " " + call["ConditionExpression"]
    assert set(re.findall(r"#\w+", text)) == set(call["ExpressionAttributeNames"])
    assert set(re.findall(r":\w+", text)) == set(call["ExpressionAttributeValues"])
    assert all(f"#{of}" == name for name, of in call["ExpressionAttributeNames"].items())


def test_values() -> None:
    """Texts are texts and numbers numbers, each in the unit of its attribute."""
    call = ALONE["park"][0].build_call(TABLE, whole())
    assert call["ExpressionAttributeValues"] == {
        ":parked": {"S": "PARKED"},
        ":reason": {"S": "why"},
        ":owner": {"S": "mine"},
        ":in_progress": {"S": "IN_PROGRESS"},
    }
    call = ALONE["mark"][0].build_call(TABLE, whole())
    assert call["ExpressionAttributeValues"][":now_millis"] == {"N": str(START)}


def test_which_are_statements_too() -> None:
    """A write that is never one of many has no statement, and goes out alone."""
    without = {kind for kind, (write, *_) in ALONE.items() if write.build_statement is None}
    assert without == {"complete with a result", "release of a copy", "park", "mark"}


def test_which_are_certain() -> None:
    """Settlements that end a claim are tried as long as any time is left; only one insists."""
    assert {kind for kind, (write, *_) in ALONE.items() if write.policy.ignores_reserve} == {
        "complete",
        "complete with a result",
        "release",
        "release of a copy",
    }
    insisting = {kind for kind, (write, *_) in ALONE.items() if write.policy.max_attempts is None}
    assert insisting == {"complete", "complete with a result"}
