"""The part of CloudWatch Logs Insights that the pages use, run over the lines of a log.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Line = Mapping[str, Any]
Row = dict[str, Any]

_TOKEN = re.compile(r'\s*("[^"]*"|\'[^\']*\'|!=|>=|<=|[=<>()\[\],]|[@\w][\w.]*)')
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
}
_STATISTICS: dict[str, Callable[[Sequence[Any]], Any]] = {"max": max, "count": len}


class QueryError(Exception):
    """The query is not in the part that is understood here."""


def read_field(line: Line, path: str) -> Any:
    """Return a field such as ``errors.0.type``; None if the line lacks it.

    A truth value becomes a number: "In CloudWatch Logs Insights, boolean values are 1 and 0", as
    https://github.com/aws-powertools/powertools-lambda-dotnet/issues/667 found.
    """
    found: Any = line
    for part in path.split("."):
        if isinstance(found, list):
            found = found[int(part)] if part.isdecimal() and int(part) < len(found) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return int(found) if isinstance(found, bool) else found


def run_query(query: str, lines: Sequence[Line]) -> list[Row]:
    """Return the rows that a query finds in lines.

    Raises:
        QueryError: the query is not in the part that is understood here.
    """
    rows: list[Any] = list(lines)
    for number, command in enumerate(query.split("\n| ")):
        name, _, rest = command.strip().partition(" ")
        if name == "filter":
            accepts = _Condition(rest).parse()
            rows = [row for row in rows if accepts(row)]
        elif name == "display" and number:
            fields = re.split(r",\s*", rest)
            rows = [{field: read_field(row, field) for field in fields} for row in rows]
        elif name == "stats" and number:
            rows = _count(rest, rows)
        elif name == "fields" and number:
            rows = _add_field(rest, rows)
        elif name == "sort" and number:
            field, _, order = rest.partition(" ")
            rows.sort(key=lambda row: row.get(field, 0), reverse=order == "desc")
        else:
            raise QueryError(command)
    return rows


def _add_field(text: str, rows: Sequence[Line]) -> list[Row]:
    found = re.fullmatch(r"coalesce\((.+)\) as (\w+)", text)
    if found is None:
        raise QueryError(text)
    fields, name = re.split(r",\s*", found[1]), found[2]
    values = [[read_field(row, field) for field in fields] for row in rows]
    chosen = [next((value for value in some if value is not None), None) for some in values]
    return [{**row, name: value} for row, value in zip(rows, chosen, strict=True)]


def _count(text: str, rows: Sequence[Line]) -> list[Row]:
    wanted, _, by = text.partition(" by ")
    groups: dict[tuple[Any, ...], list[Line]] = {}
    fields = re.split(r",\s*", by)
    for row in rows:
        groups.setdefault(tuple(read_field(row, field) for field in fields), []).append(row)
    columns = re.findall(r"(\w+)\(([\w.*]+)\)(?: as (\w+))?", wanted)
    if not columns or not by:
        raise QueryError(text)
    counted = []
    for key, members in groups.items():
        values: Row = {}
        for function, field, name in columns:
            found = [read_field(member, field) for member in members] if field != "*" else members
            present = [value for value in found if value is not None]
            values[name or f"{function}({field})"] = _STATISTICS[function](present or [0])
        counted.append(values | dict(zip(fields, key, strict=True)))
    return counted


class _Condition:
    """A condition of ``filter``, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s(?=(?:[^\"']|\"[^\"]*\"|'[^']*')*$)", "", text):
            raise QueryError(text)

    def parse(self) -> Callable[[Line], bool]:
        condition = self._either()
        if self._tokens:
            raise QueryError(" ".join(self._tokens))
        return condition

    def _next(self, *accepted: str) -> str | None:
        if self._tokens and (not accepted or self._tokens[0] in accepted):
            return str(self._tokens.pop(0))
        return None

    def _either(self) -> Callable[[Line], bool]:
        parts = [self._both()]
        while self._next("or"):
            parts.append(self._both())
        return lambda line: any(part(line) for part in parts)

    def _both(self) -> Callable[[Line], bool]:
        parts = [self._one()]
        while self._next("and"):
            parts.append(self._one())
        return lambda line: all(part(line) for part in parts)

    def _one(self) -> Callable[[Line], bool]:
        if self._next("("):
            inner = self._either()
            self._require(")")
            return inner
        field = self._next() or ""
        if field == "ispresent":
            self._require("(")
            field = self._next() or ""
            self._require(")")
            return lambda line: read_field(line, field) is not None
        if self._next("in"):
            values = []
            self._require("[")
            while not self._next("]"):
                values.append(self._literal())
                self._next(",")
            return lambda line: read_field(line, field) in values
        # Boolean operators take comparisons only, so a field alone is not a condition:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
        compare = _COMPARISONS.get(self._next() or "")
        if compare is None or field == "not":
            raise QueryError(f"{field} is not compared")
        value = self._literal()
        return lambda line: (found := read_field(line, field)) is not None and compare(found, value)

    def _require(self, token: str) -> None:
        if not self._next(token):
            raise QueryError(f"{token} is missing")

    def _literal(self) -> Any:
        token = self._next() or ""
        if token.isdecimal():
            return int(token)
        if token[:1] not in {'"', "'"}:
            raise QueryError(f"{token} is not a value")
        return token[1:-1]
