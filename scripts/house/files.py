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


class Use(NamedTuple):
    """A name in a file, its kind and its line."""

    name: str
    kind: str
    line: int


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
        files: the text of every file, by path.
        python: every Python file.
        package: the modules of the deployed package.
    """

    files: Mapping[str, str]
    python: tuple[Module, ...]
    package: tuple[Module, ...]


def read_tree(root: Path) -> Tree:
    """Read and parse the files of the repository."""
    return parse_tree(
        {
            path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
            for path in list_files(root)
            if path.name.endswith(SUFFIXES)
        }
    )


def parse_tree(files: Mapping[str, str]) -> Tree:
    """Parse files, given as texts by path."""
    python = [_parse_module(path, text) for path, text in files.items() if path.endswith(".py")]
    package = [module for module in python if module.path.startswith(PACKAGE)]
    return Tree(files, tuple(python), tuple(package))


def list_files(root: Path) -> list[Path]:
    """List every file that is, or is about to be, part of the repository."""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
        listing = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
        paths = {root / name for name in listing.stdout.split("\0")}
    else:
        paths = set()
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if f not in _BUILT and not f.startswith(".")]
            paths |= {Path(folder, name) for name in names}
    return sorted(path for path in paths if path.is_file())


def get_name(node: ast.AST | None) -> str:
    """Return the last part of a name such as ``x`` or ``module.x``; empty for other expressions."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def list_top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """List the statements of a module, also inside its `if`, `try` and `with` statements."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from list_top_level(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from list_top_level(handler.body)


def _parse_module(path: str, text: str) -> Module:
    tree = ast.parse(text, path)
    nodes: list[ast.AST] = [tree]
    for node in nodes:  # which grows: the parsed types of a node are walked too
        _parse_quoted_types(node)
        nodes += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.expr_context)  # many, and they say nothing
        ]
    return Module(path, text, tuple(nodes), tuple(list_top_level(tree.body)))


def _parse_quoted_types(node: ast.AST) -> None:
    """Parse the quoted types that belong to a node, in place."""
    match node:
        case ast.arg(annotation=ast.expr() as annotation):
            node.annotation = _parse_type(annotation)
        case ast.AnnAssign():
            node.annotation = _parse_type(node.annotation)
            if node.value and get_name(node.annotation) == "TypeAlias":
                node.value = _parse_type(node.value)
        case ast.FunctionDef() | ast.AsyncFunctionDef() if node.returns:
            node.returns = _parse_type(node.returns)
        case ast.Call(func=function, args=[first, *_]) if get_name(function) == "cast":
            node.args[0] = _parse_type(first)
        case ast.Call(func=function) if get_name(function) == "TypeVar":
            for keyword in node.keywords:
                if keyword.arg == "bound":
                    keyword.value = _parse_type(keyword.value)
        case _:
            pass


def _parse_type(node: ast.expr) -> ast.expr:
    parsed: ast.expr = _QuotedTypes().visit(node)
    return parsed


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
