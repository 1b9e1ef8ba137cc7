"""The names in Python, in strings of Terraform, and in code on pages."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from scripts.house.files import Module, Use

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


def list_names_in_python(module: Module) -> Iterator[Use]:
    """List the names in a Python file: path, identifiers, strings, and words in backticks."""
    for part in PurePosixPath(module.path).with_suffix("").parts:
        yield Use(part.removeprefix("test_"), "module", 1)
    for node in module.nodes:
        for attribute, kind in _IDENTIFIERS.get(type(node), ()):
            value = getattr(node, attribute)
            for dotted in value if isinstance(value, list) else [value]:
                if isinstance(dotted, str) and _DOTTED.fullmatch(dotted):
                    for name in dotted.split("."):
                        yield Use(name, kind, getattr(node, "lineno", 1))
    for line, content in enumerate(module.text.splitlines(), 1):
        yield from _list_words(_CODE.findall(content), line)


def list_names_in_strings(text: str) -> Iterator[Use]:
    """List the strings of a Terraform file that are names or dotted names."""
    for line, content in enumerate(text.splitlines(), 1):
        for string in _QUOTED.findall(content):
            for name in string.split("."):
                yield Use(name, "string", line)


def list_names_on_page(text: str) -> Iterator[Use]:
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
