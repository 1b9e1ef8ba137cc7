"""Writes the README's tables of the module's inputs and outputs: ``make docs``.

    python -m scripts.inputs [--check]

The tables come from variables.tf and outputs.tf and from nowhere else. Descriptions that leave
something out are refused. With ``--check`` nothing is written: it says what differs.
"""

import argparse
import difflib
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from hcl2 import SerializationOptions
from hcl2.query import (
    AttributeView,
    BlockView,
    ConditionalView,
    DocumentView,
    ForObjectView,
    ForTupleView,
    FunctionCallView,
    NodeView,
    ObjectView,
    TupleView,
    view_for,
)
from hcl2.rules.expressions import ExprTermRule

from scripts.pages import render, table

ROOT: Final = Path(__file__).resolve().parents[1]
COLLECTIONS: Final = ("list", "map", "set")
REQUIRED: Final = "required"
COLUMNS: Final = ("type", "default", "limit", "description")
BELOW: Final = "the attributes below"
# A full stop and a capital begin another sentence.
LIMIT: Final = re.compile(r"(?P<before>.*?)\s*\bLimit: (?P<limit>(?:(?![.!?] [A-Z]).)+)\.")
SAME_ATTRIBUTES: Final = ("coalesce", "merge", "one", "try")
"""Functions that give the attributes of what they are given."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """An attribute of a variable's type, by its path."""

    path: str
    type: str
    default: str
    """As it is written; empty where the attribute is required."""

    is_object: bool
    """It has attributes of its own, which need bullets; it may do without."""


@dataclass(frozen=True, kw_only=True)
class Bullet:
    """What a description says of an attribute."""

    path: str
    limit: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An input of the module."""

    name: str
    type: str
    default: str
    """As it is written; empty where the variable is required."""

    intro: str
    """What is said of the variable itself."""

    attributes: tuple[Attribute, ...]
    bullets: tuple[Bullet, ...]

    @property
    def limit(self) -> str:
        """What a plain variable takes; empty unless the last sentence says so."""
        found = LIMIT.fullmatch(self.intro)
        return found["limit"] if found else ""

    @property
    def description(self) -> str:
        """What a plain variable is for: what is said before its limit."""
        found = LIMIT.fullmatch(self.intro)
        return found["before"] if found else self.intro


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output of the module, with the attributes of its value."""

    name: str
    description: str
    attributes: tuple[str, ...]


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Write the tables, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    check = parser.parse_args(arguments).check
    inputs = variables((root / "variables.tf").read_text(encoding="utf-8"))
    results = outputs((root / "outputs.tf").read_text(encoding="utf-8"))
    if wrong := defects(inputs, results):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    readme = root / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = render(old, {"inputs": inputs_section(inputs), "outputs": outputs_section(results)})
    if check and old != new:
        before, after = old.splitlines(), new.splitlines()
        lines = difflib.unified_diff(before, after, "README.md", "make docs", n=0, lineterm="")
        print(*lines, sep="\n")
        return 1
    if old != new:
        readme.write_text(new, encoding="utf-8")
        print("wrote README.md")
    return 0


def variables(text: str) -> tuple[Variable, ...]:
    """The variables of a Terraform file, in its order."""
    return tuple(_variable(block) for block in _blocks(text, "variable"))


def _variable(block: BlockView) -> Variable:
    typed = block.attribute("type")
    kind = _value(typed) if typed else None
    default = block.attribute("default")
    intro, bullets = _parts(_text(block, "description"))
    return Variable(
        name=block.name_labels[0],
        type=_short(kind) if kind else "any",
        default=_write_type(_value(default)) if default else "",
        intro=intro,
        attributes=tuple(_attributes(kind)) if kind else (),
        bullets=bullets,
    )


def _attributes(kind: NodeView, prefix: str = "") -> Iterator[Attribute]:
    """Every attribute of a type, or of its elements, before those of the attribute itself."""
    while isinstance(kind, FunctionCallView) and kind.name in COLLECTIONS:
        kind = _bare(kind.args[0])
    if not isinstance(kind, FunctionCallView) or kind.name != "object":
        return
    for key, value in _entries(kind.args[0]):
        of, default = value, ""
        if isinstance(value, FunctionCallView) and value.name == "optional":
            of, *rest = map(_bare, value.args)
            default = _write_type(rest[0]) if rest else "null"
        inner = tuple(_attributes(of, f"{prefix}{key}."))
        yield Attribute(path=prefix + key, type=_short(of), default=default, is_object=bool(inner))
        yield from inner


def _short(kind: NodeView) -> str:
    """A type without the attributes of its objects."""
    if isinstance(kind, FunctionCallView):
        inside = ", ".join(_short(_bare(each)) for each in kind.args)
        return "object" if kind.name == "object" else f"{kind.name}({inside})"
    if isinstance(kind, TupleView):
        return f"[{', '.join(_short(_bare(each)) for each in kind.elements)}]"
    return _write_type(kind)


def _parts(description: str) -> tuple[str, tuple[Bullet, ...]]:
    """What a description says of the variable itself, and its bullets.

    A bullet goes on in the lines that are indented.
    """
    intro: list[str] = []
    items: list[list[str]] = []
    for line in description.splitlines():
        if line.startswith("- "):
            items.append([line[2:]])
        elif items and line.startswith(" "):
            items[-1].append(line)
        else:
            intro.append(line)
    return _join_lines(intro), tuple(_bullet(_join_lines(item)) for item in items)


def _bullet(text: str) -> Bullet:
    """A bullet taken apart; what it lacks is empty."""
    path, _, rest = text.removeprefix("`").partition("`")
    if not text.startswith("`"):
        return Bullet(path="", limit="", description=text)
    rest = rest.lstrip()
    end = _find_closing(rest)
    limit, rest = (rest[1:end], rest[end + 1 :]) if end else ("", rest)
    # Without a colon the rest is no description: the limit may have been closed too early.
    description = rest[1:] if rest.startswith(":") else ""
    return Bullet(path=path, limit=limit.strip(), description=description.strip())


def _find_closing(text: str) -> int:
    """Where the parenthesis that opens a text is closed; 0 where none is.

    Those in code count no more than other characters.
    """
    depth, code = 0, False
    for place, character in enumerate(text if text.startswith("(") else ""):
        code ^= character == "`"
        depth += 0 if code else (character == "(") - (character == ")")
        if depth == 0:
            return place
    return 0


def outputs(text: str) -> tuple[Output, ...]:
    """The outputs of a Terraform file, in its order."""
    found = []
    for block in _blocks(text, "output"):
        value = block.attribute("value")
        found.append(
            Output(
                name=block.name_labels[0],
                description=_join_lines(_text(block, "description").splitlines()),
                # Both branches of a condition may give the same ones.
                attributes=tuple(dict.fromkeys(_keys(_value(value)))) if value else (),
            )
        )
    return tuple(found)


def _keys(value: NodeView, prefix: str = "") -> Iterator[str]:
    """The paths of the attributes of a value, or of its elements."""
    value = _bare(value)
    if isinstance(value, ObjectView):
        for key, each in _entries(value):
            yield from tuple(_keys(each, f"{prefix}{key}.")) or (prefix + key,)
    elif isinstance(value, ForObjectView | ForTupleView):
        yield from _keys(value.value_expr, prefix)
    elif isinstance(value, ConditionalView):
        yield from _keys(value.true_val, prefix)
        yield from _keys(value.false_val, prefix)
    elif isinstance(value, FunctionCallView) and value.name in SAME_ATTRIBUTES:
        for each in value.args:
            yield from _keys(each, prefix)


def defects(inputs: Iterable[Variable], results: Iterable[Output] = ()) -> list[str]:
    """What descriptions leave out, and what they name that does not exist."""
    found = [
        f"variables.tf: {variable.name}: {wrong}"
        for variable in inputs
        for wrong in _defects(variable)
    ]
    return found + [
        f"outputs.tf: {output.name}: it has no description"
        for output in results
        if not output.description
    ]


def _defects(variable: Variable) -> Iterator[str]:
    named = [bullet.path for bullet in variable.bullets]
    if variable.attributes and not variable.intro:
        yield "nothing is said before the bullets"
    if not variable.attributes and not variable.description:
        yield "it has no description"
    if not variable.attributes and not variable.limit:
        yield 'the last sentence of its description is not "Limit: ..."'
    for attribute in variable.attributes:
        if attribute.path not in named and not attribute.is_object:
            yield f"no bullet says what {attribute.path} is"
    for path in dict.fromkeys(named):
        if named.count(path) > 1:
            yield f"{named.count(path)} bullets say what {path} is"
    known = {attribute.path for attribute in variable.attributes}
    for bullet in variable.bullets:
        yield from _lacks(bullet, known)


def _lacks(bullet: Bullet, known: set[str]) -> Iterator[str]:
    if not bullet.path:
        yield f"a bullet begins with no name: {bullet.description}"
        return
    if bullet.path not in known:
        yield f"a bullet is of {bullet.path}, which is no attribute"
    if not bullet.limit:
        yield f"the bullet of {bullet.path} has no limit in parentheses after the name"
    if not bullet.description:
        yield f"the bullet of {bullet.path} has no description after a colon"


def inputs_section(inputs: Iterable[Variable]) -> str:
    """The plain variables in one table, then a table for each of the others."""
    inputs = tuple(inputs)
    plain = [
        _row(each.name, each.type, each.default, each.limit, each.description)
        for each in inputs
        if not each.attributes
    ]
    parts = [table(("input", *COLUMNS), plain)] if plain else []
    for variable in inputs:
        if variable.attributes:
            heading = f"**`{variable.name}`**: `{variable.type}`, {_default(variable.default)}."
            rows = table(("attribute", *COLUMNS), _rows(variable))
            parts += [f"{heading} {_markdown(variable.intro)}", rows]
    return "\n\n".join(parts)


def _rows(variable: Variable) -> list[list[str]]:
    """The attributes in the order of their bullets.

    An object that has no bullet stands before the first of its attributes.
    """
    known = {each.path: each for each in variable.attributes}
    said = {each.path: each for each in variable.bullets}
    rows: dict[str, list[str]] = {}
    for bullet in variable.bullets:
        names = bullet.path.split(".")
        paths = [".".join(names[:end]) for end in range(1, len(names) + 1)]
        for path in paths:
            of, about = known[path], said.get(path)
            limit, description = (about.limit, about.description) if about else ("", BELOW)
            rows[path] = _row(path, of.type, of.default, limit, description)
    return list(rows.values())


def _row(name: str, kind: str, default: str, limit: str, description: str) -> list[str]:
    value = f"`{default}`" if default else REQUIRED
    return [_cell(each) for each in (f"`{name}`", f"`{kind}`", value, limit, description)]


def outputs_section(results: Iterable[Output]) -> str:
    """All outputs in one table."""
    rows = [
        (f"`{each.name}`", ", ".join(f"`{key}`" for key in each.attributes), each.description)
        for each in results
    ]
    return table(("output", "attributes", "what"), [[*map(_cell, row)] for row in rows])


def _default(default: str) -> str:
    return f"default `{default}`" if default else REQUIRED


def _cell(text: str) -> str:
    """A text for a table, where a pipe ends a cell, even in code."""
    return _markdown(text).replace("|", r"\|")


def _markdown(text: str) -> str:
    """A text in which what looks like an HTML tag is shown."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        each if each.startswith("`") else re.sub(r"<(?!https?:)", "&lt;", each) for each in parts
    )


def _blocks(text: str, kind: str) -> Iterator[BlockView]:
    return (cast("BlockView", block) for block in DocumentView.parse(text).blocks(kind))


def _text(block: BlockView, name: str) -> str:
    """The text that an attribute of a block holds."""
    attribute = block.attribute(name)
    if attribute is None:
        return ""
    # The parser's own way with an indented heredoc would escape its quotation marks.
    written: str = _value(attribute).to_dict(SerializationOptions(strip_string_quotes=True))
    heredoc = re.fullmatch(r"<<-?(\w+)\n(.*?)\n?[ \t]*\1\s*", written, re.DOTALL)
    value = textwrap.dedent(heredoc[2]) if heredoc else written
    return value.replace("$${", "${").replace("%%{", "%{")


def _value(attribute: NodeView) -> NodeView:
    """What stands behind the equals sign."""
    return _bare(cast("AttributeView", attribute).value_node)


def _bare(node: NodeView) -> NodeView:
    """A node without the parentheses and wrappers around it."""
    while isinstance(node.raw, ExprTermRule):
        node = view_for(node.raw.expression)
    return node


def _entries(node: NodeView) -> list[tuple[str, NodeView]]:
    """The names and values of an object."""
    entries = cast("ObjectView", _bare(node)).entries
    return [(key.strip('"'), _bare(value)) for key, value in entries]


def _write_type(node: NodeView) -> str:
    """A node as it is written, on one line."""
    return " ".join(node.to_hcl().split())


def _join_lines(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())


if __name__ == "__main__":
    sys.exit(main())
