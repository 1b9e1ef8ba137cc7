"""The runbook as it is written: its alarms, its sections, and what each of them says to run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
OURS = "idempotent-lambda --function orders "
CHANGING = ("redrive", "resolve", "forget", "discard")

_QUERY = re.compile(r"filter \S+.*", re.DOTALL)
_INLINE = re.compile(r"`((?:idempotent-lambda|aws) [^`]+)`")


@dataclass(frozen=True)
class Step:
    """A command or a query of the page.

    Attributes:
        section: the section that has it.
        text: what the page says, to be run as it is.
    """

    section: str
    text: str

    @property
    def is_query(self) -> bool:
        """Whether it is a query for Logs Insights."""
        return self.text.startswith("filter ")

    @property
    def changes(self) -> bool:
        """Whether it changes records or queues, so that the operator must decide first."""
        words = (self.ours or "").split()
        return words[:1] in ([name] for name in CHANGING) and "--dry-run" not in words

    @property
    def ours(self) -> str | None:
        """The words after the function, of a command of ours."""
        return self.text.removeprefix(OURS) if self.text.startswith(OURS) else None


@cache
def sections() -> dict[str, str]:
    """The text of each section, by its anchor."""
    parts = re.split(r"^## (.+)$", RUNBOOK, flags=re.MULTILINE)
    titles = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in parts[1::2]]
    return dict(zip(titles, parts[2::2], strict=True)) | {"": parts[0]}


def find_steps(section: str) -> list[Step]:
    """What a section says to run, in its order."""
    return [Step(section, text) for text in _find_texts(sections()[section])]


def _find_texts(text: str) -> Iterator[str]:
    for found in re.finditer(
        rf"^ *```(\w*)\n(.+?)^ *```$|{_INLINE.pattern}", text, re.MULTILINE | re.DOTALL
    ):
        kind, block, inline = found.groups()
        if inline:
            yield inline
        elif kind == "sh":
            yield from (line.strip() for line in block.splitlines())
        elif not kind and _QUERY.match(block):
            yield block.strip()


@cache
def alarms() -> dict[str, str]:
    """The first step of each alarm, as its row says."""
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (.+) \|$", sections()["alarms"], re.MULTILINE)
    return dict(rows)


def find_alarm_steps(alarm: str) -> list[Step]:
    """What the row of an alarm says to run, and then the sections that it links to."""
    row = alarms()[alarm]
    steps = [Step("alarms", text) for text in _INLINE.findall(row)]
    for section in re.findall(r"\]\(#([\w-]+)\)", row):
        steps += find_steps(section)
    return steps


def all_steps() -> list[Step]:
    """Everything that the page says to run."""
    return [step for section in sections() for step in find_steps(section)]
