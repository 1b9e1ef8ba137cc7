"""Constructs that make the package hard to read."""

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from scripts.house.files import PACKAGE, Finding, Module, Tree, get_name

SOURCES: Final = f"{PACKAGE}sources/"
"""The only folder that may know one source from another."""

_NAME_ATTRIBUTES: Final = frozenset({"__name__", "__qualname__"})
_PATTERN_METHODS: Final = frozenset(
    {"findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"}
)
_RENDERERS: Final = frozenset({"render", "rendered"})


def find_source_comparisons(tree: Tree) -> list[Finding]:
    """Find comparisons with members of `Source` outside sources/."""
    remedy = "ask the source's object, so that only sources/ knows one source from another"
    return [
        Finding(module.path, parts[0].lineno, "a comparison with a member of `Source`", remedy)
        for module in _list_modules_outside_sources(tree)
        for node in module.nodes
        if (parts := _list_operands(node)) and any(map(_names_source, parts))
    ]


def find_source_literals(tree: Tree) -> list[Finding]:
    """Find strings outside sources/ that equal the value of a member of `Source`."""
    values = {value for module in tree.package for value in _list_source_values(module)}
    if not values:
        return [
            Finding(PACKAGE, 1, "no `Source` with values", "correct scripts/house/constructs.py")
        ]
    return [
        Finding(
            module.path, node.lineno, f"the string `{node.value!s}`", "use what sources/ offers"
        )
        for module in _list_modules_outside_sources(tree)
        for node in module.nodes
        if isinstance(node, ast.Constant) and node.value in values
    ]


def find_class_name_values(tree: Tree) -> list[Finding]:
    """Find class names that code changes, or by which it selects a method or an entry of a table.

    A plain class name in a text is fine: log lines and messages name the class of an error.
    """
    remedy = "write a table with an entry per class"
    found = {
        Finding(module.path, node.lineno, "a value or method by a class's name", remedy)
        for module in tree.package
        for node in module.nodes
        if isinstance(node, ast.expr) and _uses_class_name(node)
    }
    return list(found)


def find_banned_constructs(tree: Tree) -> list[Finding]:
    """Find `marshal`, patterns over rendered expressions, multiplied lists, and sets of ids."""
    found = []
    for module in tree.package:
        texts = _list_rendered_names(module)
        for node in module.nodes:
            for problem, remedy in _judge_construct(node, texts):
                found.append(Finding(module.path, getattr(node, "lineno", 1), problem, remedy))
    return found


def _list_modules_outside_sources(tree: Tree) -> Iterator[Module]:
    return (module for module in tree.package if not module.path.startswith(SOURCES))


def _list_operands(node: ast.AST) -> Sequence[ast.expr | ast.pattern]:
    """Return the operands of a comparison, or the pattern of a `case`."""
    match node:
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.match_case():
            return [node.pattern]
        case _:
            return []


def _names_source(operand: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute) and get_name(node.value) == "Source"
        for node in ast.walk(operand)
    )


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


def _uses_class_name(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Attribute(attr=name)):
            return name in _NAME_ATTRIBUTES  # such as `type(step).__name__.lower`
        case ast.Call(func=ast.Name(id="getattr"), args=[_, chooser, *_]):
            return _has_class_name(chooser)
        case ast.Call(func=ast.Attribute(attr="get"), args=[chooser, *_]):
            return _has_class_name(chooser)
        case ast.Subscript(slice=chooser):
            return _has_class_name(chooser)
        case _:
            return False


def _has_class_name(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.Attribute) and inner.attr in _NAME_ATTRIBUTES
        for inner in ast.walk(node)
    )


def _list_rendered_names(module: Module) -> set[str]:
    """Return the variables of a module that hold a rendered expression."""
    return {
        get_name(target)
        for node in module.nodes
        if isinstance(node, ast.Assign) and _is_call(node.value, _RENDERERS)
        for target in node.targets
    }


def _judge_construct(node: ast.AST, texts: set[str]) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Import(names=names) if any(name.name == "marshal" for name in names):
            yield "an import of `marshal`", "copy and compare values by their own types"
        case ast.ImportFrom(module="marshal"):
            yield "an import of `marshal`", "copy and compare values by their own types"
        case ast.Call(func=ast.Attribute(attr=method)) if method in _PATTERN_METHODS:
            if any(_is_rendered(part, texts) for value in node.args for part in ast.walk(value)):
                yield "a pattern over a rendered expression", "ask the expression for its parts"
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            if any(_is_list_by_flag(*pair) for pair in ((left, right), (right, left))):
                yield "a list multiplied by a variable", "use an `if`"
        case ast.Set() | ast.SetComp() | ast.Call():
            if _is_set_of_ids(node):
                yield "a set of `id()`", "keep the objects, or their positions"
        case _:
            pass


def _is_call(node: ast.AST, names: frozenset[str]) -> bool:
    return isinstance(node, ast.Call) and get_name(node.func) in names


def _is_rendered(node: ast.AST, texts: set[str]) -> bool:
    return _is_call(node, _RENDERERS) or (isinstance(node, ast.Name) and node.id in texts)


def _is_list_by_flag(values: ast.expr, factor: ast.expr) -> bool:
    """Whether a list is multiplied by something other than a constant or a length."""
    if not isinstance(values, ast.List) or isinstance(factor, ast.Constant):
        return False
    return not _is_call(factor, frozenset({"len"}))


def _is_set_of_ids(node: ast.Set | ast.SetComp | ast.Call) -> bool:
    match node:
        case ast.Set(elts=[element, *_]) | ast.SetComp(elt=element):
            return _is_call(element, frozenset({"id"}))
        case ast.Call(func=ast.Name(id="set" | "frozenset"), args=[argument]):
            return any(isinstance(n, ast.Name) and n.id == "id" for n in ast.walk(argument))
        case _:
            return False
