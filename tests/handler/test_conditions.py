"""Conditions as data: how they read to DynamoDB, and what they decide in Python."""

import re
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds
from idempotent_lambda.protocol.claims import ClaimRequest
from idempotent_lambda.protocol.conditions import (
    EXPRESSION,
    PARTIQL,
    And,
    Compare,
    Condition,
    Missing,
    Or,
    evaluate,
    render,
)
from idempotent_lambda.protocol.record import (
    HAS_SAME_PAYLOAD,
    IS_EXPIRED,
    IS_FREE,
    IS_OWNED,
    IS_PARKED_BY_OWNER,
    IS_REDRIVEN,
    IS_STALE,
    Owner,
    Record,
    build_claim_condition,
)
from tests.contracts.conftest import batched

from .conftest import Lab


@dataclass
class Thing:
    """Any record."""

    size: int | None = None
    name: str | None = None


SMALL = Compare("size", "<=", "limit")
CALLED = Compare("name", "=", "name")
OPERANDS = {"limit": 10, "name": "x"}

EXPIRY = "(#status = :completed AND #expires_at <= :now_seconds)"
UNCLAIMED = f"attribute_not_exists(#id) OR {EXPIRY}"
ENDED = "#status = :in_progress AND #lease_expires_at <= :now_millis"
OVER = f"({ENDED} AND attribute_not_exists(#unlocked_by))"
KNOWN = "contains(#copy_tokens, :token)"
MY_OVER = f"({ENDED} AND (attribute_not_exists(#unlocked_by) OR #unlocked_by = :token))"
COPIED = "(#status = :parked AND #owner = :token)"
"""The parts of what may be claimed, as docs/protocol.md writes them."""


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Missing("name"), "attribute_not_exists(#name)"),
        (SMALL, "#size <= :limit"),
        (CALLED, "#name = :name"),
        (And((SMALL, CALLED)), "(#size <= :limit AND #name = :name)"),
        (Or((Missing("name"), SMALL)), "(attribute_not_exists(#name) OR #size <= :limit)"),
        (IS_OWNED, "(#owner = :owner AND #status = :in_progress)"),
        (IS_PARKED_BY_OWNER, "(#owner = :owner AND #status = :parked)"),
        (IS_FREE, f"({UNCLAIMED})"),
        (build_claim_condition(takeover=False, redriven=False, checked=False), f"({UNCLAIMED})"),
        (
            build_claim_condition(takeover=True, redriven=False, checked=False),
            f"({UNCLAIMED} OR {OVER})",
        ),
        (
            build_claim_condition(takeover=True, redriven=False, checked=True),
            (
                f"({UNCLAIMED} OR ({OVER} AND"
                " (attribute_not_exists(#payload_hash) OR #payload_hash = :payload_hash)))"
            ),
        ),
        (build_claim_condition(takeover=False, redriven=False, checked=True), f"({UNCLAIMED})"),
        (
            build_claim_condition(takeover=False, redriven=True, checked=False),
            f"({UNCLAIMED} OR {COPIED})",
        ),
        (
            build_claim_condition(takeover=True, redriven=True, checked=False),
            f"({UNCLAIMED} OR {OVER} OR {COPIED})",
        ),
        (
            build_claim_condition(takeover=True, redriven=True, checked=False, stated=True),
            f"({COPIED} OR ({KNOWN} AND ({EXPIRY} OR {MY_OVER})))",
        ),
        (
            build_claim_condition(takeover=False, redriven=True, checked=False, stated=True),
            f"({COPIED} OR ({KNOWN} AND ({EXPIRY})))",
        ),
    ],
)
def test_expression(condition: Condition, text: str) -> None:
    """Each condition reads to DynamoDB as docs/protocol.md writes it, every name aliased."""
    rendered_text = render(condition, EXPRESSION)
    assert rendered_text.text == text
    assert rendered_text.attributes == tuple(re.findall(r"#(\w+)", text))
    assert rendered_text.operands == tuple(re.findall(r":(\w+)", text))


@pytest.mark.parametrize(
    ("condition", "text", "operands"),
    [
        (Missing("name"), '"name" IS MISSING', ()),
        (SMALL, '"size" <= ?', ("limit",)),
        (
            Or((And((SMALL, CALLED)), SMALL)),
            '(("size" <= ? AND "name" = ?) OR "size" <= ?)',
            ("limit", "name", "limit"),
        ),
        (IS_OWNED, '("owner" = ? AND "status" = ?)', ("owner", "in_progress")),
    ],
)
def test_partiql(condition: Condition, text: str, operands: tuple[str, ...]) -> None:
    """In PartiQL each name is quoted, and the operands follow in the order of their marks."""
    rendered_text = render(condition, PARTIQL)
    assert rendered_text.text == text
    assert rendered_text.operands == operands
    assert rendered_text.attributes == tuple(re.findall(r'"(\w+)"', text))


@pytest.mark.parametrize(
    ("condition", "thing", "outcome"),
    [
        (Missing("name"), None, True),
        (Missing("name"), Thing(), True),
        (Missing("name"), Thing(size=1), True),
        (Missing("name"), Thing(name=""), False),
        (Missing("size"), Thing(size=0), False),
        (SMALL, Thing(size=10), True),
        (SMALL, Thing(size=11), False),
        (SMALL, Thing(size=0), True),
        (CALLED, Thing(name="x"), True),
        (CALLED, Thing(name="y"), False),
        (And((SMALL, CALLED)), Thing(size=1, name="x"), True),
        (And((SMALL, CALLED)), Thing(size=1, name="y"), False),
        (And((SMALL, CALLED)), Thing(size=11, name="x"), False),
        (Or((SMALL, CALLED)), Thing(size=1, name="y"), True),
        (Or((SMALL, CALLED)), Thing(size=11, name="y"), False),
        (Or((Missing("name"), And((SMALL, CALLED)))), None, True),
    ],
)
def test_evaluate(condition: Condition, thing: Thing | None, outcome: bool) -> None:
    """The same condition, decided in Python."""
    assert evaluate(condition, thing, OPERANDS) is outcome


@pytest.mark.parametrize("condition", [SMALL, CALLED, And((SMALL,)), Or((SMALL, CALLED))])
@pytest.mark.parametrize("thing", [None, Thing()])
def test_a_missing_attribute_compares_as_false(condition: Condition, thing: Thing | None) -> None:
    """As in DynamoDB, no comparison holds for an attribute that is not there."""
    assert evaluate(condition, thing, OPERANDS) is False


NOW = EpochMillis(5_000)
REQUEST = ClaimRequest(
    record_id="x",
    owner=Owner("mine"),
    now=NOW,
    retention=Seconds(60),
    lease_expires_at=EpochMillis(9_000),
    takeover=True,
    token="theirs",
    payload_hash="v1:a",
)
RECORD = Record(
    id="x",
    status="IN_PROGRESS",
    owner=Owner("mine"),
    created_at=EpochMillis(1),
)
RECORDS = [
    replace(
        RECORD,
        status=status,
        owner=Owner(owner),
        expires_at=expiry,
        lease_expires_at=lease,
        payload_hash=payload,
    )
    for status, owner, expiry, lease, payload in product(
        ("IN_PROGRESS", "COMPLETED", "PARKED"),
        ("mine", "theirs"),
        (EpochSeconds(5), EpochSeconds(6)),
        (None, NOW, EpochMillis(NOW + 1)),
        (None, "v1:a", "v1:b"),
    )
]
CLAIMABLE = {
    "claimable " + " ".join(name for name, is_set in kind.items() if is_set): build_claim_condition(
        **kind
    )
    for takeover, redriven, checked in product((False, True), repeat=3)
    for kind in [{"takeover": takeover, "redriven": redriven, "checked": checked}]
}


def written(value: Any) -> dict[str, str]:
    """A value as DynamoDB takes it."""
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


@pytest.mark.emulator
@pytest.mark.parametrize(
    "condition",
    [
        IS_EXPIRED,
        IS_STALE,
        IS_REDRIVEN,
        HAS_SAME_PAYLOAD,
        IS_FREE,
        IS_OWNED,
        IS_PARKED_BY_OWNER,
        *CLAIMABLE.values(),
    ],
    ids=["expired", "stale", "redriven", "same payload", "free", "owned", "parked", *CLAIMABLE],
)
def test_every_rendering_decides_alike(backend: Lab, condition: Condition) -> None:
    """On every kind of record the engine decides as Python does, in either language."""
    records = {f"x#{number}": record for number, record in enumerate(RECORDS)}
    decided = {
        name: evaluate(condition, record, REQUEST.operands) for name, record in records.items()
    }
    for part in batched([*records], 25):
        seeded = [{"PutRequest": {"Item": item_of(name, records[name])}} for name in part]
        backend.client.batch_write_item(RequestItems={backend.table: seeded})
    # A statement finds no record where there is none, so only the expression can be asked.
    absent = {"nothing": evaluate(condition, None, REQUEST.operands)}
    assert decide_by_expression(backend, condition, [*records, *absent]) == decided | absent
    assert decide_by_partiql(backend, condition, [*records]) == decided


def item_of(name: str, record: Record) -> dict[str, Any]:
    """A record under this name, as DynamoDB takes it."""
    values = {attribute: getattr(record, attribute) for attribute in Record.__slots__}
    values["id"] = name
    return {attribute: written(value) for attribute, value in values.items() if value is not None}


def decide_by_expression(backend: Lab, condition: Condition, names: list[str]) -> dict[str, bool]:
    """Of which records the engine says that the condition holds, as an expression."""
    expression = render(condition, EXPRESSION)
    check = {
        "TableName": backend.table,
        "ConditionExpression": expression.text,
        "ExpressionAttributeNames": {f"#{name}": name for name in expression.attributes},
        "ExpressionAttributeValues": {
            f":{name}": written(REQUEST.operands[name]) for name in expression.operands
        },
    }
    decisions = {}
    for part in batched(names, 100):
        checks = [{"ConditionCheck": {**check, "Key": {"id": {"S": name}}}} for name in part]
        try:
            backend.client.transact_write_items(TransactItems=checks)
        except backend.client.exceptions.TransactionCanceledException as error:
            codes = [reason["Code"] for reason in error.response["CancellationReasons"]]
        else:
            codes = ["None"] * len(part)
        assert {*codes} <= {"None", "ConditionalCheckFailed"}
        decisions |= {name: code == "None" for name, code in zip(part, codes, strict=True)}
    return decisions


def decide_by_partiql(backend: Lab, condition: Condition, names: list[str]) -> dict[str, bool]:
    """The same in PartiQL."""
    rendered_text = render(condition, PARTIQL)
    statement = f'SELECT * FROM "{backend.table}" WHERE {rendered_text.text}'  # noqa: S608  # values are parameters
    parameters = [written(REQUEST.operands[name]) for name in rendered_text.operands]
    found = backend.client.execute_statement(Statement=statement, Parameters=parameters)
    assert "NextToken" not in found
    chosen = {item["id"]["S"] for item in found["Items"]}
    return {name: name in chosen for name in names}
