"""Writes the tables of the module's inputs and outputs in docs/inputs.md: ``make docs``.

    python -m scripts.inputs

The tables come only from variables*.tf and outputs.tf. The script refuses incomplete descriptions.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple, cast

from hcl2 import SerializationOptions
from hcl2.query import (
    AttributeView,
    BlockView,
    DocumentView,
    FunctionCallView,
    NodeView,
    ObjectView,
    view_for,
)
from hcl2.rules.expressions import ExprTermRule

from scripts.pages import render, table

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = "docs/inputs.md"
BULLET: Final = re.compile(r"`(?P<path>[\w.]+)`(?: \((?P<limit>.+?)\))?: (?P<text>.+)")


class Attribute(NamedTuple):
    """An attribute of a variable's type; its default as written, empty if it is required."""

    path: str
    type: str
    default: str


class Variable(NamedTuple):
    """An input of the module; its description consists of an intro and bullets."""

    name: str
    type: str
    default: str
    intro: str
    attributes: tuple[Attribute, ...]
    bullets: tuple[str, ...]


def write_page(root: Path = ROOT) -> str:
    """Return the page with new tables; raise ValueError if a description is incomplete."""
    variables = read_variables(root)
    outputs = parse_outputs((root / "outputs.tf").read_text(encoding="utf-8"))
    if defects := list(find_defects(variables, outputs)):
        raise ValueError("\n".join(defects))
    sections = {"inputs": write_inputs(variables), "outputs": write_outputs(outputs)}
    return render((root / PAGE).read_text(encoding="utf-8"), sections)


def read_variables(root: Path = ROOT) -> tuple[Variable, ...]:
    """Read the variables of a module from all its variables*.tf, by name."""
    texts = (path.read_text(encoding="utf-8") for path in root.glob("variables*.tf"))
    return tuple(sorted(variable for text in texts for variable in parse_variables(text)))


def parse_variables(text: str) -> Iterator[Variable]:
    """Parse the variables of a Terraform file."""
    for block in _list_blocks(text, "variable"):
        kind, default = _find_value(block, "type"), _find_value(block, "default")
        intro, *bullets = re.split(r"^- ", _read_description(block), flags=re.MULTILINE)
        yield Variable(
            name=block.name_labels[0],
            type=_shorten(kind) if kind else "any",
            default=_join_words(default.to_hcl()) if default else "",
            intro=_join_words(intro),
            attributes=tuple(_list_attributes(kind)) if kind else (),
            bullets=tuple(map(_join_words, bullets)),
        )


def _list_attributes(kind: NodeView, prefix: str = "") -> Iterator[Attribute]:
    """List every attribute of a type, or of the elements of a collection, the outer ones first."""
    while isinstance(kind, FunctionCallView) and kind.name in {"list", "map", "set"}:
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
    return re.sub(r"object\(.*\}\s*\)", "object", _join_words(kind.to_hcl()))


def parse_outputs(text: str) -> dict[str, str]:
    """Parse the descriptions of the outputs of a Terraform file, by name."""
    blocks = _list_blocks(text, "output")
    return {block.name_labels[0]: _join_words(_read_description(block)) for block in blocks}


def find_defects(variables: Iterable[Variable], outputs: Mapping[str, str]) -> Iterator[str]:
    """Find attributes that descriptions leave out, and bullets without an attribute."""
    for variable in variables:
        place = f"variable {variable.name}"
        if not variable.intro:
            yield f"{place}: it has no description before the bullets"
        known = [attribute.path for attribute in variable.attributes]
        parents = {path.rpartition(".")[0] for path in known}
        named: list[str] = []
        for bullet in variable.bullets:
            match = BULLET.fullmatch(bullet)
            if match and match["path"] in known:
                named.append(match["path"])
            else:
                shape = "`attribute`: text, nor `attribute` (limit): text"
                yield f"{place}: a bullet is not {shape}: {bullet}"
        for path in known:
            count = named.count(path)
            if count > 1 or (count == 0 and path not in parents):
                yield f"{place}: {count} bullets say what {path} is"
    for name, description in outputs.items():
        if not description:
            yield f"output {name}: it has no description"


def write_inputs(variables: Sequence[Variable]) -> str:
    """Write the plain variables in one table, then a table for each of the others."""
    plain = [_write_row(v.name, v, v.intro) for v in variables if not v.attributes]
    parts = [table(("input", "type", "default", "description"), plain)]
    for variable in variables:
        if variable.attributes:
            default = f"default `{variable.default}`" if variable.default else "required"
            heading = f"**`{variable.name}`**: `{variable.type}`, {default}."
            columns = ("attribute", "type", "default", "limit", "description")
            rows = _write_attributes(variable)
            parts += [f"{heading} {_show_tags(variable.intro)}", table(columns, rows)]
    return "\n\n".join(parts)


def _write_attributes(variable: Variable) -> list[list[str]]:
    """Write the attributes in the order of their bullets.

    An object without a bullet comes before the first of its attributes.
    """
    known = {attribute.path: attribute for attribute in variable.attributes}
    rows: dict[str, list[str]] = {}
    for match in filter(None, map(BULLET.fullmatch, variable.bullets)):
        for path in accumulate(match["path"].split("."), "{}.{}".format):
            rows.setdefault(path, _write_row(path, known[path], "", "the attributes below"))
        rows[path] = _write_row(path, known[path], match["limit"] or "", match["text"])
    return list(rows.values())


def _write_row(name: str, typed: Variable | Attribute, *texts: str) -> list[str]:
    default = f"`{typed.default}`" if typed.default else "required"
    return [_write_cell(text) for text in (f"`{name}`", f"`{typed.type}`", default, *texts)]


def write_outputs(outputs: Mapping[str, str]) -> str:
    """Write all outputs in one table."""
    rows = [[f"`{name}`", _write_cell(description)] for name, description in outputs.items()]
    return table(("output", "what"), rows)


def _write_cell(text: str) -> str:
    """Write a text for a table, where a pipe ends a cell, even in code."""
    return _show_tags(text).replace("|", r"\|")


def _show_tags(text: str) -> str:
    """Escape everything outside of code that looks like an HTML tag."""
    return re.sub(r"(`[^`]*`)|<(?!https?:)", lambda found: found[1] or "&lt;", text)


def _list_blocks(text: str, kind: str) -> list[BlockView]:
    return cast("list[BlockView]", DocumentView.parse(text).blocks(kind))


def _find_value(block: BlockView, name: str) -> NodeView | None:
    """Find the value of an attribute."""
    attribute = cast("AttributeView | None", block.attribute(name))
    return _unwrap(attribute.value_node) if attribute else None


def _read_description(block: BlockView) -> str:
    if (value := _find_value(block, "description")) is None:
        return ""
    # The same for a plain string and for a heredoc: quoted, with the escapes of JSON.
    text: str = json.loads(value.to_dict(SerializationOptions(preserve_heredocs=False)))
    return text.replace("$${", "${").replace("%%{", "%{")


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
    (ROOT / PAGE).write_text(write_page(), encoding="utf-8")
