"""The files that the rules read."""

import ast
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

PACKAGE: Final = "handler/idempotent_lambda/"
SUFFIXES: Final = (".py", ".md", ".tf", ".tftest.hcl")
_BUILT: Final = frozenset({"build", "dist", "__pycache__"})


class Finding(NamedTuple):
    """A place that counts against a rule, with a remedy."""

    path: str
    line: int
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file.

    Attributes:
        path: relative to the root of the repository.
        text: its source.
        nodes: every node of its syntax tree, with quoted types parsed.
        top: the statements that define names of the module, see `list_top_level`.
    """

    path: str
    text: str
    nodes: tuple[ast.AST, ...]
    top: tuple[ast.stmt, ...]

    @property
    def import_name(self) -> str:
        """The name by which the package imports this module."""
        parts = PurePosixPath(self.path).with_suffix("").parts[1:]
        return ".".join(part for part in parts if part != "__init__")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of the repository.

    Attributes:
        python: every Python file.
        texts: the other files, pages and Terraform, by path.
    """

    python: tuple[Module, ...]
    texts: Mapping[str, str]

    @property
    def files(self) -> dict[str, str]:
        """The text of every file, by path."""
        return {module.path: module.text for module in self.python} | dict(self.texts)

    @property
    def package(self) -> tuple[Module, ...]:
        """The modules of the deployed package."""
        return tuple(module for module in self.python if module.path.startswith(PACKAGE))


def parse_tree(files: Mapping[str, str]) -> Tree:
    """Parse files, given as texts by path.

    Raises:
        SyntaxError: a Python file cannot be parsed.
    """
    python = [parse_module(path, text) for path, text in files.items() if path.endswith(".py")]
    texts = {path: text for path, text in files.items() if not path.endswith(".py")}
    return Tree(tuple(python), texts)


def parse_module(path: str, text: str) -> Module:
    """Parse a Python file."""
    tree = ast.parse(text, path)
    for node in list(ast.walk(tree)):
        _parse_quoted_types(node)
    return Module(path, text, tuple(ast.walk(tree)), tuple(list_top_level(tree.body)))


def list_top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """List the statements of a module, also inside its `if`, `try` and `with` statements."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from list_top_level(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from list_top_level(handler.body)


def get_name(node: ast.AST | None) -> str:
    """Return the last part of a name such as ``x`` or ``module.x``; empty for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def list_files(root: Path) -> list[Path]:
    """List every file that is, or is about to be, part of the repository."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        listing = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
        paths = {root / name for name in listing.stdout.split("\0")}
        return sorted(path for path in paths if path.is_file())
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in _BUILT and not name.startswith(".")
        )
        found += [path for name in sorted(names) if (path := Path(folder, name)).is_file()]
    return found


def read_tree(root: Path) -> Tree:
    """Read and parse the files of the repository.

    Raises:
        SyntaxError: a Python file cannot be parsed.
    """
    files = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in list_files(root)
        if path.name.endswith(SUFFIXES)
    }
    return parse_tree(files)


class _QuotedTypes(ast.NodeTransformer):
    """Replaces the quoted parts of a type by parsed ones."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if not isinstance(node.value, str):
            return node
        try:
            parsed = ast.parse(node.value.strip(), mode="eval").body
        except SyntaxError:
            return node
        for part in ast.walk(parsed):
            ast.copy_location(part, node)
        return _parse_type(parsed)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if get_name(node.value) == "Literal" else self.generic_visit(node)


def _parse_type(node: ast.expr) -> ast.expr:
    parsed: ast.expr = _QuotedTypes().visit(node)
    return parsed


def _parse_quoted_types(node: ast.AST) -> None:
    """Parse the quoted types that belong to a node, in place."""
    match node:
        case ast.arg(annotation=ast.expr() as annotation):
            node.annotation = _parse_type(annotation)
        case ast.AnnAssign():
            node.annotation = _parse_type(node.annotation)
            if node.value and get_name(node.annotation) == "TypeAlias":
                node.value = _parse_type(node.value)
        case ast.FunctionDef(returns=ast.expr() as returned):
            node.returns = _parse_type(returned)
        case ast.AsyncFunctionDef(returns=ast.expr() as returned):
            node.returns = _parse_type(returned)
        case ast.Call(func=function, args=[first, *_]) if get_name(function) == "cast":
            node.args[0] = _parse_type(first)
        case ast.Call(func=function) if get_name(function) == "TypeVar":
            for keyword in node.keywords:
                if keyword.arg == "bound":
                    keyword.value = _parse_type(keyword.value)
        case _:
            pass
