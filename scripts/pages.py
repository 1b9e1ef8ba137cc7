"""Renders the generated sections of documentation."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def as_text(data: Mapping[str, Any]) -> str:
    """Format data as JSON with every innermost object on one line."""
    text = json.dumps(data, indent=1)
    return re.sub(r"\{[^{}]*\}", lambda found: " ".join(found[0].split()), text) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def render(page: str, sections: Mapping[str, str]) -> str:
    """Replace generated sections of a page; raise ValueError if it lacks one."""
    for name, section in sections.items():
        begin, end = (f"<!-- {edge} generated: {name} -->" for edge in ("begin", "end"))
        head, _, rest = page.partition(begin)
        _, found, tail = rest.partition(end)
        if not found:
            raise ValueError(f"the page has no section between {begin!r} and {end!r}")
        page = f"{head}{begin}\n\n{section}\n\n{end}{tail}"
    return page
