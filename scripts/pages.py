"""Pages of documentation whose sections are made from measured data."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def as_text(data: Mapping[str, Any]) -> str:
    """JSON with every innermost object on one line."""
    text = json.dumps(data, indent=1)
    return re.sub(r"\{[^{}]*\}", lambda found: " ".join(found[0].split()), text) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def render(page: str, sections: Mapping[str, str]) -> str:
    """The page with its generated sections replaced.

    Raises:
        ValueError: it has no such section.
    """
    for name, section in sections.items():
        begin, end = (f"<!-- {edge} generated: {name} -->" for edge in ("begin", "end"))
        head, _, rest = page.partition(begin)
        _, found, tail = rest.partition(end)
        if not found:
            raise ValueError(f"the page has no section between {begin!r} and {end!r}")
        page = f"{head}{begin}\n\n{section}\n\n{end}{tail}"
    return page
