"""How long modules are, and how often they leave the type checker out."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from scripts.house.files import PACKAGE, Finding, Module, Tree, get_name

MAX_MODULE_LINES: Final = 300
MAX_CONSUMER_LINES: Final = 250
CONSUMER: Final = "consumer"

_IGNORE: Final = re.compile(r"#\s*type:\s*ignore\b")


def measure_largest_module(tree: Tree) -> int:
    """Return the number of lines of the longest module of the package."""
    return max((_count_lines(module) for module in tree.package), default=0)


def find_large_modules(tree: Tree) -> list[Finding]:
    """Find modules of the package that are too long."""
    if not tree.package:
        return [Finding(PACKAGE, 1, "no module", "correct `PACKAGE` in scripts/house/files.py")]
    return _find_longer(tree.package, MAX_MODULE_LINES)


def measure_consumer(tree: Tree) -> int:
    """Return the number of lines of the consumer's module; 0 if there is none."""
    return max(map(_count_lines, _list_consumers(tree)), default=0)


def find_large_consumer(tree: Tree) -> list[Finding]:
    """Find the consumer's module if it is too long, or report that it is missing."""
    consumers = _list_consumers(tree)
    if not consumers:
        remedy = "name the module of the pipeline so, or correct scripts/house/sizes.py"
        return [Finding(PACKAGE, 1, f"no module `{CONSUMER}`", remedy)]
    return _find_longer(consumers, MAX_CONSUMER_LINES)


def find_any(tree: Tree) -> list[Finding]:
    """Find uses of `Any`, and of aliases that contain it, in the package."""
    aliases = _find_aliases(tree.package)
    found = []
    for module in tree.package:
        local = aliases[module.import_name]
        imported = _list_imported_modules(module)
        for node in module.nodes:
            match node:
                case ast.Name(id="Any") | ast.Attribute(attr="Any"):
                    problem = "`Any`"
                case ast.Name(id=name, ctx=ast.Load()) if name in local:
                    problem = f"`{name}`, which contains `Any`"
                case ast.Attribute(value=ast.Name(id=owner), attr=name) if name in aliases.get(
                    imported.get(owner, ""), ()
                ):
                    problem = f"`{owner}.{name}`, which contains `Any`"
                case _:
                    continue
            remedy = "use a real type, `object` or a type variable"
            found.append(Finding(module.path, node.lineno, problem, remedy))
    return found


def find_casts(tree: Tree) -> list[Finding]:
    """Find calls of `cast` in the package."""
    return [
        Finding(module.path, node.lineno, "a call of `cast`", "use a type that needs no cast")
        for module in tree.package
        for node in module.nodes
        if isinstance(node, ast.Call) and get_name(node.func) == "cast"
    ]


def find_ignores(tree: Tree) -> list[Finding]:
    """Find comments in the package that silence the type checker."""
    return [
        Finding(module.path, token.start[0], f"`{token.string}`", "use a type that checks")
        for module in tree.package
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline)
        if token.type == tokenize.COMMENT and _IGNORE.match(token.string)
    ]


def _count_lines(module: Module) -> int:
    return len(module.text.splitlines())


def _list_consumers(tree: Tree) -> list[Module]:
    return [module for module in tree.package if PurePosixPath(module.path).stem == CONSUMER]


def _find_longer(modules: tuple[Module, ...] | list[Module], limit: int) -> list[Finding]:
    return [
        Finding(module.path, limit + 1, f"{lines} lines, at most {limit}", "split the module")
        for module in modules
        if (lines := _count_lines(module)) > limit
    ]


def _find_aliases(package: tuple[Module, ...]) -> Mapping[str, set[str]]:
    """Return the aliases that contain `Any` which each module defines or imports."""
    aliases: dict[str, set[str]] = {module.import_name: set() for module in package}
    grows = True
    while grows:
        grows = False
        for module in package:
            known = aliases[module.import_name]
            found = {*_find_own_aliases(module, known), *_find_imported_aliases(module, aliases)}
            grows = grows or not found <= known
            known |= found
    return aliases


def _find_own_aliases(module: Module, known: set[str]) -> Iterator[str]:
    for statement in module.top:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = {get_name(node) for node in ast.walk(statement.value)}
            if names & {"Any", *known}:
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def _find_imported_aliases(module: Module, aliases: Mapping[str, set[str]]) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module in aliases:
            known = aliases[node.module]
            yield from (name.asname or name.name for name in node.names if name.name in known)


def _list_imported_modules(module: Module) -> dict[str, str]:
    """Return the full name of each module imported with ``from package import module``."""
    return {
        name.asname or name.name: f"{node.module}.{name.name}"
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for name in node.names
    }
