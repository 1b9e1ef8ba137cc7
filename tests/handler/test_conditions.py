"""Conditions as data: how they read to DynamoDB, and what they decide in Python."""

from dataclasses import dataclass

import pytest

from idempotent_lambda.claims import CLAIMABLE, FREE, OWNED
from idempotent_lambda.conditions import (
    Absent,
    Compare,
    Condition,
    Either,
    Every,
    expression,
    holds,
)


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
    assert expression(condition, key="id") == text


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
