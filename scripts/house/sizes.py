"""How long files are, and how often the package leaves the type checker out."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
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

    def list_lines(self, tree: Tree) -> dict[str, list[str]]:
        """Return the lines of each file of this kind, by path."""
        pattern = re.compile(self.paths)
        files = tree.files.items()
        return {path: text.splitlines() for path, text in files if pattern.fullmatch(path)}


_ROOT_MODULES: Final = r"(examples/.+/)?[^/]+\.tf"
MODULES: Final = Kind(PACKAGE + r".+\.py", 300)
CONSUMER: Final = Kind(PACKAGE + r"(.+/)?consumer\.py", 250)
TESTS: Final = Kind(r"tests/.+\.(py|tftest\.hcl)", 600)
TERRAFORM: Final = Kind(_ROOT_MODULES, 450)
LARGE_TERRAFORM: Final = Kind(_ROOT_MODULES, 300)
"""Files of this size are few."""

# As many as there are. The goal is 6,300.
SCRIPTS: Final = Kind(r"(scripts|tests/end_to_end/scenarios)/.+\.py", 9130)
"""The scripts, and what moved from there to the tests. The limit is for all together."""

MAX_TF_LINE: Final = 120

_IGNORE: Final = re.compile(r"#\s*type:\s*ignore\b")


def measure_largest(tree: Tree, kind: Kind) -> int:
    """Return the number of lines of the longest file; 0 if there is none."""
    return max(map(len, kind.list_lines(tree).values()), default=0)


def find_longer(tree: Tree, kind: Kind) -> Iterator[Finding]:
    """Find files that are too long, or report that there is no file of their kind."""
    files = kind.list_lines(tree)
    if not files:
        remedy = "correct the kind in scripts/house/sizes.py"
        yield Finding(".", 1, f"no file `{kind.paths}`", remedy)
    for path, lines in files.items():
        if len(lines) > kind.limit:
            problem = f"{len(lines)} lines, at most {kind.limit}"
            yield Finding(path, kind.limit + 1, problem, "split the file")


def measure_longest_tf_line(tree: Tree) -> int:
    """Return the number of characters of the longest line of Terraform."""
    files = TERRAFORM.list_lines(tree).values()
    return max((len(line) for lines in files for line in lines), default=0)


def find_long_tf_lines(tree: Tree) -> Iterator[Finding]:
    """Find lines of Terraform that are too long."""
    for path, lines in TERRAFORM.list_lines(tree).items():
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_TF_LINE:
                problem = f"{len(line)} characters, at most {MAX_TF_LINE}"
                yield Finding(path, number, problem, "break the line")


def measure_scripts(tree: Tree) -> int:
    """Return the number of lines of all scripts together."""
    return sum(map(len, SCRIPTS.list_lines(tree).values()))


def find_large_scripts(tree: Tree) -> Iterator[Finding]:
    """Report the scripts if they are too long together."""
    lines = measure_scripts(tree)
    if lines > SCRIPTS.limit:
        problem = f"{lines} lines in all, at most {SCRIPTS.limit}"
        yield Finding("scripts", 1, problem, "use a kept tool, or move tests to tests/")


def find_any(tree: Tree) -> Iterator[Finding]:
    """Find uses of `Any`, and of aliases that contain it, in the package."""
    aliases = _find_aliases(tree.package)
    for module in tree.package:
        imported = dict(_list_imports(module))
        for node in module.nodes:
            match node:
                case ast.Name(id="Any") | ast.Attribute(attr="Any"):
                    problem = "`Any`"
                case ast.Name(id=name, ctx=ast.Load()) if f"{module.import_name}.{name}" in aliases:
                    problem = f"`{name}`, which contains `Any`"
                case ast.Attribute(value=ast.Name(id=owner), attr=name) if (
                    f"{imported.get(owner)}.{name}" in aliases
                ):
                    problem = f"`{owner}.{name}`, which contains `Any`"
                case _:
                    continue
            remedy = "use a real type, `object` or a type variable"
            yield Finding(module.path, node.lineno, problem, remedy)


def find_casts(tree: Tree) -> Iterator[Finding]:
    """Find calls of `cast` in the package."""
    for module in tree.package:
        for node in module.nodes:
            if isinstance(node, ast.Call) and get_name(node.func) == "cast":
                remedy = "use a type that needs no cast"
                yield Finding(module.path, node.lineno, "a call of `cast`", remedy)


def find_ignores(tree: Tree) -> Iterator[Finding]:
    """Find comments in the package that silence the type checker."""
    for module in tree.package:
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
            if token.type == tokenize.COMMENT and _IGNORE.match(token.string):
                remedy = "use a type that checks"
                yield Finding(module.path, token.start[0], f"`{token.string}`", remedy)


def _find_aliases(package: tuple[Module, ...]) -> set[str]:
    """Return the aliases that contain `Any`, by the full name in each module that has them."""
    aliases: set[str] = set()
    while True:
        found = {
            f"{module.import_name}.{name}"
            for module in package
            for name in _list_aliases(module, aliases)
        }
        if found == aliases:
            return aliases
        aliases = found


def _list_aliases(module: Module, known: set[str]) -> Iterator[str]:
    """List the aliases that a module defines or imports, by those that are known so far."""
    yield from (name for name, full_name in _list_imports(module) if full_name in known)
    own = module.import_name
    for statement in module.top:
        match statement:
            case ast.Assign(targets=targets, value=value):
                pass
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                targets = [target]
            case _:
                continue
        names = {get_name(node) for node in ast.walk(value)}
        if "Any" in names or any(f"{own}.{name}" in known for name in names):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _list_imports(module: Module) -> Iterator[tuple[str, str]]:
    """List the names that a module imports with `from`, each with the full name of what it is."""
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"
