"""Old names, which must not come back. Two tables list them with their successors."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from scripts.house.files import Finding, Tree, Use
from scripts.house.hcl import list_paths, list_paths_in_python, list_paths_on_page
from scripts.house.identifiers import (
    list_names_in_python,
    list_names_in_strings,
    list_names_on_page,
)

TEXT_KINDS: Final = frozenset({"string", "code word"})
"""Kinds of uses that are not identifiers. Names that are internal do not count there."""


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

    def counts(self, use: Use, path: str) -> bool:
        """Whether a use of this name counts in a file."""
        if use.kind in TEXT_KINDS and not self.public:
            return False
        return path.startswith(self.below) and (not self.kinds or use.kind in self.kinds)


class Table(NamedTuple):
    """A table of old names.

    Attributes:
        rows: by name; `*` in a name matches any characters.
        exempt: prefixes of the paths that may use old names.
    """

    rows: Mapping[str, OldName]
    exempt: tuple[str, ...]


def find_old_names(tree: Tree) -> set[Finding]:
    """Find old names in Python, in strings of Terraform, and in code on pages."""
    uses = {
        path: list_names_on_page(text) if path.endswith(".md") else list_names_in_strings(text)
        for path, text in tree.files.items()
    }
    uses |= {module.path: list_names_in_python(module) for module in tree.python}
    return _find_uses(uses, read_table("old_names.toml"))


def find_old_inputs(tree: Tree) -> set[Finding]:
    """Find old paths in Terraform, in strings of Python and on pages, and old names of files."""
    uses = {
        path: list_paths_on_page(text) if path.endswith(".md") else list_paths(text)
        for path, text in tree.files.items()
    }
    uses |= {module.path: list_paths_in_python(module) for module in tree.python}
    files = {path: [Use(part, "file name", 1) for part in Path(path).parts] for path in uses}
    table = read_table("old_inputs.toml")
    return _find_uses(uses, table) | _find_uses(files, table)


@cache
def read_table(file: str) -> Table:
    """Read a table of this folder."""
    sections = tomllib.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    exempt, scoped = tuple(sections.pop("exempt")), sections.pop("scoped")
    rows = {
        name: OldName(new=new, public=section != "internal")
        for section, names in sections.items()
        for name, new in names.items()
    }
    for name, row in scoped.items():
        kinds, below = tuple(row.get("kinds", ())), tuple(row["below"])
        rows[name] = OldName(new=row["new"], kinds=kinds, below=below)
    return Table(rows, exempt)


def _find_uses(uses: Mapping[str, Iterable[Use]], table: Table) -> set[Finding]:
    """Return the uses of old names, given all uses of names by path."""
    find_row = cache(partial(_find_row, table.rows))  # the same names come again and again
    return {
        Finding(path, use.line, f"the {use.kind} `{use.name}`", remedy)
        for path, its_uses in uses.items()
        if not path.startswith(table.exempt)
        for use in its_uses
        if (old := find_row(use.name)) and old.counts(use, path)
        for remedy in [f"name it `{old.new}`" if old.new else "remove it"]
    }


def _find_row(rows: Mapping[str, OldName], name: str) -> OldName | None:
    """Return the row of a name, with or without its leading underscores."""
    if exact := rows.get(name) or rows.get(name.lstrip("_")):
        return exact
    forms = (name, f".{name}")  # `*.x` is found by itself too
    patterns = (row for row in rows if "*" in row)
    return next((rows[row] for row in patterns if any(fnmatchcase(x, row) for x in forms)), None)
