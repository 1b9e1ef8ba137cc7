"""What Terraform files ask of the AWS provider: what they set, and what they read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import hcl2
from hcl2.rules.base import AttributeRule, BlockRule, BodyRule
from hcl2.rules.containers import ObjectElemKeyRule, ObjectElemRule, ObjectRule, TupleRule
from hcl2.rules.expressions import ExprTermRule
from hcl2.rules.for_expressions import ForIntroRule, ForObjectExprRule, ForTupleExprRule
from hcl2.rules.functions import FunctionCallRule
from hcl2.rules.indexing import (
    AttrSplatExprTermRule,
    FullSplatExprTermRule,
    GetAttrExprTermRule,
    GetAttrRule,
    IndexExprTermRule,
)
from hcl2.rules.literal_rules import IdentifierRule
from hcl2.rules.strings import HeredocTemplateRule

META = {"count", "depends_on", "for_each", "provider"}
OWN_BLOCKS = {"connection", "lifecycle", "provisioner"}
"""The parts of a resource's body that belong to Terraform."""

WRAPPERS = {"element", "flatten", "nonsensitive", "one", "sensitive", "try", "values"}
"""Functions that return their first argument, or a part of it."""

COUNTERS = {"keys", "length"}
WHOLE = {"depends_on", "from", "replace_triggered_by", "to"}
"""The functions and attributes that may have a whole resource: they read nothing in it."""


class Target(NamedTuple):
    """A resource (`resource`), a data source (`data`) or `provider "aws"`, or a part of it."""

    kind: str
    type: str
    path: tuple[str, ...] = ()

    def join(self, *names: str) -> "Target":
        """Return a part of this one."""
        return self._replace(path=(*self.path, *names))

    def __str__(self) -> str:
        return ".".join((*([] if self.kind == "resource" else [self.kind]), self.type, *self.path))


class Use(NamedTuple):
    """A place in a file that needs the target to exist: it sets the target, or reads it.

    An `object_key` is in an object, which may be a map. The use of a body has the names that are
    `given` in it.
    """

    place: str
    target: Target
    sets: bool = False
    object_key: bool = False
    given: frozenset[str] | None = None


Names = Mapping[str, Target]
"""The target of an iterator, of `self`, or of `local.name`."""


def read_files(root: Path, files: Iterable[Path]) -> Iterator[Use]:
    """Read files; the locals of a folder are known in all its files."""
    folders: dict[Path, dict[Path, BodyRule]] = {}
    for file in files:
        body = hcl2.parses(file.read_text(encoding="utf-8")).body
        folders.setdefault(file.parent, {})[file] = body
    for bodies in folders.values():
        names = read_locals(bodies.values())
        for file, body in bodies.items():
            yield from read_body(str(file.relative_to(root)), body, names)


def read_text(name: str, text: str) -> list[Use]:
    """Read one text."""
    body = hcl2.parses(text).body
    return list(read_body(name, body, read_locals([body])))


def read_locals(bodies: Iterable[BodyRule]) -> dict[str, Target]:
    """Return the locals whose value is a resource, or a part of one."""
    values = {
        f"local.{attribute.identifier.serialize()}": attribute.expression
        for body in bodies
        for block in list_blocks(body)
        if read_labels(block) == ["locals"]
        for attribute in list_attributes(block.body)
    }
    found: dict[str, Target] = {}
    while True:  # until no local is another one that was found
        resolved = {name: target for name in values if (target := resolve(values[name], found))}
        if resolved == found:
            return found
        found = resolved


def read_body(file: str, body: BodyRule, names: Names) -> Iterator[Use]:
    """Read the blocks of a file."""
    for block in list_blocks(body):
        yield from read_block(f"{file}: {' '.join(read_labels(block))}", block, names)


def read_block(place: str, block: BlockRule, names: Names) -> Iterator[Use]:
    """Read a block; some, such as `check`, may have a data source in them."""
    match read_labels(block):
        case ["resource" | "data" as kind, type_, _] if type_.startswith("aws_"):
            target = Target(kind, type_)
            yield from read_resource(place, block.body, target, {**names, "self": target})
        case ["provider", "aws"]:
            yield from read_resource(place, block.body, Target("provider", "aws"), names)
        case ["mock_resource" | "mock_data" as kind, type_]:
            yield from read_mock(place, block.body, Target(kind.removeprefix("mock_"), type_))
        case [kind, type_, *_] if type_.startswith("aws_"):
            raise ValueError(f"{place}: this reader does not know what {kind} is")
        case [kind, *_]:
            for attribute in list_attributes(block.body):
                whole = kind == "locals" and resolve(attribute.expression, names) is not None
                yield from read_references(place, attribute, names, whole=whole)
            for inner in list_blocks(block.body):
                yield from read_block(place, inner, names)


def read_mock(place: str, body: BodyRule, target: Target) -> Iterator[Use]:
    """Read the values that a mock makes up."""
    for attribute in list_attributes(body):
        if attribute.identifier.serialize() == "defaults":
            for name in list_keys(attribute.expression):
                yield Use(place, target.join(name))


def read_resource(place: str, body: BodyRule, target: Target, names: Names) -> Iterator[Use]:
    """Read the body of a resource, or of a block in it."""
    given = set()
    for attribute in list_attributes(body):
        name = attribute.identifier.serialize()
        if target.path or name not in META:
            given.add(name)
            yield Use(place, target.join(name), sets=True)
            for key in list_keys(attribute.expression):
                yield Use(place, target.join(name, key), sets=True, object_key=True)
        yield from read_references(place, attribute, names)
    for block in list_blocks(body):
        name, *labels = read_labels(block)
        content = block.body
        if name == "dynamic":
            (name,) = labels
            (content,) = (each.body for each in list_blocks(content))
            for attribute in list_attributes(block.body):
                yield from read_references(place, attribute, names)
        elif not target.path and name in OWN_BLOCKS:
            yield from read_own_block(place, content, target, names)
            continue
        given.add(name)
        yield Use(place, target.join(name), sets=True)
        yield from read_resource(place, content, target.join(name), names)
    yield Use(place, target, given=frozenset(given))


def read_own_block(place: str, body: BodyRule, target: Target, names: Names) -> Iterator[Use]:
    """Read a block that belongs to Terraform; `ignore_changes` has names of arguments."""
    for attribute in list_attributes(body):
        if attribute.identifier.serialize() == "ignore_changes":
            for name in find(attribute.expression, IdentifierRule):
                if name.serialize() != "all":
                    yield Use(place, target.join(name.serialize()), sets=True)
    yield from read_references(place, body, names)


def read_references(place: str, node: Any, names: Names, *, whole: bool = False) -> Iterator[Use]:
    """Read each attribute that an expression names.

    A `whole` resource may stand only where nothing is read from it, or where this reader follows.
    """
    if blind_to := find_blind_spot(node, names, whole=whole):
        raise ValueError(f"{place}: this reader does not {blind_to}")
    if target := resolve(node, names):
        yield Use(place, target)
        yield from read_indexes(place, node, names)
        return
    parts = getattr(node, "children", ())
    match node:
        case GetAttrRule() | ObjectElemKeyRule(value=IdentifierRule()):
            return  # a name, and no expression
        case AttributeRule():
            whole = whole or node.identifier.serialize() in WHOLE
            parts = [node.expression]
        case FunctionCallRule():
            whole = whole or node.identifiers[0].serialize() in COUNTERS
            parts = [node.arguments]
        case ForTupleExprRule() | ForObjectExprRule():
            (intro,) = (child for child in node.children if isinstance(child, ForIntroRule))
            over = resolve(intro.iterable, names)
            yield from read_references(place, intro.iterable, names, whole=over is not None)
            name = (intro.second_iterator or intro.first_iterator).serialize()
            names = {key: value for key, value in names.items() if key != name}
            names = {**names, name: over} if over else names
            parts = [child for child in node.children if child is not intro]
    for part in parts:
        yield from read_references(place, part, names, whole=whole)


def find_blind_spot(node: Any, names: Names, *, whole: bool) -> str:
    """Say what this reader would pass over in an expression, or nothing."""
    target = resolve(node, names)
    if target and not target.path and not whole:
        return f"follow {target} as a whole"
    match node:
        case HeredocTemplateRule() if re.search(r"(?<![$%])[$%]\{", node.heredoc.value):
            return "see into a heredoc with expressions"
        case AttributeRule() if node.identifier.serialize() == "for_each":
            return "follow for_each to each.value" if resolve(node.expression, names) else ""
        case FunctionCallRule() if len(node.identifiers) > 1:
            return "know functions of a provider"
    return ""


def read_indexes(place: str, node: Any, names: Names) -> Iterator[Use]:
    """Read the expressions in a path of attributes, such as an index."""
    is_call = isinstance(node, FunctionCallRule)
    parts = node.arguments.arguments if is_call else getattr(node, "children", ())
    for number, part in enumerate(parts):
        if number == 0 if is_call else resolve(part, names):
            yield from read_indexes(place, part, names)
        else:
            yield from read_references(place, part, names)


def resolve(node: Any, names: Names) -> Target | None:
    """Return the attribute that a path leads to, or None if it does not begin at a resource."""
    root, *path = split_path(node) or [""]
    match [root, *path]:
        case ["data", type_, _, *rest] if type_.startswith("aws_"):
            return Target("data", type_, tuple(rest))
        case [type_, _, *rest] if type_.startswith("aws_"):
            return Target("resource", type_, tuple(rest))
        case ["local", name, *rest] if f"local.{name}" in names:
            return names[f"local.{name}"].join(*rest)
        case [name, *rest] if name in names:
            return names[name].join(*rest)
    return None


def split_path(node: Any) -> list[str] | None:
    """Split `one(a.b[*]).c` into a, b and c; return None for what is no path."""
    match node:
        case ExprTermRule():
            return split_path(node.expression)
        case IdentifierRule():
            return [node.serialize()]
        case FunctionCallRule() if node.arguments:
            first, *others = node.arguments.arguments
            called = node.identifiers[0].serialize()
            path = split_path(first) if called in {*WRAPPERS, "lookup"} else None
            if path and called == "lookup":
                path.append(others[0].serialize().strip('"'))
            return path
        case GetAttrExprTermRule():
            steps = [node.get_attr]
        case AttrSplatExprTermRule() | FullSplatExprTermRule():
            steps = node.attr_splat.get_attrs
        case IndexExprTermRule():
            steps = []
        case _:
            return None
    path = split_path(node.children[0])
    named = [step.identifier.serialize() for step in steps if isinstance(step, GetAttrRule)]
    return None if path is None else [*path, *named]


def list_keys(node: Any) -> Iterator[str]:
    """List the keys of an object, or of the objects in a list."""
    match node:
        case ExprTermRule():
            yield from list_keys(node.expression)
        case TupleRule():
            for element in node.elements:
                yield from list_keys(element)
        case ObjectRule():
            for child in node.children:
                if isinstance(child, ObjectElemRule):
                    yield str(child.key.serialize()).strip('"')


def find(node: Any, rule: type) -> Iterator[Any]:
    """Find the parts of a tree that are of one type."""
    if isinstance(node, rule):
        yield node
    for child in getattr(node, "children", ()):
        yield from find(child, rule)


def list_blocks(body: BodyRule) -> list[BlockRule]:
    """List the blocks in a body."""
    return [child for child in body.children if isinstance(child, BlockRule)]


def list_attributes(body: BodyRule) -> list[AttributeRule]:
    """List the attributes in a body."""
    return [child for child in body.children if isinstance(child, AttributeRule)]


def read_labels(block: BlockRule) -> list[str]:
    """Return the type of a block, and its labels."""
    return [str(label.serialize()).strip('"') for label in block.labels]
