"""Names of the package: one name for one thing, and functions named by verbs."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.house.files import Finding, Tree, get_name

MODULE_HOOKS: Final = frozenset({"__all__", "__version__", "__getattr__"})
"""Python and packaging tools look for these names, so several modules may define them."""

WORDS: Final = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
"""The lists of words, by name."""

_PROPERTIES: Final = frozenset({"property", "cached_property", "setter", "deleter"})


def find_duplicate_names(tree: Tree) -> Iterator[Finding]:
    """Find module-level names that differ only by case or underscores."""
    first: dict[str, tuple[str, str, int]] = {}
    for module in tree.package:
        for name, line in _list_defined_names(module.nodes[0]):
            here = (name, module.path, line)
            other, path, other_line = first.setdefault(name.lower().replace("_", ""), here)
            if (other, path) != (name, module.path) and name not in MODULE_HOOKS:
                problem = f"`{name}` is also `{other}` of {path}:{other_line}"
                remedy = "give each thing a different name, or import the one"
                yield Finding(module.path, line, problem, remedy)


def find_participle_functions(tree: Tree) -> Iterator[Finding]:
    """Find functions and methods whose first word is a past participle or a preposition."""
    for module, node in tree.list_nodes():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_exempt(node):
            word = node.name.strip("_").partition("_")[0].lower()
            is_regular = word.endswith("ed") and word not in WORDS["verbs_in_ed"]
            if is_regular or word in {*WORDS["participles"], *WORDS["prepositions"]}:
                problem = f"function `{node.name}` begins with `{word}`, which is not a verb"
                remedy = "begin with a verb, or with `is_`, `has_`, `can_`, `should_`"
                yield Finding(module.path, node.lineno, problem, remedy)


def _list_defined_names(node: ast.AST) -> Iterator[tuple[str, int]]:
    """List the names that a module defines, with their lines; an import defines none."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, child.lineno
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name, child.lineno
            case ast.comprehension() | ast.Lambda():
                pass  # the module does not see its names
            case _:
                yield from _list_defined_names(child)


def _is_exempt(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function may begin with any word, by convention or by decision."""
    name = function.name
    decorators = {get_name(decorator) for decorator in function.decorator_list}
    if decorators & _PROPERTIES or (name.startswith("from_") and "classmethod" in decorators):
        return True  # the caller reads it as a value, or as a constructor
    return name in WORDS["allowed"] or (name.startswith("__") and name.endswith("__"))
