"""The files that the rules read."""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

PACKAGE: Final = "handler/idempotent_lambda/"
SUFFIXES: Final = (".py", ".md", ".tf", ".tftest.hcl")
_BUILT: Final = re.compile(r"(^|/)(\.[^/]*|build|dist|__pycache__)/")


class Finding(NamedTuple):
    """A place that counts against a rule, with a remedy."""

    path: str
    line: int
    problem: str
    remedy: str


class File(NamedTuple):
    """A file of the repository."""

    path: str  # relative to the root
    text: str
    nodes: tuple[ast.AST, ...]  # of the syntax tree of a Python file


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
        File(path, text, tuple(ast.walk(ast.parse(text, path)) if path.endswith(".py") else ()))
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
        paths = {path for path in root.rglob("*") if not _BUILT.search(f"{path.relative_to(root)}")}
    return sorted(path for path in paths if path.is_file())


def get_name(node: ast.AST | None) -> str:
    """Return the last part of a name such as ``x`` or ``module.x``; empty for other expressions."""
    return str(getattr(node, "id", getattr(node, "attr", "")))
