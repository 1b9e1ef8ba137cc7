"""Old names of Terraform inputs, which old_inputs.toml lists by path with their successors."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Final

from scripts.house.files import Finding, Module, Tree

LIST: Final = Path(__file__).with_name("old_inputs.toml")

_TOKEN: Final = re.compile(
    r'#[^\n]*|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|<<-?(?P<end>\w+)\n.*?\n\s*(?P=end)\b'
    r'|(?P<block>\b[a-z_]+)(?: "(?P<label>[^"\n]+)")*[ ]\{'
    r"|(?P<name>\b[\w-]+)[ \t]*=(?![=>])|(?P<open>[\[({])|(?P<close>[\])}])",
    re.DOTALL,
)
"""The structure of HCL; comments, strings and heredocs have none."""

_WORD: Final = re.compile(r"(?<![\w.-])[A-Za-z_]\w*(?:\.\w+|\.\*|\[[^\]\n]*\])*")
_INDEX: Final = re.compile(r"\[[^\]\n]*\]")
_CODE: Final = re.compile(r"`([^`\n]+=[^`\n]+)`")
_QUOTES: Final = frozenset({'""', "''", "``"})
_BLOCK: Final = re.compile(r"^\s*```(?:hcl|terraform|tf)\n(.*?)^\s*```$", re.DOTALL | re.MULTILINE)


Use = tuple[str, int]
"""A path in a file, and its line."""


def find_old_inputs(tree: Tree) -> list[Finding]:
    """Find old paths in Terraform, in strings of Python and on pages, and old names of files."""
    names, files, exempt = read_list()
    found = set()
    uses = {module.path: _list_uses_in_python(module) for module in tree.python}
    for path, text in tree.texts.items():
        uses[path] = _list_uses_on_page(text) if path.endswith(".md") else list_uses(text)
    for path, its_uses in uses.items():
        if path.startswith(exempt):
            continue
        if remedy := _find_row(files, path):
            found.add(Finding(path, 1, f"the file name `{Path(path).name}`", remedy))
        for name, line in its_uses:
            if (new := _find_row(names, name)) is not None:
                remedy = f"name it `{new}`" if new else "remove it"
                found.add(Finding(path, line, f"the name `{name}`", remedy))
    return list(found)


@cache
def read_list() -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Return the rows of names, the rows of file names, and the prefixes of exempt paths."""
    table = tomllib.loads(LIST.read_text(encoding="utf-8"))
    names = table["inputs"] | table["locals"] | table["sids"]
    return names, table["files"], tuple(table["exempt"])


def list_uses(text: str) -> Iterator[Use]:
    """List the paths in HCL: of arguments and declarations, after `var.`, and in texts."""
    yield from _list_arguments(text)
    yield from _list_words(text)


def _list_arguments(text: str) -> Iterator[Use]:
    """List the paths of what is declared or set, below the module, variable or block it is in."""
    containers = [""]
    last = ""
    for token in _TOKEN.finditer(text):
        container = containers[-1]
        match token.lastgroup:
            case "block" | "label":
                path = _name_container(container, token["block"], token["label"])
                containers.append(path)
            case "name" if token["name"] in {"type", "default"}:
                last = ""  # a type declares the attributes of the input, a default sets them
                continue
            case "name":
                path = last = f"{container}.{token['name']}".lstrip(".")
            case "open":
                containers.append(last or container)
                last = ""
                continue
            case "close" if len(containers) > 1:
                last = containers.pop()
                continue
            case _:
                continue
        yield path, text.count("\n", 0, token.start()) + 1


def _name_container(container: str, block: str, label: str | None) -> str:
    """Return the path below which a block's arguments are."""
    match block:
        case "variable":
            return label or ""
        case "locals":
            return "local"
        case "module" | "variables":
            return ""
        case _:
            return f"{container}.{block}:"


def _list_uses_in_python(module: Module) -> Iterator[Use]:
    """List the paths in the strings of a Python file, which may be HCL."""
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value if "\n" in node.value or " " in node.value else f'"{node.value}"'
            for path, line in list_uses(text):
                yield path, node.lineno + line - 1


def _list_uses_on_page(text: str) -> Iterator[Use]:
    """List the paths in HCL on a page, and the words of the page."""
    yield from _list_words(text)
    for block in _BLOCK.finditer(text):
        before = text.count("\n", 0, block.start(1))
        yield from ((path, before + line) for path, line in _list_arguments(block[1]))
    for number, line in enumerate(text.splitlines(), 1):
        for span in _CODE.findall(line):
            yield from ((path, number) for path, _ in _list_arguments(span))


def _list_words(text: str) -> Iterator[Use]:
    """List references, dotted and capitalised words, and single words between quotes."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in _WORD.finditer(line):
            path = _INDEX.sub("", match[0]).removeprefix("var.")
            around = line[max(match.start() - 1, 0) : match.start()] + line[match.end() :][:1]
            if "." in match[0] or not path.islower() or around in _QUOTES:
                yield from ((prefix, number) for prefix in _list_prefixes(path))


def _list_prefixes(path: str) -> Iterator[str]:
    """List `a`, `a.b` and `a.b.c` for the last of them."""
    return accumulate(path.split("."), "{}.{}".format)


def _find_row(rows: Mapping[str, str], path: str) -> str | None:
    """Return the successor of a path, empty if it has none; None if the path is not old."""
    if path in rows:
        return rows[path]
    forms = (path, f".{path}")  # `*.x` is found by itself too
    patterns = (row for row in rows if "*" in row)
    return next((rows[row] for row in patterns if any(fnmatchcase(x, row) for x in forms)), None)
