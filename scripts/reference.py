"""Writes the reference of the public names into docs/api.md: ``make docs``.

    python -m scripts.reference [--check]

Names come from ``__all__`` of the modules, or from their public classes and functions where there
is none; signatures and texts from the code, which is read and not run. What has no docstring is
refused. With ``--check`` nothing is written: it says what differs.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, cast

import griffe
from griffe import DocstringSectionKind as Kind

from scripts.pages import render

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "api.md"
SOURCES: Final = (ROOT / "handler", ROOT / "toolkit")
MODULES: Final = (
    "idempotent_lambda",
    "idempotent_lambda.errors",
    "idempotent_lambda.migration",
    "idempotent_lambda_toolkit.testing",
    "idempotent_lambda_toolkit.testing.events",
)
INTERNAL: Final = {"Message.from_delivery", "Transaction.close", "text_of"}
"""Functions, and methods of public classes, that the package calls itself."""

WIDTH: Final = 92
"""A longer signature has a line for each parameter."""

STARS: Final = {
    griffe.ParameterKind.var_positional: "*",
    griffe.ParameterKind.var_keyword: "**",
}
SEE: Final = re.compile(r"See `(?P<where>\w+)\.\w+`\.")
"""The docstring of a method that another class describes."""

TITLES: Final = {
    Kind.parameters: "Arguments",
    Kind.attributes: "Attributes",
    Kind.raises: "Raises",
    Kind.returns: "Returns",
    Kind.yields: "Yields",
}


def main(
    arguments: Sequence[str] | None = None,
    *,
    page: Path = PAGE,
    sources: Sequence[Path] = SOURCES,
    modules: Sequence[str] = MODULES,
) -> int:
    """Write the page's sections, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    check = parser.parse_args(arguments).check
    try:
        new = render(page.read_text(encoding="utf-8"), sections(sources, modules))
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    old = page.read_text(encoding="utf-8")
    if check and old != new:
        before, after = old.splitlines(), new.splitlines()
        print(*difflib.unified_diff(before, after, page.name, "make docs", lineterm=""), sep="\n")
        return 1
    if old != new:
        page.write_text(new, encoding="utf-8")
        print(f"wrote docs/{page.name}")
    return 0


def sections(sources: Sequence[Path], modules: Sequence[str]) -> dict[str, str]:
    """The page's sections: one for each module, by its name.

    Raises:
        LookupError: a public name, or a method or argument of one, is not documented.
    """
    loader = griffe.GriffeLoader(search_paths=sources, docstring_parser="google")
    reported: set[str] = set()
    found = {}
    for name in modules:
        module = cast("griffe.Module", loader.load(name))
        loader.resolve_aliases(implicit=True)
        texts = []
        for public in list_names(module):
            member = _target(module[public])
            if member.path not in reported:
                reported.add(member.path)
                texts.append("\n\n".join(_entry(public, member, reported)))
        found[name] = "\n\n".join(texts)
    return found


def list_names(module: griffe.Module) -> list[str]:
    """The public names of a module, in alphabetical order and its constants last."""
    names = [str(each) for each in module.exports or ()] or [
        name
        for name, each in (*module.classes.items(), *module.functions.items())
        if not each.is_alias and name[0] != "_" and name not in INTERNAL
    ]
    return sorted(names, key=lambda name: (name.startswith("__"), name.lower()))


def _target(member: griffe.Object | griffe.Alias) -> griffe.Object:
    return member.final_target if isinstance(member, griffe.Alias) else member


def _entry(name: str, member: griffe.Object, reported: set[str]) -> Iterator[str]:
    """The paragraphs of a public name; ``told`` has the types that are explained already."""
    yield f"### `{name}`"
    if isinstance(member, griffe.Function):
        yield _signature(name, member, reported)
    elif isinstance(member, griffe.Class):
        if bases := [str(base) for base in member.bases]:
            yield f"A subclass of {' and '.join(f'`{base}`' for base in bases)}."
    elif isinstance(member, griffe.Attribute):
        yield f"```python\n{name} = {member.value}\n```"
        return
    yield from _text(member)
    if isinstance(member, griffe.Class):
        yield from _members(name, member, reported)
    elif isinstance(member, griffe.Module):
        for public in list_names(member):
            function = _target(member[public])
            if isinstance(function, griffe.Function):
                yield f"#### `{name}.{public}()`"
                yield _signature(public, function, reported)
                yield from _text(function)


def _members(name: str, member: griffe.Class, reported: set[str]) -> Iterator[str]:
    """The paragraphs of what is public in a class, beside the attributes of its docstring."""
    if "StrEnum" in map(str, member.bases):
        yield "\n".join(f"- `{each.name}`: `{each.value}`" for each in member.attributes.values())
    elsewhere: dict[str, list[str]] = {}
    for method in member.functions.values():
        if method.name.startswith("_") or f"{name}.{method.name}" in INTERNAL:
            continue
        texts = list(_text(method))
        if len(texts) == 1 and (see := SEE.fullmatch(texts[0])):
            elsewhere.setdefault(see["where"], []).append(method.name)
            continue
        yield f"#### `{name}.{method.name}()`"
        yield _signature(method.name, method, reported)
        yield from texts
    for where, methods in elsewhere.items():
        yield f"The methods of `{where}`: {', '.join(f'`{each}`' for each in methods)}."


def _signature(name: str, function: griffe.Function, reported: set[str]) -> str:
    """A call of it in Python, with types and defaults, as a block of code."""
    parts = [_parameter(each) for each in function.parameters if each.name not in ("self", "cls")]
    kinds = [each.kind for each in function.parameters]
    named = griffe.ParameterKind.keyword_only
    if named in kinds and griffe.ParameterKind.var_positional not in kinds:
        first = next(each.name for each in function.parameters if each.kind == named)
        place = next(i for i, part in enumerate(parts) if re.match(rf"{first}\b", part))
        parts.insert(place, "*")
    answer = f" -> {function.returns}" if function.returns else ""
    line = f"{name}({', '.join(parts)}){answer}"
    if len(line) > WIDTH:
        line = "\n".join([f"{name}(", *(f"    {part}," for part in parts), f"){answer}"])
    types = list(_types(function, reported))
    return "\n".join([f"```python\n{line}\n```", *([""] * bool(types)), *types])


def _types(function: griffe.Function, reported: set[str]) -> Iterator[str]:
    """What the names of types in its signature stand for, where they say so."""
    annotations = [*(each.annotation for each in function.parameters), function.returns]
    names = [
        each
        for annotation in annotations
        if isinstance(annotation, griffe.Expr)
        for each in annotation.iterate(flat=True)
        if isinstance(each, griffe.ExprName)
    ]
    for path, name in {each.canonical_path: each.name for each in names}.items():
        package, *inner = path.split(".")
        if path not in reported and package in function.modules_collection and inner:
            meant = _target(function.modules_collection[package][inner])
            if isinstance(meant, griffe.Attribute) and meant.docstring:
                reported.add(path)
                yield f"- `{name}`: {_mark_up(' '.join(meant.docstring.value.split()))}"


def _parameter(parameter: griffe.Parameter) -> str:
    star = STARS.get(parameter.kind or griffe.ParameterKind.positional_or_keyword, "")
    annotation = f": {parameter.annotation}" if parameter.annotation else ""
    default = f" = {parameter.default}" if parameter.default is not None and not star else ""
    return f"{star}{parameter.name}{annotation}{default}"


def _text(member: griffe.Object) -> Iterator[str]:
    """The docstring, in Markdown.

    Raises:
        LookupError: there is none.
    """
    if member.docstring is None:
        raise LookupError(f"{member.path} has no docstring")
    for section in member.docstring.parsed:
        if section.kind == Kind.text:
            yield _mark_up(section.value)
        elif section.kind in TITLES:
            lines = [_item(section.kind, each) for each in section.value]
            yield "\n".join([f"{TITLES[section.kind]}:", "", *lines])
        else:
            raise LookupError(f"{member.path}: {section.kind.value} is not foreseen in a docstring")


def _item(kind: Kind, each: griffe.DocstringElement) -> str:
    """What is said of an argument, an attribute, an error or an answer, as a bullet."""
    text = " ".join(_mark_up(each.description).split())
    if kind in (Kind.returns, Kind.yields):
        return f"- {text}"  # its type is in the signature
    # Several errors may share a line; griffe takes them for a tuple.
    name = getattr(each, "name", "") or str(each.annotation).strip("()")
    return f"- {', '.join(f'`{part.strip()}`' for part in name.split(','))}: {text}"


def _mark_up(text: str) -> str:
    """Code as Markdown has it, and addresses that can be followed."""
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return re.sub(r"(?<![<(])(https://[^\s)]*[^\s).,:;])", r"<\1>", text)


if __name__ == "__main__":
    sys.exit(main())
