"""Constructs that make the package hard to read, or leave the type checker out."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from scripts.house.files import PACKAGE, Finding, Tree, get_name

SOURCES: Final = f"{PACKAGE}sources/"
"""The only folder that may know one source from another."""

_MEMBER: Final = re.compile(r'^    [A-Z0-9_]+ = "(.+)"$', re.MULTILINE)
_CLASS_NAMES: Final = ("__name__", "__qualname__")
_IGNORE: Final = re.compile(r"#\s*type:\s*ignore\b.*")
_QUOTED_ANY: Final = re.compile(r"[\w.,|\[\]'\" ]*\bAny\b(?! \w)[\w.,|\[\]'\" ]*")
"""A quoted type with `Any`. In a sentence a word follows it."""


def find_any(tree: Tree) -> Iterator[Finding]:
    """Find uses of `Any` in the package; its aliases are banned, see `find_banned_constructs`."""
    remedy = "use a real type, `object` or a type variable"
    for module, node in tree.list_nodes():
        if isinstance(node, ast.expr) and _is_any(node):
            yield Finding(module.path, node.lineno, "`Any`", remedy)


def find_casts(tree: Tree) -> Iterator[Finding]:
    """Find calls of `cast` in the package."""
    for module, node in tree.list_nodes():
        if isinstance(node, ast.Call) and get_name(node.func) == "cast":
            remedy = "use a type that needs no cast"
            yield Finding(module.path, node.lineno, "a call of `cast`", remedy)


def find_ignores(tree: Tree) -> Iterator[Finding]:
    """Find comments in the package that silence the type checker."""
    for module in tree.package:
        for number, line in enumerate(module.text.splitlines(), 1):
            if comment := _IGNORE.search(line):
                yield Finding(module.path, number, f"`{comment[0]}`", "use a type that checks")


def find_source_comparisons(tree: Tree) -> Iterator[Finding]:
    """Find comparisons with members of `Source` outside sources/."""
    remedy = "ask the source's object, so that only sources/ knows one source from another"
    for module, node in tree.list_nodes(SOURCES):
        if isinstance(node, ast.Compare | ast.MatchValue) and any(
            get_name(getattr(part, "value", None)) == "Source" for part in ast.walk(node)
        ):
            problem = "a comparison with a member of `Source`"
            yield Finding(module.path, node.lineno, problem, remedy)


def find_source_literals(tree: Tree) -> Iterator[Finding]:
    """Find strings outside sources/ that equal the value of a member of `Source`."""
    values = {
        value
        for module in tree.package
        if module.path == f"{SOURCES}source.py"
        for value in _MEMBER.findall(module.text)
    }
    if not values:
        yield Finding(PACKAGE, 1, "no `Source` with values", "correct scripts/house/constructs.py")
    for module, node in tree.list_nodes(SOURCES):
        if isinstance(node, ast.Constant) and node.value in values:
            problem = f"the string `{node.value!s}`"
            yield Finding(module.path, node.lineno, problem, "use what sources/ offers")


def find_class_name_values(tree: Tree) -> Iterator[Finding]:
    """Find class names that code changes, or by which it selects a method or an entry of a table.

    A plain class name in a text is fine: log lines and messages name the class of an error.
    """
    problem, remedy = "a value or method by a class's name", "write a table of classes"
    for module, node in tree.list_nodes():
        match node:
            case (
                ast.Attribute(value=part)  # such as `type(step).__name__.lower`
                | ast.Subscript(slice=part)
                | ast.Call(func=ast.Name(id="getattr"), args=[_, part, *_])
                | ast.Call(func=ast.Attribute(attr="get"), args=[part, *_])
            ) if any(getattr(inner, "attr", "") in _CLASS_NAMES for inner in ast.walk(part)):
                yield Finding(module.path, node.lineno, problem, remedy)
            case _:
                pass


def find_banned_constructs(tree: Tree) -> Iterator[Finding]:
    """Find lists multiplied by variables, sets of `id()`, and names for `Any`."""
    for module, node in tree.list_nodes():
        match node:
            case (
                ast.BinOp(op=ast.Mult(), left=ast.List(), right=factor)
                | ast.BinOp(op=ast.Mult(), left=factor, right=ast.List())
            ):
                is_length = get_name(getattr(factor, "func", None)) == "len"
                if not is_length and not isinstance(factor, ast.Constant):
                    problem = "a list multiplied by a variable"
                    yield Finding(module.path, node.lineno, problem, "use an `if`")
            case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
                if any(isinstance(part, ast.Name) and part.id == "id" for part in ast.walk(node)):
                    remedy = "keep the objects, or their positions"
                    yield Finding(module.path, node.lineno, "a set of `id()`", remedy)
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                if any(map(_is_any, ast.walk(value))):
                    remedy = "write `Any` in each type, so that it counts there"
                    yield Finding(module.path, node.lineno, "a name for `Any`", remedy)
            case _:
                pass


def _is_any(node: ast.AST) -> bool:
    """Whether a node is `Any`, or a string that looks like a type with it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _QUOTED_ANY.fullmatch(node.value) is not None
    return get_name(node) == "Any"
