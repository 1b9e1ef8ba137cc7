"""Writes the reference of the public names into docs/api.md: ``make docs``.

    python -m scripts.reference

griffe2md reads names, signatures and docstrings from the code, which does not run.
"""

import re
from pathlib import Path
from typing import Final, cast

import griffe
from griffe2md import ConfigDict, default_config, render_object_docs

from scripts.pages import render

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "api.md"
MODULES: Final = (
    "idempotent_lambda",
    "idempotent_lambda.errors",
    "idempotent_lambda.migration",
    "idempotent_lambda_toolkit.testing",
    "idempotent_lambda_toolkit.testing.events",
)
INTERNAL: Final = {"Message.from_delivery", "Transaction.close", "NO_TIME", "text_of"}
"""Names, and methods of public classes, that the package uses itself."""

OPTIONS: Final[ConfigDict] = {
    "heading_level": 3,
    "merge_init_into_class": False,
    "show_root_heading": False,
    "show_object_full_path": False,
    "show_root_members_full_path": False,
    "show_signature_annotations": True,
    "show_submodules": False,
    "summary": False,
}


def write_page() -> str:
    """Write the page with the names and docstrings of now."""
    loader = griffe.GriffeLoader(
        search_paths=[ROOT / "handler", ROOT / "toolkit"], docstring_parser="google"
    )
    for package in ("idempotent_lambda", "idempotent_lambda_toolkit"):
        loader.load(package)
    loader.resolve_aliases(implicit=True)
    sections: dict[str, str] = {}
    reported: set[str] = set()
    for name in MODULES:
        module = cast("griffe.Module", loader.modules_collection[name])
        _remove_members(module, reported)
        text = render_object_docs(module, default_config | OPTIONS)
        # Links to names that have no heading here.
        text = re.sub(r"\[([^][]+)\]\(#[^)]*\)", r"\1", text)
        text = re.sub(r"(?<!`)``([^`]+)``(?!`)|<code>([^`]*?)</code>", r"`\1\2`", text)
        sections[name] = re.sub(r"\n{3,}", "\n\n", text).strip()
    return render(PAGE.read_text(encoding="utf-8"), sections)


def _remove_members(module: griffe.Module, reported: set[str]) -> None:
    """Leave out what an earlier module has, what is internal, and attributes without a docstring.

    The docstring of a class describes its attributes. The members of an enumeration need no
    description.
    """
    for name, member in list(module.members.items()):
        if not member.is_public:
            continue
        if member.canonical_path in reported or name in INTERNAL:
            module.del_member(name)
            continue
        reported.add(member.canonical_path)
        target = member.final_target if isinstance(member, griffe.Alias) else member
        if isinstance(target, griffe.Class):
            is_enum = "StrEnum" in map(str, target.bases)
            for inner, part in list(target.members.items()):
                if f"{name}.{inner}" in INTERNAL or not (part.has_docstring or is_enum):
                    target.del_member(inner)


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
