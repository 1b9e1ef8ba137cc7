"""Writes the README's tables of the module's inputs and outputs: ``make docs``.

    python -m scripts.inputs [--check]

The tables come from variables*.tf and outputs.tf and from nowhere else. Descriptions that leave
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
    view_for,
)
from hcl2.rules.expressions import ExprTermRule

from scripts.pages import render, table

ROOT: Final = Path(__file__).resolve().parents[1]
COLLECTIONS: Final = ("list", "map", "set")
BULLET: Final = re.compile(r"`(?P<path>[\w.]+)`(?: \((?P<limit>.+?)\))?: (?P<text>.+)")
SAME_ATTRIBUTES: Final = ("coalesce", "merge", "one", "try")
"""Functions that give the attributes of what they are given."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """An attribute of a variable's type; its default as written, empty if it is required."""

    path: str
    type: str
    default: str


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An input of the module; its description is the intro before the bullets, and these."""

    name: str
    type: str
    default: str
    intro: str
    attributes: tuple[Attribute, ...]
    bullets: tuple[str, ...]


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
    variables = read_variables(root)
    outputs = parse_outputs((root / "outputs.tf").read_text(encoding="utf-8"))
    if defects := find_defects(variables, outputs):
        print(*defects, sep="\n", file=sys.stderr)
        return 1
    readme = root / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = render(old, {"inputs": write_inputs(variables), "outputs": write_outputs(outputs)})
    if check and old != new:
        before, after = old.splitlines(), new.splitlines()
        lines = difflib.unified_diff(before, after, "README.md", "make docs", n=0, lineterm="")
        print(*lines, sep="\n")
        return 1
    if old != new:
        readme.write_text(new, encoding="utf-8")
        print("wrote README.md")
    return 0


def read_variables(root: Path = ROOT) -> tuple[Variable, ...]:
    """Read the variables of a module from all its variables*.tf, by name."""
    texts = (path.read_text(encoding="utf-8") for path in root.glob("variables*.tf"))
    found = (variable for text in texts for variable in parse_variables(text))
    return tuple(sorted(found, key=lambda variable: variable.name))


def parse_variables(text: str) -> Iterator[Variable]:
    """Parse the variables of a Terraform file."""
    for block in _list_blocks(text, "variable"):
        typed, default = block.attribute("type"), block.attribute("default")
        kind = _get_value(typed) if typed else None
        intro, *bullets = re.split(r"^- ", _read_text(block, "description"), flags=re.MULTILINE)
        yield Variable(
            name=block.name_labels[0],
            type=_shorten(kind) if kind else "any",
            default=_join_words(_get_value(default).to_hcl()) if default else "",
            intro=_join_words(intro),
            attributes=tuple(_list_attributes(kind)) if kind else (),
            bullets=tuple(map(_join_words, bullets)),
        )


def _list_attributes(kind: NodeView, prefix: str = "") -> Iterator[Attribute]:
    """List every attribute of a type, or of the elements of a collection, the outer ones first."""
    while isinstance(kind, FunctionCallView) and kind.name in COLLECTIONS:
        kind = _unwrap(kind.args[0])
    if not isinstance(kind, FunctionCallView) or kind.name != "object":
        return
    for key, value in _list_entries(kind.args[0]):
        inner, default = value, ""
        if isinstance(value, FunctionCallView) and value.name == "optional":
            inner, *rest = map(_unwrap, value.args)
            default = _join_words(rest[0].to_hcl()) if rest else "null"
        yield Attribute(path=prefix + key, type=_shorten(inner), default=default)
        yield from _list_attributes(inner, f"{prefix}{key}.")


def _shorten(kind: NodeView) -> str:
    """Write a type without the attributes of its objects."""
    if isinstance(kind, FunctionCallView):
        inside = ", ".join(_shorten(_unwrap(argument)) for argument in kind.args)
        return "object" if kind.name == "object" else f"{kind.name}({inside})"
    return _join_words(kind.to_hcl())


def parse_outputs(text: str) -> list[Output]:
    """Parse the outputs of a Terraform file, in its order."""
    return [
        Output(
            name=block.name_labels[0],
            description=_join_words(_read_text(block, "description")),
            # Both branches of a condition may give the same ones.
            attributes=tuple(dict.fromkeys(_list_keys(_get_value(value)))),
        )
        for block in _list_blocks(text, "output")
        if (value := block.attribute("value"))
    ]


def _list_keys(value: NodeView, prefix: str = "") -> Iterator[str]:
    """List the paths of the attributes of a value, or of its elements."""
    value = _unwrap(value)
    if isinstance(value, ObjectView):
        for key, entry in _list_entries(value):
            yield from tuple(_list_keys(entry, f"{prefix}{key}.")) or (prefix + key,)
    elif isinstance(value, ForObjectView | ForTupleView):
        yield from _list_keys(value.value_expr, prefix)
    elif isinstance(value, ConditionalView):
        yield from _list_keys(value.true_val, prefix)
        yield from _list_keys(value.false_val, prefix)
    elif isinstance(value, FunctionCallView) and value.name in SAME_ATTRIBUTES:
        for argument in value.args:
            yield from _list_keys(argument, prefix)


def find_defects(variables: Iterable[Variable], outputs: Iterable[Output] = ()) -> list[str]:
    """Find what descriptions leave out, and what they name that does not exist."""
    found = [
        f"variable {variable.name}: {defect}"
        for variable in variables
        for defect in _find_defects(variable)
    ]
    bare = [output.name for output in outputs if not output.description]
    return [*found, *(f"output {name}: it has no description" for name in bare)]


def _find_defects(variable: Variable) -> Iterator[str]:
    if not variable.intro:
        yield "it has no description before the bullets"
    named = []
    for bullet in variable.bullets:
        if match := BULLET.fullmatch(bullet):
            named.append(match["path"])
        else:
            yield f"a bullet is not `name`: text, nor `name` (limit): text: {bullet}"
    known = {attribute.path for attribute in variable.attributes}
    parents = {path.rpartition(".")[0] for path in known}
    for attribute in variable.attributes:
        if attribute.path not in {*named, *parents}:
            yield f"no bullet says what {attribute.path} is"
    for path in dict.fromkeys(named):
        if path not in known:
            yield f"a bullet is of {path}, which is no attribute"
        if named.count(path) > 1:
            yield f"{named.count(path)} bullets say what {path} is"


def write_inputs(variables: Sequence[Variable]) -> str:
    """Write the plain variables in one table, then a table for each of the others."""
    plain = [
        _write_row(variable.name, variable, variable.intro)
        for variable in variables
        if not variable.attributes
    ]
    parts = [table(("input", "type", "default", "description"), plain)]
    for variable in variables:
        if variable.attributes:
            default = f"default `{variable.default}`" if variable.default else "required"
            heading = f"**`{variable.name}`**: `{variable.type}`, {default}."
            columns = ("attribute", "type", "default", "limit", "description")
            parts += [
                f"{heading} {_show_tags(variable.intro)}",
                table(columns, _write_attributes(variable)),
            ]
    return "\n\n".join(parts)


def _write_attributes(variable: Variable) -> list[list[str]]:
    """Write the attributes in the order of their bullets.

    An object that has no bullet stands before the first of its attributes.
    """
    known = {attribute.path: attribute for attribute in variable.attributes}
    rows: dict[str, list[str]] = {}
    for match in filter(None, map(BULLET.fullmatch, variable.bullets)):
        names = match["path"].split(".")
        for path in (".".join(names[:end]) for end in range(1, len(names))):
            rows.setdefault(path, _write_row(path, known[path], "", "the attributes below"))
        path, limit = match["path"], match["limit"] or ""
        rows[path] = _write_row(path, known[path], limit, match["text"])
    return list(rows.values())


def _write_row(name: str, typed: Variable | Attribute, *texts: str) -> list[str]:
    default = f"`{typed.default}`" if typed.default else "required"
    return [_write_cell(text) for text in (f"`{name}`", f"`{typed.type}`", default, *texts)]


def write_outputs(outputs: Iterable[Output]) -> str:
    """Write all outputs in one table."""
    rows = [
        (f"`{output.name}`", ", ".join(f"`{key}`" for key in output.attributes), output.description)
        for output in outputs
    ]
    return table(("output", "attributes", "what"), [[*map(_write_cell, row)] for row in rows])


def _write_cell(text: str) -> str:
    """Write a text for a table, where a pipe ends a cell, even in code."""
    return _show_tags(text).replace("|", r"\|")


def _show_tags(text: str) -> str:
    """Escape what looks like an HTML tag, outside of code."""
    return re.sub(r"(`[^`]*`)|<(?!https?:)", lambda found: found[1] or "&lt;", text)


def _list_blocks(text: str, kind: str) -> Iterator[BlockView]:
    return (cast("BlockView", block) for block in DocumentView.parse(text).blocks(kind))


def _read_text(block: BlockView, name: str) -> str:
    """Read the text that an attribute of a block holds."""
    attribute = block.attribute(name)
    if attribute is None:
        return ""
    # The parser's own way with an indented heredoc would escape its quotation marks.
    written: str = _get_value(attribute).to_dict(SerializationOptions(strip_string_quotes=True))
    heredoc = re.fullmatch(r"<<-?(\w+)\n(.*?)\n?[ \t]*\1\s*", written, re.DOTALL)
    value = textwrap.dedent(heredoc[2]) if heredoc else written
    return value.replace("$${", "${").replace("%%{", "%{")


def _get_value(attribute: NodeView) -> NodeView:
    """Return what stands behind the equals sign."""
    return _unwrap(cast("AttributeView", attribute).value_node)


def _unwrap(node: NodeView) -> NodeView:
    """Return a node without the parentheses and wrappers around it."""
    while isinstance(node.raw, ExprTermRule):
        node = view_for(node.raw.expression)
    return node


def _list_entries(node: NodeView) -> list[tuple[str, NodeView]]:
    """List the names and values of an object."""
    entries = cast("ObjectView", _unwrap(node)).entries
    return [(key.strip('"'), _unwrap(value)) for key, value in entries]


def _join_words(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
