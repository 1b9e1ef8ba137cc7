"""Keeps the links of docs/comparison.md into this repository true: ``make docs``.

    python -m scripts.comparison [--check]

Line numbers move, code seldom does. So a link's text is code that stands once in the file, and its
line number is found by it; ``12 times `code` `` is how often the code stands there. With
``--check`` nothing is written: it says what is stale. What cannot be found is an error either way,
because only a person can tell whether the page is still right.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "comparison.md"
# Code may hold brackets; what ends it is the backtick.
LINK: Final = re.compile(r"\[(?P<text>(?:`[^`]*`|[^\]`])*)\]\((?P<target>(?!https?:|#)[^)]+)\)")
LINE: Final = re.compile(r"L\d+(-L\d+)?")
BY_LINE: Final = re.compile(r"`(?P<code>[^`]+)`")
BY_COUNT: Final = re.compile(r"\d+ times `(?P<code>[^`]+)`")


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """The page as it should be, and what keeps it from being so."""

    page: str
    stale: Sequence[str]
    """What has been put right."""

    lost: Sequence[str]
    """What only a person can put right."""


def main(arguments: Sequence[str] | None = None, page: Path = PAGE) -> int:
    """Write the page, or say what is wrong with it."""
    parser = argparse.ArgumentParser(description="Keep the links of docs/comparison.md true.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    check = parser.parse_args(arguments).check
    written = page.read_text(encoding="utf-8")
    renewal = renew_page(written, page.parent)
    if not check and renewal.page != written:
        page.write_text(renewal.page, encoding="utf-8")
    problems = [*renewal.lost, *(renewal.stale if check else ())]
    for problem in problems:
        print(f"{page.name}:{problem}", file=sys.stderr)
    if check and renewal.stale:
        print("`make docs` puts the stale ones right.", file=sys.stderr)
    return 1 if problems else 0


def renew_page(page: str, folder: Path) -> Renewal:
    """The page, which lies in a folder, with the line numbers and counts of now."""
    stale: list[str] = []
    lost: list[str] = []

    def link(found: re.Match[str]) -> str:
        place = f"{page.count(chr(10), 0, found.start()) + 1}: {found[0]}"
        try:
            new = _renew_links(found["text"], found["target"], folder)
        except LookupError as error:
            lost.append(f"{place}: {error}")
            return found[0]
        if new != found[0]:
            stale.append(f"{place} is {new} now")
        return new

    return Renewal(page=LINK.sub(link, page), stale=stale, lost=lost)


def _renew_links(text: str, target: str, folder: Path) -> str:
    """A link with the number of now.

    Raises:
        LookupError: what it shows does not stand where it leads, or more than once.
    """
    name, _, anchor = target.partition("#")
    path = folder / name
    if not path.exists():
        raise LookupError(f"there is no {name}")
    if counted := BY_COUNT.fullmatch(text):
        code = counted["code"]
        if (count := path.read_text(encoding="utf-8").count(code)) == 0:
            raise LookupError(f"`{code}` does not stand in {name}")
        return f"[{count} times `{code}`]({name})"
    if shown := BY_LINE.fullmatch(text):
        return f"[{text}]({name}#L{_line(shown['code'], path)})"
    if LINE.fullmatch(anchor):
        raise LookupError("a line is found by its code, so the text must be code")
    return f"[{text}]({target})"


def _line(code: str, path: Path) -> int:
    """The number of the line on which the code stands."""
    content = path.read_text(encoding="utf-8")
    if (count := content.count(code)) != 1:
        raise LookupError(f"`{code}` stands {count} times in {path.name}, and must stand once")
    return content.count("\n", 0, content.index(code)) + 1


if __name__ == "__main__":
    sys.exit(main())
