"""Conditions as data: each is written once and rendered for every engine that must keep it.

`expression` renders one for DynamoDB, `holds` decides it in Python for the in-memory store and
the simulation. Operands are names; their values come with each call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no record."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The attribute exists, and compares so with the operand."""

    attribute: str
    comparator: Literal["=", "<="]
    operand: str


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple["Condition", ...]


Condition = Absent | Compare | Every | Either


def holds(condition: Condition, record: Any | None, operands: Mapping[str, Any]) -> bool:
    """Whether the condition holds for a record: an object whose attributes may be None.

    As in DynamoDB, a comparison with an attribute that does not exist is false.
    """
    match condition:
        case Absent():
            return record is None
        case Compare(attribute, comparator, operand):
            value = None if record is None else getattr(record, attribute)
            if value is None:
                return False
            limit = operands[operand]
            return bool(value == limit if comparator == "=" else value <= limit)
        case Every(parts):
            return all(holds(part, record, operands) for part in parts)
        case Either(parts):
            return any(holds(part, record, operands) for part in parts)
        case _:
            assert_never(condition)


def expression(condition: Condition, *, key: str) -> str:
    """The DynamoDB condition expression, with every name and value aliased.

    Args:
        condition: what to render.
        key: the partition key's attribute, whose absence is the record's absence.
    """
    match condition:
        case Absent():
            return f"attribute_not_exists(#{key})"
        case Compare(attribute, comparator, operand):
            return f"#{attribute} {comparator} :{operand}"
        case Every(parts):
            return "(" + " AND ".join(expression(part, key=key) for part in parts) + ")"
        case Either(parts):
            return "(" + " OR ".join(expression(part, key=key) for part in parts) + ")"
        case _:
            assert_never(condition)
