"""Conditions as data: each is written once and rendered for every engine that must keep it.

`rendered` writes one in a language of DynamoDB's, `holds` decides it in Python for the in-memory
store and the simulation. Operands are names; their values come with each call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such attribute; where there is no record, there is none at all."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The attribute exists, and compares so with the operand."""

    attribute: str
    comparator: Literal["=", "<="]
    operand: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The attribute exists, and is a set that the operand is in."""

    attribute: str
    operand: str


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple["Condition", ...]


Condition = Missing | Compare | Contains | Every | Either


def holds(condition: Condition, record: Any | None, operands: Mapping[str, Any]) -> bool:
    """Whether the condition holds for a record: an object whose attributes may be None.

    As in DynamoDB, a comparison is false if the attribute is missing or of another type.
    """
    match condition:
        case Missing(attribute):
            return record is None or getattr(record, attribute) is None
        case Compare(attribute, comparator, operand):
            value = None if record is None else getattr(record, attribute)
            limit = operands[operand]
            if not isinstance(value, type(limit)):
                return False
            return bool(value == limit if comparator == "=" else value <= limit)
        case Contains(attribute, operand):
            members = getattr(record, attribute, None)
            return isinstance(members, frozenset) and operands[operand] in members
        case Every(parts):
            return all(holds(part, record, operands) for part in parts)
        case Either(parts):
            return any(holds(part, record, operands) for part in parts)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a language writes the parts of a condition; the braces take a name.

    Attributes:
        missing: that there is no attribute of this name.
        contains: that an attribute, which is a set, has an operand in it.
        attribute: the value of an attribute.
        operand: the value that comes with the call.
    """

    missing: str
    contains: str
    attribute: str
    operand: str


EXPRESSION = Dialect("attribute_not_exists(#{})", "contains({}, {})", "#{}", ":{}")
"""Condition expressions, with every name and value aliased."""

PARTIQL = Dialect('"{}" IS MISSING', "contains({}, {})", '"{}"', "?")
"""PartiQL; the operands follow in the order in which an expression names them."""


def rendered(condition: Condition, dialect: Dialect) -> str:
    """The condition in a dialect."""
    match condition:
        case Missing(attribute):
            return dialect.missing.format(attribute)
        case Compare(attribute, comparator, operand):
            left, right = dialect.attribute.format(attribute), dialect.operand.format(operand)
            return f"{left} {comparator} {right}"
        case Contains(attribute, operand):
            return dialect.contains.format(
                dialect.attribute.format(attribute), dialect.operand.format(operand)
            )
        case Every(parts):
            return "(" + " AND ".join(rendered(part, dialect) for part in parts) + ")"
        case Either(parts):
            return "(" + " OR ".join(rendered(part, dialect) for part in parts) + ")"
