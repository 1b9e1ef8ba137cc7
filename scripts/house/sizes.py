"""How long modules are, and how often they leave the type checker out."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from scripts.house.files import PACKAGE, Finding, Module, Tree, get_name


class Kind(NamedTuple):
    """A kind of files.

    Attributes:
        paths: the pattern of their paths.
        limit: the most lines of one of them.
    """

    paths: str
    limit: int

    def list_texts(self, tree: Tree) -> dict[str, str]:
        """Return the files of this kind, by path."""
        return {p: text for p, text in tree.files.items() if re.fullmatch(self.paths, p)}

    def list_lengths(self, tree: Tree) -> dict[str, int]:
        """Return the number of lines of each file, by path."""
        return {path: len(text.splitlines()) for path, text in self.list_texts(tree).items()}


_ROOT_MODULES: Final = r"(examples/.+/)?[^/]+\.tf"
MODULES: Final = Kind(PACKAGE + r".+\.py", 300)
CONSUMER: Final = Kind(PACKAGE + r"(.+/)?consumer\.py", 250)
TESTS: Final = Kind(r"tests/.+\.(py|tftest\.hcl)", 600)
TERRAFORM: Final = Kind(_ROOT_MODULES, 450)
LARGE_TERRAFORM: Final = Kind(_ROOT_MODULES, 300)
"""Files of this size are few."""

SCRIPT_FOLDERS: Final = ("scripts/", "tests/end_to_end/scenarios/")
"""The scripts, and what moved from there to the tests."""

MAX_SCRIPT_LINES: Final = 6300
MAX_TF_LINE: Final = 120

_IGNORE: Final = re.compile(r"#\s*type:\s*ignore\b")


def measure_largest(tree: Tree, kind: Kind) -> int:
    """Return the number of lines of the longest file; 0 if there is none."""
    return max(kind.list_lengths(tree).values(), default=0)


def find_longer(tree: Tree, kind: Kind) -> list[Finding]:
    """Find files that are too long, or report that there is no file of their kind."""
    lengths = kind.list_lengths(tree)
    if not lengths:
        remedy = "correct the kind in scripts/house/sizes.py"
        return [Finding(".", 1, f"no file `{kind.paths}`", remedy)]
    limit = kind.limit
    return [
        Finding(path, limit + 1, f"{lines} lines, at most {limit}", "split the file")
        for path, lines in lengths.items()
        if lines > limit
    ]


def measure_longest_tf_line(tree: Tree) -> int:
    """Return the number of characters of the longest line of Terraform."""
    texts = TERRAFORM.list_texts(tree).values()
    return max((len(line) for text in texts for line in text.splitlines()), default=0)


def find_long_tf_lines(tree: Tree) -> list[Finding]:
    """Find lines of Terraform that are too long."""
    return [
        Finding(path, number, f"{len(line)} characters, at most {MAX_TF_LINE}", "break the line")
        for path, text in TERRAFORM.list_texts(tree).items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > MAX_TF_LINE
    ]


def measure_scripts(tree: Tree) -> int:
    """Return the number of lines of all scripts together."""
    paths = rf"({'|'.join(SCRIPT_FOLDERS)}).+\.py"
    return sum(Kind(paths, MAX_SCRIPT_LINES).list_lengths(tree).values())


def find_large_scripts(tree: Tree) -> list[Finding]:
    """Report the scripts if they are too long together."""
    lines = measure_scripts(tree)
    problem = f"{lines} lines in all, at most {MAX_SCRIPT_LINES}"
    remedy = "use a kept tool, or move tests to tests/"
    return [Finding("scripts", 1, problem, remedy)] if lines > MAX_SCRIPT_LINES else []


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
