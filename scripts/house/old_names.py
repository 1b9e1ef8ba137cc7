"""Old names, which must not come back. Two tables list them with their successors."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from scripts.house.files import File, Finding, Tree

_NAME: Final = re.compile(r"\w+")
_FENCE: Final = r"^[ \t]*(?:```|~~~)"
_CODE: Final = re.compile(
    rf"""{_FENCE}[^\n]*\n(.*?)(?:{_FENCE}|\Z)|`([^`\n]+)`|"([\w.]+)"|'([\w.]+)'""",
    re.DOTALL | re.MULTILINE,
)
"""A block of code, code between backticks, or a word between quotes."""

_TOKEN: Final = re.compile(
    r'#[^\n]*|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|<<-?(?P<end>\w+)\n.*?\n\s*(?P=end)\b'
    r'|(?P<name>\b[\w-]+)(?: "(?P<label>[^"\n]+)")*[ \t]*(?:(?P<equals>=(?![=>]))|(?=\{))'
    r"|(?P<open>[\[({])|(?P<close>[\])}])",
    re.DOTALL,
)
"""The structure of HCL; comments, strings and heredocs have none."""

_WORD: Final = re.compile(r"(?<![\w.-])[A-Za-z_]\w*(?:\.\w+|\.\*|\[[^\]\n]*\])*")
_INDEX: Final = re.compile(r"\[[^\]\n]*\]")


Use = tuple[str, str, int]
"""A name in a file, its kind and its line."""


class OldName(NamedTuple):
    """A name that is not used any more."""

    new: str  # its successor; empty if it has none
    kinds: tuple[str, ...]  # the kinds of uses that count; empty for all
    below: tuple[str, ...]  # the folders in which it counts; an empty name for all
    exempt: tuple[str, ...]  # prefixes of the paths that may use it


def find_old_names(tree: Tree) -> set[Finding]:
    """Find old names in Python, in strings of Terraform, and in code on pages."""
    return _find_uses(tree, list_names, read_table("old_names.toml"))


def find_old_inputs(tree: Tree) -> set[Finding]:
    """Find old paths in Terraform, in strings of Python and on pages, and old names of files."""
    return _find_uses(tree, list_paths, read_table("old_inputs.toml"))


@cache
def read_table(file: str) -> dict[str, OldName]:
    """Read a table of this folder: old names, in which `*` matches any characters."""
    sections = tomllib.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    exempt = tuple(sections.pop("exempt"))
    return {
        name: OldName(new, tuple(section.get("kinds", ())), (*section.get("below", [""]),), exempt)
        for section in sections.values()
        for name, new in section["names"].items()
    }


def _find_uses(
    tree: Tree, list_uses: Callable[[File], Iterable[Use]], table: dict[str, OldName]
) -> set[Finding]:
    """Find the old names of a table among the uses of each file."""
    rows = list(table.values())
    names = "|".join(f"({re.escape(name)})" for name in table)
    # `_x` is found by the row of `x`, and `x` by the row of `*.x`.
    names = names.replace(r"\*\.", r"(?:.*\.)?").replace(r"\*", ".*")
    find = cache(re.compile(f"_*(?:{names})").fullmatch)  # the same names come again and again
    return {
        Finding(file.path, line, f"the {kind} `{name}`", remedy)
        for file in tree.files
        for name, kind, line in list_uses(file)
        if (match := find(name))
        for old in [rows[(match.lastindex or 0) - 1]]
        if file.path.startswith(old.below) and not file.path.startswith(old.exempt)
        if not old.kinds or kind in old.kinds
        for remedy in [f"name it `{old.new}`" if old.new else "remove it"]
    }


def list_names(file: File) -> Iterator[Use]:
    """List the names in Python, between quotes, and in code on pages and in docstrings."""
    for part in PurePosixPath(file.path).with_suffix("").parts if file.nodes else ():
        yield part.removeprefix("test_"), "module", 1
    for node in file.nodes:
        for value in () if isinstance(node, ast.Constant) else vars(node).values():
            for dotted in value if isinstance(value, list) else [value]:
                for name in _NAME.findall(dotted) if isinstance(dotted, str) else ():
                    yield name, "name", getattr(node, "lineno", 1)
    for first, code in _list_code(file.text):
        for line, content in enumerate(code.splitlines(), first):
            yield from ((name, "code word", line) for name in _NAME.findall(content))


def list_paths(file: File) -> Iterator[Use]:
    """List the paths in Terraform, in strings of Python, which may be Terraform, and on pages."""
    for part in PurePosixPath(file.path).parts:
        yield part, "file name", 1
    texts = codes = [(1, file.text)]
    if file.nodes:
        constants = [node for node in file.nodes if isinstance(node, ast.Constant)]
        texts = codes = [(node.lineno, str(node.value)) for node in constants]
    elif file.path.endswith(".md"):
        codes = _list_code(file.text)
    for first, text in texts:
        yield from _list_words(f'"{text}"', first)
    for first, code in codes:
        yield from _list_arguments(code, first)


def _list_code(text: str) -> list[tuple[int, str]]:
    """List all code in a text, each with its first line."""
    found = [(match, match.lastindex or 0) for match in _CODE.finditer(text)]
    return [(text.count("\n", 0, match.start(part)) + 1, match[part]) for match, part in found]


def _list_arguments(text: str, first: int) -> Iterator[Use]:
    """List the paths of what is declared or set, below the module, variable or block it is in."""
    containers = [""]
    last = None
    for token in _TOKEN.finditer(text):
        name, container = token["name"], containers[-1]
        if token["open"]:
            containers.append(container if last is None else last)
            last = None
        elif token["close"]:
            last = containers.pop() if len(containers) > 1 else None
        elif name in {"type", "default"}:
            last = None  # a type declares the attributes of the input, a default sets them
        elif name:
            label = token["label"] or ""
            roots = {"variable": label, "locals": "local", "module": "", "variables": ""}
            block = roots.get(name, f"{container}.{name}:")
            last = (f"{container}.{name}" if token["equals"] else block).lstrip(".")
            yield last, "name", first + text.count("\n", 0, token.start())


def _list_words(text: str, first: int) -> Iterator[Use]:
    """List references, dotted and capitalised words, and single words between quotes."""
    for number, line in enumerate(text.splitlines(), first):
        for match in _WORD.finditer(line):
            path = _INDEX.sub("", match[0]).removeprefix("var.")
            around = line[max(match.start() - 1, 0) : match.start()] + line[match.end() :][:1]
            if "." in match[0] or not path.islower() or around in {'""', "''", "``"}:
                # `a`, `a.b` and `a.b.c` for the last of them.
                for prefix in accumulate(path.split("."), "{}.{}".format):
                    yield prefix, "name", number
