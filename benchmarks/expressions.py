"""The subset of DynamoDB's expressions and PartiQL that the contenders use.

A condition resembles Python: it is translated once, word by word, and evaluated as Python. The
texts come only from the contenders. An unknown word is the name of an attribute.
"""

import functools
import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

TOKEN: Final = re.compile(r'[#:]?\w+|"\w+"|<=|[=<(),+]')
WORDS: Final = {"AND": "and", "OR": "or", "=": "=="}
KEPT: Final = {"<", "<=", "(", ")", ",", "+"}
CLAUSE: Final = re.compile(r"\b(SET|REMOVE) (.+?)\s*(?=$|\bSET |\bREMOVE )")
INSERT: Final = re.compile(r'INSERT INTO "(.+?)" VALUE \{(.+)\}')
WRITE: Final = re.compile(r'(?:UPDATE|DELETE FROM) "(.+?)" (.*?)\s*WHERE (.+)')

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value as DynamoDB writes it, ``{"S": "text"}``; None for a missing attribute."""

    typed: Any

    def _compared(self, other: "Value", compare: Callable[[Any, Any], bool]) -> bool:
        # As in DynamoDB, a missing value or one of another type compares as false.
        if self.typed is None or other.typed is None or self.typed.keys() != other.typed.keys():
            return False
        ((kind, one),), ((_, two),) = self.typed.items(), other.typed.items()
        return compare(float(one), float(two)) if kind == "N" else compare(one, two)

    __eq__ = functools.partialmethod(_compared, compare=operator.eq)
    __lt__ = functools.partialmethod(_compared, compare=operator.lt)
    __le__ = functools.partialmethod(_compared, compare=operator.le)
    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: "Value") -> "Value":
        return Value({"N": str(int(self.typed["N"]) + int(other.typed["N"]))})


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "attribute_exists": lambda value: value.typed is not None,
    "attribute_not_exists": lambda value: value.typed is None,
    "if_not_exists": lambda value, other: other if value.typed is None else value,
}


class Scope(NamedTuple):
    """The item, and the request's names and values, to which a text may refer."""

    item: Item
    names: Mapping[str, str]
    values: Mapping[str, Any]

    def attribute(self, token: str) -> Value:
        """Return an attribute of the item, by its name or a placeholder for the name."""
        return Value(self.item.get(self.names.get(token, token)))

    def value(self, token: str) -> Value:
        """Return a value of the request, by its placeholder."""
        return Value(self.values[token])


class Statement(NamedTuple):
    """A PartiQL statement on one key; its parameters are the values ``:0``, ``:1``, and so on.

    Attributes:
        verb: INSERT, UPDATE or DELETE.
        table: the table's name.
        changes: its SET and REMOVE clauses; an INSERT is a SET of every attribute.
        condition: the WHERE clause, key included; an INSERT has none.
    """

    verb: str
    table: str
    changes: str
    condition: str

    def key(self, name: str) -> str:
        """Return the placeholder of the key, given the name of the key's attribute."""
        found = re.search(rf'"?\b{name}\b"? = (:\d+)', self.condition or self.changes)
        if not found:
            raise ValueError(f"not understood: no key {name!r} in {self}")
        return found[1]


@functools.lru_cache(maxsize=256)
def statement(text: str) -> Statement:
    """Parse a PartiQL text.

    Raises:
        ValueError: the contenders use no such statement.
    """
    places = itertools.count()
    numbered = re.sub(r"\?", lambda _: f":{next(places)}", text)
    if found := INSERT.fullmatch(numbered):
        pairs = re.sub(r"'(\w+)': ", r"\1 = ", found[2])
        return Statement("INSERT", found[1], f"SET {pairs}", "")
    if found := WRITE.fullmatch(numbered):
        return Statement(text.split(maxsplit=1)[0], *found.groups())
    raise ValueError(f"not understood: {text}")


def contains(condition: str, scope: Scope) -> bool:
    """Return whether a condition holds."""
    return bool(_evaluated(condition, scope))


def updated(changes: str, scope: Scope) -> dict[str, Any]:
    """Return the item after SET and REMOVE clauses, which all see the old item."""
    item = dict(scope.item)
    for token, expression in _changes(changes):
        name = scope.names.get(token, token)
        if expression:
            item[name] = _evaluated(expression, scope).typed
        else:
            item.pop(name, None)
    return item


@functools.lru_cache(maxsize=256)
def _changes(text: str) -> Sequence[tuple[str, str]]:
    """Return each attribute with its new value; an empty text if it is removed."""
    found = []
    for _, changes in CLAUSE.findall(text):
        for change in re.split(r",\s*(?![^(]*\))", changes):
            token, _, expression = change.partition("=")
            found.append((token.strip(' "'), expression.strip()))
    return found


def _evaluated(text: str, scope: Scope) -> Any:
    return eval(_translated(text), {**FUNCTIONS, "s": scope})  # noqa: S307  # see above


@functools.lru_cache(maxsize=256)
def _translated(text: str) -> Any:
    return compile(" ".join(map(_word, TOKEN.findall(text))), text, "eval")


def _word(token: str) -> str:
    if token in KEPT or token in FUNCTIONS:
        return token
    if token.startswith(":"):
        return f"s.value({token!r})"
    name = token.strip('"')
    return WORDS.get(token.upper()) or f"s.attribute({name!r})"
