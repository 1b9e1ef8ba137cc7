"""Constructs that make the package hard to read."""

import ast
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from scripts.house.files import PACKAGE, Finding, Module, Tree, get_name

SOURCES: Final = f"{PACKAGE}sources/"
"""The only folder that may know one source from another."""

_NAME_ATTRIBUTES: Final = frozenset({"__name__", "__qualname__"})
_PATTERN_METHODS: Final = frozenset(
    {"findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"}
)
_RENDERERS: Final = frozenset({"render", "rendered"})


def find_source_comparisons(tree: Tree) -> Iterator[Finding]:
    """Find comparisons with members of `Source` outside sources/."""
    remedy = "ask the source's object, so that only sources/ knows one source from another"
    parts: Sequence[ast.expr | ast.pattern]
    for module, node in _list_nodes_outside_sources(tree):
        match node:
            case ast.Compare(left=first, comparators=others):
                parts = [first, *others]
            case ast.match_case(pattern=pattern):
                parts = [pattern]
            case _:
                continue
        if any(_names_source(inner) for part in parts for inner in ast.walk(part)):
            problem = "a comparison with a member of `Source`"
            yield Finding(module.path, parts[0].lineno, problem, remedy)


def find_source_literals(tree: Tree) -> Iterator[Finding]:
    """Find strings outside sources/ that equal the value of a member of `Source`."""
    values = {value for module in tree.package for value in _list_source_values(module)}
    if not values:
        yield Finding(PACKAGE, 1, "no `Source` with values", "correct scripts/house/constructs.py")
    for module, node in _list_nodes_outside_sources(tree):
        if isinstance(node, ast.Constant) and node.value in values:
            problem = f"the string `{node.value!s}`"
            yield Finding(module.path, node.lineno, problem, "use what sources/ offers")


def find_class_name_values(tree: Tree) -> set[Finding]:
    """Find class names that code changes, or by which it selects a method or an entry of a table.

    A plain class name in a text is fine: log lines and messages name the class of an error.
    """
    remedy = "write a table with an entry per class"
    return {
        Finding(module.path, node.lineno, "a value or method by a class's name", remedy)
        for module in tree.package
        for node in module.nodes
        if isinstance(node, ast.expr) and _uses_class_name(node)
    }


def find_banned_constructs(tree: Tree) -> Iterator[Finding]:
    """Find `marshal`, patterns over rendered expressions, multiplied lists, and sets of ids."""
    for module in tree.package:
        texts = _list_rendered_names(module)
        for node in module.nodes:
            for problem, remedy in _judge_construct(node, texts):
                yield Finding(module.path, getattr(node, "lineno", 1), problem, remedy)


def _list_nodes_outside_sources(tree: Tree) -> Iterator[tuple[Module, ast.AST]]:
    for module in tree.package:
        if not module.path.startswith(SOURCES):
            yield from ((module, node) for node in module.nodes)


def _names_source(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and get_name(node.value) == "Source"


def _list_source_values(module: Module) -> Iterator[str]:
    """List the values of the members of `Source`, if the module defines it."""
    for statement in module.top:
        if isinstance(statement, ast.ClassDef) and statement.name == "Source":
            for member in statement.body:
                match member:
                    case ast.Assign(value=ast.Constant(value=str() as value)):
                        yield value
                    case _:
                        pass


def _uses_class_name(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Attribute(attr=name)):
            return name in _NAME_ATTRIBUTES  # such as `type(step).__name__.lower`
        case (
            ast.Call(func=ast.Name(id="getattr"), args=[_, chooser, *_])
            | ast.Call(func=ast.Attribute(attr="get"), args=[chooser, *_])
            | ast.Subscript(slice=chooser)
        ):
            return any(
                isinstance(inner, ast.Attribute) and inner.attr in _NAME_ATTRIBUTES
                for inner in ast.walk(chooser)
            )
        case _:
            return False


def _list_rendered_names(module: Module) -> set[str]:
    """Return the variables of a module that hold a rendered expression."""
    return {
        get_name(target)
        for node in module.nodes
        if isinstance(node, ast.Assign) and _is_call(node.value, _RENDERERS)
        for target in node.targets
    }


def _judge_construct(node: ast.AST, texts: set[str]) -> Iterator[tuple[str, str]]:
    set_of_ids = ("a set of `id()`", "keep the objects, or their positions")
    match node:
        case ast.alias(name="marshal") | ast.ImportFrom(module="marshal"):
            yield "an import of `marshal`", "copy and compare values by their own types"
        case ast.Call(func=ast.Attribute(attr=method)) if method in _PATTERN_METHODS:
            if any(_is_rendered(part, texts) for value in node.args for part in ast.walk(value)):
                yield "a pattern over a rendered expression", "ask the expression for its parts"
        case (
            ast.BinOp(op=ast.Mult(), left=ast.List(), right=factor)
            | ast.BinOp(op=ast.Mult(), left=factor, right=ast.List())
        ):
            if not isinstance(factor, ast.Constant) and not _is_call(factor, {"len"}):
                yield "a list multiplied by a variable", "use an `if`"
        case ast.Set(elts=[element, *_]) | ast.SetComp(elt=element):
            if _is_call(element, {"id"}):
                yield set_of_ids
        case ast.Call(func=ast.Name(id="set" | "frozenset"), args=[argument]):
            if any(isinstance(n, ast.Name) and n.id == "id" for n in ast.walk(argument)):
                yield set_of_ids
        case _:
            pass


def _is_call(node: ast.AST, names: AbstractSet[str]) -> bool:
    return isinstance(node, ast.Call) and get_name(node.func) in names


def _is_rendered(node: ast.AST, texts: set[str]) -> bool:
    return _is_call(node, _RENDERERS) or (isinstance(node, ast.Name) and node.id in texts)
