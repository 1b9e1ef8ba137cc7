"""The files that the rules read."""

import ast
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
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


class File(NamedTuple):
    """A file.

    Attributes:
        path: relative to the root of the repository.
        text: its content.
        nodes: for Python every node of its syntax tree, with quoted types parsed.
    """

    path: str
    text: str
    nodes: tuple[ast.AST, ...]


class Tree(NamedTuple):
    """The files of the repository, and among them the modules of the deployed package."""

    files: tuple[File, ...]
    package: tuple[File, ...]

    def list_nodes(self, *outside: str) -> Iterator[tuple[File, ast.AST]]:
        """List every node of the package outside some folders, with its module."""
        modules = (module for module in self.package if not module.path.startswith(outside))
        return ((module, node) for module in modules for node in module.nodes)


def read_tree(root: Path) -> Tree:
    """Read and parse the files of the repository."""
    paths = (path for path in list_files(root) if path.name.endswith(SUFFIXES))
    return parse_tree({p.relative_to(root).as_posix(): p.read_text("utf-8") for p in paths})


def parse_tree(texts: Mapping[str, str]) -> Tree:
    """Parse files, given as texts by path."""
    files = [
        File(path, text, tuple(_parse_nodes(path, text) if path.endswith(".py") else ()))
        for path, text in texts.items()
    ]
    package = [file for file in files if file.path.startswith(PACKAGE) and file.nodes]
    return Tree(tuple(files), tuple(package))


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
    return str(getattr(node, "id", getattr(node, "attr", "")))


def _parse_nodes(path: str, text: str) -> list[ast.AST]:
    nodes: list[ast.AST] = [ast.parse(text, path)]
    for node in nodes:  # which grows: the parsed types of a node are walked too
        _parse_quoted_types(node)
        nodes += ast.iter_child_nodes(node)
    return nodes


def _parse_quoted_types(node: ast.AST) -> None:
    """Parse the quoted types that belong to a node, in place."""
    for field in ("annotation", "returns"):
        if annotation := getattr(node, field, None):
            setattr(node, field, _QuotedTypes().visit(annotation))
    if isinstance(node, ast.AnnAssign) and get_name(node.annotation) == "TypeAlias" and node.value:
        node.value = _QuotedTypes().visit(node.value)
    if isinstance(node, ast.Call) and get_name(node.func) in {"cast", "TypeVar"}:
        _QuotedTypes().generic_visit(node)


class _QuotedTypes(ast.NodeTransformer):
    """Replaces the quoted parts of a type by parsed ones."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str):
            return node
        try:
            parsed = ast.parse(node.value.strip(), mode="eval").body
        except SyntaxError:
            return node
        for part in ast.walk(parsed):
            ast.copy_location(part, node)
        return parsed if isinstance(parsed, ast.Constant) else self.visit(parsed)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if get_name(node.value) == "Literal" else self.generic_visit(node)
