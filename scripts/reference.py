"""Writes the reference of the public names into docs/api.md: ``make docs``.

    python -m scripts.reference

griffe2md reads names, signatures and docstrings, and runs no code. pyproject.toml has its options.
"""

import re
from pathlib import Path
from typing import Final, cast

import griffe
from griffe2md import default_config, load_config, render_object_docs

from scripts.pages import render

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "api.md"
MODULES: Final = (
    "idempotent_lambda",
    "idempotent_lambda.errors",
    "idempotent_lambda.http",
    "idempotent_lambda.migration",
    "idempotent_lambda_toolkit.testing",
    "idempotent_lambda_toolkit.testing.events",
)


def write_page() -> str:
    """Return the page with the current names and docstrings."""
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
        for member in [member for member in module.members.values() if member.is_public]:
            if member.canonical_path in reported:  # an earlier module has it
                module.del_member(member.name)
            reported.add(member.canonical_path)
        text = render_object_docs(module, default_config | (load_config() or {}))
        # Links to names that have no heading here.
        text = re.sub(r"\[([^][]+)\]\(#[^)]*\)", r"\1", text)
        text = re.sub(r"(?<!`)``([^`]+)``(?!`)|<code>([^`]*?)</code>", r"`\1\2`", text)
        sections[name] = re.sub(r"\n{3,}", "\n\n", text).strip()
    return render(PAGE.read_text(encoding="utf-8"), sections)


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
