"""The paths of Terraform's inputs and locals in HCL, in strings of Python and on pages."""

import ast
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from scripts.house.files import Module, Use

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


def list_paths(text: str, first: int = 1) -> Iterator[Use]:
    """List the paths in HCL: of arguments and declarations, after `var.`, and in texts."""
    yield from _list_arguments(text, first)
    yield from _list_words(text, first)


def list_paths_in_python(module: Module) -> Iterator[Use]:
    """List the paths in the strings of a Python file, which may be HCL."""
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value if "\n" in node.value or " " in node.value else f'"{node.value}"'
            yield from list_paths(text, node.lineno)


def list_paths_on_page(text: str) -> Iterator[Use]:
    """List the paths in HCL on a page, and the words of the page."""
    yield from _list_words(text, 1)
    for block in _BLOCK.finditer(text):
        yield from _list_arguments(block[1], _count_line(text, block.start(1)))
    for span in _CODE.finditer(text):
        yield from _list_arguments(span[1], _count_line(text, span.start()))


def _count_line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _list_arguments(text: str, first: int) -> Iterator[Use]:
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
        yield Use(path, "name", first - 1 + _count_line(text, token.start()))


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


def _list_words(text: str, first: int) -> Iterator[Use]:
    """List references, dotted and capitalised words, and single words between quotes."""
    for number, line in enumerate(text.splitlines(), first):
        for match in _WORD.finditer(line):
            path = _INDEX.sub("", match[0]).removeprefix("var.")
            around = line[max(match.start() - 1, 0) : match.start()] + line[match.end() :][:1]
            if "." in match[0] or not path.islower() or around in _QUOTES:
                # `a`, `a.b` and `a.b.c` for the last of them.
                for prefix in accumulate(path.split("."), "{}.{}".format):
                    yield Use(prefix, "name", number)
