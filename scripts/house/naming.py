"""Names of the package: one name for one thing, and functions named by verbs."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.house.files import Finding, Module, Tree, get_name

MODULE_HOOKS: Final = frozenset({"__all__", "__version__", "__getattr__"})
"""Python and packaging tools look for these names, so several modules may define them."""

WORDS: Final = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
"""The lists of words, by name."""

_PROPERTIES: Final = frozenset({"property", "cached_property", "setter", "deleter"})


def find_duplicate_names(tree: Tree) -> Iterator[Finding]:
    """Find module-level names that differ only by case or underscores."""
    first: dict[str, tuple[str, str, int]] = {}
    for module in tree.package:
        lines: dict[str, int] = {}
        for name, line in _list_defined_names(module):
            lines.setdefault(name, line)
        for name, line in lines.items():
            here = (name, module.path, line)
            other, path, other_line = first.setdefault(name.lower().replace("_", ""), here)
            if (other, path) != (name, module.path):
                problem = f"`{name}` is also `{other}` of {path}:{other_line}"
                remedy = "give each thing a name of its own, or import the one"
                yield Finding(module.path, line, problem, remedy)


def find_participle_functions(tree: Tree) -> Iterator[Finding]:
    """Find functions and methods whose first word is a past participle or a preposition."""
    for module in tree.package:
        for node in module.nodes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            word = node.name.strip("_").partition("_")[0].lower()
            kind = _classify_word(word)
            if kind and not _is_exempt(node):
                remedy = "begin with a verb, or with `is_`, `has_`, `can_`, `should_`"
                problem = f"function `{node.name}` begins with the {kind} `{word}`"
                yield Finding(module.path, node.lineno, problem, remedy)


def _list_defined_names(module: Module) -> Iterator[tuple[str, int]]:
    """List the names that a module defines, with their lines; an import defines none."""
    for statement in module.top:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names = [statement.name]
            case ast.Assign():
                names = [name for part in statement.targets for name in _list_target_names(part)]
            case ast.AnnAssign():
                names = _list_target_names(statement.target)
            case _:
                continue
        for name in names:
            if name not in MODULE_HOOKS:
                yield name, statement.lineno


def _list_target_names(target: ast.expr) -> list[str]:
    """Return the plain names in the target of an assignment."""
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _classify_word(word: str) -> str:
    if word in WORDS["prepositions"]:
        return "preposition"
    is_regular = word.endswith("ed") and word not in WORDS["verbs_in_ed"]
    return "participle" if is_regular or word in WORDS["participles"] else ""


def _is_exempt(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function may begin with any word, by convention or by decision."""
    name = function.name
    if name in WORDS["allowed"] or (name.startswith("__") and name.endswith("__")):
        return True
    decorators = {get_name(decorator) for decorator in function.decorator_list}
    if decorators & _PROPERTIES:
        return True  # the caller reads it as a value
    return name.startswith("from_") and "classmethod" in decorators
