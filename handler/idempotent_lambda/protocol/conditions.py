"""Conditions as data: each condition is written once and rendered for every backend.

`render` writes a condition in one of DynamoDB's languages. `evaluate` decides it in Python for the
in-memory store and the simulation. Operands are names; their values come with each call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, assert_never


@dataclass(frozen=True, slots=True)
class Missing:
    """The attribute is missing. If there is no record, every attribute is missing."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The attribute exists, and its comparison with the operand is true."""

    attribute: str
    comparator: Literal["=", "<="]
    operand: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The attribute exists, and is a set that contains the operand."""

    attribute: str
    operand: str


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple["Condition", ...]


Condition = Missing | Compare | Contains | And | Or


def evaluate(condition: Condition, record: object | None, operands: Mapping[str, Any]) -> bool:
    """Whether the condition holds for a record, an object whose attributes may be None.

    As in DynamoDB, a comparison is false if the attribute is missing or has another type.
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
        case And(parts):
            return all(evaluate(part, record, operands) for part in parts)
        case Or(parts):
            return any(evaluate(part, record, operands) for part in parts)
        case _:
            assert_never(condition)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The syntax of a language, as templates for the parts of a condition; braces take a name.

    Attributes:
        missing: test that an attribute is missing.
        contains: test that a set attribute contains an operand.
        attribute: value of an attribute.
        operand: value that comes with the call.
    """

    missing: str
    contains: str
    attribute: str
    operand: str


EXPRESSION = Dialect("attribute_not_exists(#{})", "contains({}, {})", "#{}", ":{}")
"""Condition expressions, with an alias for every name and value."""

PARTIQL = Dialect('"{}" IS MISSING', "contains({}, {})", '"{}"', "?")
"""PartiQL. Operands have no names: their values follow in the order of the placeholders."""


class RenderedExpression(NamedTuple):
    """A condition or another expression, as text.

    Attributes:
        text: expression in DynamoDB's syntax.
        attributes: attribute names in the text, in order and with repetitions.
        operands: operand names in the text, in order and with repetitions.
    """

    text: str
    attributes: tuple[str, ...]
    operands: tuple[str, ...]


def render(condition: Condition, dialect: Dialect) -> RenderedExpression:
    """Render a condition in a dialect."""
    match condition:
        case Missing(attribute):
            return RenderedExpression(dialect.missing.format(attribute), (attribute,), ())
        case Compare(attribute, comparator, operand):
            left, right = dialect.attribute.format(attribute), dialect.operand.format(operand)
            return RenderedExpression(f"{left} {comparator} {right}", (attribute,), (operand,))
        case Contains(attribute, operand):
            left, right = dialect.attribute.format(attribute), dialect.operand.format(operand)
            return RenderedExpression(
                dialect.contains.format(left, right), (attribute,), (operand,)
            )
        case And(parts):
            return _join(" AND ", [render(part, dialect) for part in parts])
        case Or(parts):
            return _join(" OR ", [render(part, dialect) for part in parts])
        case _:
            assert_never(condition)


def _join(conjunction: str, parts: list[RenderedExpression]) -> RenderedExpression:
    return RenderedExpression(
        "(" + conjunction.join(part.text for part in parts) + ")",
        tuple(name for part in parts for name in part.attributes),
        tuple(name for part in parts for name in part.operands),
    )
