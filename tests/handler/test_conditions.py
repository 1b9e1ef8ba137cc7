"""Conditions as data: how they read to DynamoDB, and what they decide in Python."""

import re
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from idempotent_lambda.claims import (
    CLAIMABLE,
    EXPIRED,
    FREE,
    LAPSED,
    OWNED,
    Owner,
    Record,
    Request,
)
from idempotent_lambda.clock import EpochMillis, EpochSeconds, Seconds
from idempotent_lambda.conditions import (
    EXPRESSION,
    PARTIQL,
    Absent,
    Compare,
    Condition,
    Either,
    Every,
    holds,
    rendered,
)

from .conftest import Lab


@dataclass
class Thing:
    """Any record."""

    size: int | None = None
    name: str | None = None


SMALL = Compare("size", "<=", "limit")
CALLED = Compare("name", "=", "name")
OPERANDS = {"limit": 10, "name": "x"}


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Absent(), "attribute_not_exists(#id)"),
        (SMALL, "#size <= :limit"),
        (CALLED, "#name = :name"),
        (Every((SMALL, CALLED)), "(#size <= :limit AND #name = :name)"),
        (Either((Absent(), SMALL)), "(attribute_not_exists(#id) OR #size <= :limit)"),
        (
            OWNED,
            "(#owner = :owner AND #status = :in_progress)",
        ),
        (
            FREE,
            "(attribute_not_exists(#id) OR (#status = :completed AND #expires_at <= :now_seconds))",
        ),
        (
            CLAIMABLE,
            (
                "(attribute_not_exists(#id)"
                " OR (#status = :completed AND #expires_at <= :now_seconds)"
                " OR (#status = :in_progress AND #lease_expires_at <= :now_millis))"
            ),
        ),
    ],
)
def test_expression(condition: Condition, text: str) -> None:
    """Each condition reads to DynamoDB as docs/protocol.md writes it, every name aliased."""
    assert rendered(condition, EXPRESSION, key="id") == text


def operands_of(condition: Condition) -> tuple[str, ...]:
    """The operands in the order in which an expression names them."""
    return tuple(re.findall(r":(\w+)", rendered(condition, EXPRESSION, key="id")))


@pytest.mark.parametrize(
    ("condition", "text", "operands"),
    [
        (Absent(), '"id" IS MISSING', ()),
        (SMALL, '"size" <= ?', ("limit",)),
        (
            Either((Every((SMALL, CALLED)), SMALL)),
            '(("size" <= ? AND "name" = ?) OR "size" <= ?)',
            ("limit", "name", "limit"),
        ),
        (OWNED, '("owner" = ? AND "status" = ?)', ("owner", "in_progress")),
    ],
)
def test_partiql(condition: Condition, text: str, operands: tuple[str, ...]) -> None:
    """In PartiQL each name is quoted, and the operands follow in the order of their marks."""
    assert rendered(condition, PARTIQL, key="id") == text
    assert operands_of(condition) == operands


@pytest.mark.parametrize(
    ("condition", "thing", "outcome"),
    [
        (Absent(), None, True),
        (Absent(), Thing(), False),
        (SMALL, Thing(size=10), True),
        (SMALL, Thing(size=11), False),
        (SMALL, Thing(size=0), True),
        (CALLED, Thing(name="x"), True),
        (CALLED, Thing(name="y"), False),
        (Every((SMALL, CALLED)), Thing(size=1, name="x"), True),
        (Every((SMALL, CALLED)), Thing(size=1, name="y"), False),
        (Every((SMALL, CALLED)), Thing(size=11, name="x"), False),
        (Either((SMALL, CALLED)), Thing(size=1, name="y"), True),
        (Either((SMALL, CALLED)), Thing(size=11, name="y"), False),
        (Either((Absent(), Every((SMALL, CALLED)))), None, True),
    ],
)
def test_holds(condition: Condition, thing: Thing | None, outcome: bool) -> None:
    """The same condition, decided in Python."""
    assert holds(condition, thing, OPERANDS) is outcome


@pytest.mark.parametrize("condition", [SMALL, CALLED, Every((SMALL,)), Either((SMALL, CALLED))])
@pytest.mark.parametrize("thing", [None, Thing()])
def test_a_missing_attribute_compares_as_false(condition: Condition, thing: Thing | None) -> None:
    """As in DynamoDB, no comparison holds for an attribute that is not there."""
    assert holds(condition, thing, OPERANDS) is False


NOW = EpochMillis(5_000)
REQUEST = Request(record_id="x", owner=Owner("mine"), now=NOW, retention=Seconds(60))
RECORD = Record(
    id="x",
    status="IN_PROGRESS",
    owner=Owner("mine"),
    expires_at=EpochSeconds(5),
    created_at=EpochMillis(1),
)
RECORDS = [
    replace(RECORD, status=status, owner=Owner(owner), expires_at=expiry, lease_expires_at=lease)
    for status, owner, expiry, lease in product(
        ("IN_PROGRESS", "COMPLETED", "PARKED"),
        ("mine", "theirs"),
        (EpochSeconds(5), EpochSeconds(6)),
        (None, NOW, EpochMillis(NOW + 1)),
    )
]


def written(value: Any) -> dict[str, str]:
    """A value as DynamoDB takes it."""
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


@pytest.mark.emulator
@pytest.mark.parametrize(
    "condition",
    [EXPIRED, LAPSED, FREE, CLAIMABLE, OWNED],
    ids=["expired", "lapsed", "free", "claimable", "owned"],
)
def test_every_rendering_decides_alike(lab: Lab, condition: Condition) -> None:
    """On every kind of record the engine decides as Python does, in either language."""
    operands = operands_of(condition)
    expression = rendered(condition, EXPRESSION, key="id")
    names = set(re.findall(r"#(\w+)", expression))
    check = {
        "TableName": lab.table,
        "Key": {"id": {"S": "x"}},
        "ConditionExpression": expression,
        "ExpressionAttributeNames": {f"#{each}": each for each in names},
        "ExpressionAttributeValues": {
            f":{each}": written(REQUEST.operands[each]) for each in operands
        },
    }
    where = f'"id" = ? AND {rendered(condition, PARTIQL, key="id")}'
    statement = f'SELECT * FROM "{lab.table}" WHERE {where}'  # noqa: S608  # values are parameters
    values = ["x", *(REQUEST.operands[each] for each in operands)]

    def by_expression() -> bool:
        try:
            lab.client.transact_write_items(TransactItems=[{"ConditionCheck": check}])
        except lab.client.exceptions.TransactionCanceledException:
            return False
        return True

    def by_partiql() -> bool:
        parameters = [written(each) for each in values]
        found = lab.client.execute_statement(Statement=statement, Parameters=parameters)
        return bool(found["Items"])

    # A statement finds no record where there is none, so only the expression can be asked.
    assert by_expression() is holds(condition, None, REQUEST.operands)
    for record in RECORDS:
        item = {name: getattr(record, name) for name in Record.__slots__}
        item = {name: written(value) for name, value in item.items() if value is not None}
        lab.client.put_item(TableName=lab.table, Item=item)
        decided = holds(condition, record, REQUEST.operands)
        assert (by_expression(), by_partiql()) == (decided, decided), record
