"""Old names, which must not come back. old_names.toml lists them with their successors."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from scripts.house.files import Finding, Module, Tree

LIST: Final = Path(__file__).with_name("old_names.toml")
TEXT_KINDS: Final = frozenset({"string", "code word"})
"""Kinds of uses that are not identifiers. Only public names count there."""

_DOTTED: Final = re.compile(r"[\w.]+")
_QUOTED: Final = re.compile(r'"([\w.]+)"')
_CODE: Final = re.compile(r"`([^`\n]+)`")
_FENCE: Final = re.compile(r"\s*(```|~~~)")
_WORD: Final = re.compile(r"\w+")

_IDENTIFIERS: Final[Mapping[type[ast.AST], Sequence[tuple[str, str]]]] = {
    ast.AsyncFunctionDef: [("name", "function")],
    ast.Attribute: [("attr", "attribute")],
    ast.ClassDef: [("name", "class")],
    ast.Constant: [("value", "string")],
    ast.ExceptHandler: [("name", "name")],
    ast.FunctionDef: [("name", "function")],
    ast.Global: [("names", "name")],
    ast.ImportFrom: [("module", "import")],
    ast.MatchAs: [("name", "name")],
    ast.MatchClass: [("kwd_attrs", "attribute")],
    ast.MatchMapping: [("rest", "name")],
    ast.MatchStar: [("name", "name")],
    ast.Name: [("id", "name")],
    ast.Nonlocal: [("names", "name")],
    ast.alias: [("name", "import"), ("asname", "import")],
    ast.arg: [("arg", "argument")],
    ast.keyword: [("arg", "argument")],
}
"""The attributes of nodes that hold names, with the kinds of these names."""


class Use(NamedTuple):
    """A name in a file, its kind and its line."""

    name: str
    kind: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OldName:
    """A name that is not used any more.

    Attributes:
        new: its successor; empty if it has none.
        public: whether strings and pages count too.
        kinds: the kinds of `Use` that count; empty for all.
        below: the folders in which it counts; an empty name for all.
    """

    new: str
    public: bool = False
    kinds: tuple[str, ...] = ()
    below: tuple[str, ...] = ("",)

    @property
    def remedy(self) -> str:
        """The advice to somebody who uses the name."""
        return f"name it `{self.new}`" if self.new else "remove it"

    def counts(self, use: Use, path: str) -> bool:
        """Whether a use of this name counts in a file."""
        if use.kind in TEXT_KINDS and not self.public:
            return False
        return path.startswith(self.below) and (not self.kinds or use.kind in self.kinds)


def find_old_names(tree: Tree) -> list[Finding]:
    """Find old names in Python, in strings of Terraform, and in code on pages."""
    names, exempt = read_list()
    uses = {module.path: list_uses(module) for module in tree.python}
    for path, text in tree.texts.items():
        uses[path] = list_code_words(text) if path.endswith(".md") else list_strings(text)
    found = {
        Finding(path, use.line, f"the {use.kind} `{use.name}`", old.remedy)
        for path, its_uses in uses.items()
        if not path.startswith(exempt)
        for use in its_uses
        if (old := _find_row(names, use.name)) and old.counts(use, path)
    }
    return list(found)


@cache
def read_list() -> tuple[dict[str, OldName], tuple[str, ...]]:
    """Return the rows by name, and the prefixes of the paths that may use old names."""
    table = tomllib.loads(LIST.read_text(encoding="utf-8"))
    names = {name: OldName(new=new, public=True) for name, new in table["public"].items()}
    names |= {name: OldName(new=new) for name, new in table["internal"].items()}
    for name, row in table["scoped"].items():
        kinds, below = tuple(row.get("kinds", ())), tuple(row["below"])
        names[name] = OldName(new=row["new"], kinds=kinds, below=below)
    return names, tuple(table["exempt"])


def list_uses(module: Module) -> Iterator[Use]:
    """List the names in a Python file: path, identifiers, strings, and words in backticks."""
    for part in PurePosixPath(module.path).with_suffix("").parts:
        yield Use(part.removeprefix("test_"), "module", 1)
    for node in module.nodes:
        line = getattr(node, "lineno", 1)
        for name, kind in _list_names(node):
            yield Use(name, kind, line)
    for line, content in enumerate(module.text.splitlines(), 1):
        yield from _list_words(_CODE.findall(content), line)


def list_strings(text: str) -> Iterator[Use]:
    """List the strings of a Terraform file that are names or dotted names."""
    for line, content in enumerate(text.splitlines(), 1):
        for string in _QUOTED.findall(content):
            for name in string.split("."):
                yield Use(name, "string", line)


def list_code_words(text: str) -> Iterator[Use]:
    """List the words of a page that are between backticks or in a block of code."""
    is_code = False
    for line, content in enumerate(text.splitlines(), 1):
        if _FENCE.match(content):
            is_code = not is_code
        else:
            yield from _list_words([content] if is_code else _CODE.findall(content), line)


def _list_words(spans: Iterable[str], line: int) -> Iterator[Use]:
    for span in spans:
        for word in _WORD.findall(span):
            yield Use(word, "code word", line)


def _find_row(names: dict[str, OldName], name: str) -> OldName | None:
    """Return the row of a name, with or without its leading underscores."""
    exact = names.get(name) or names.get(name.lstrip("_"))
    if exact:
        return exact
    return next((old for row, old in names.items() if "*" in row and fnmatchcase(name, row)), None)


def _list_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """List the names of a node itself, with their kinds. A dotted name gives several."""
    for attribute, kind in _IDENTIFIERS.get(type(node), ()):
        value = getattr(node, attribute)
        for dotted in value if isinstance(value, list) else [value]:
            if isinstance(dotted, str) and _DOTTED.fullmatch(dotted):
                yield from ((name, kind) for name in dotted.split("."))
