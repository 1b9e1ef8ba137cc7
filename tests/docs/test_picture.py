"""The terminal picture shows a real run of the demo, in which everything held."""

import html
import json
import re

import pytest
from rich.text import Text

from scripts import picture
from scripts.demo.report import MEANINGS
from tests.test_house_rules import MACHINE_PATH

SVG = (picture.PICTURES / "demo.svg").read_text()
REPORT = json.loads((picture.PICTURES / "demo.json").read_text())


def shown(svg: str) -> str:
    """The text of a picture, row by row."""
    rows: dict[str, str] = {}
    for row, text in re.findall(
        r'<text [^>]*\by="([\d.]+)"[^>]*clip-path[^>]*>([^<]*)</text>', svg
    ):
        rows[row] = rows.get(row, "") + html.unescape(text)
    return "\n".join(rows.values()).replace("\N{NO-BREAK SPACE}", " ")


def test_the_picture_shows_the_report() -> None:
    """The table in the picture shows the report of the run, and no broken promise."""
    text = shown(SVG)
    ours, naive = REPORT["ours"], REPORT["naive"]
    for name, meaning in MEANINGS.items():
        # A long meaning goes on in the next row.
        start = meaning[:40].strip()
        (row,) = (line for line in text.splitlines() if start in line)
        assert re.findall(r"\d+", row) == [str(ours[name]), str(naive[name])]
    assert ours["lost"] == ours["charged_twice"] == 0 < naive["charged_twice"]
    assert text.startswith("$ make demo\n")


def test_the_picture_is_small_and_stands_alone() -> None:
    """It fetches nothing, names no place of one machine, and is under 100 KB."""
    assert len(SVG.encode()) < 100_000
    assert re.findall(r"https?://[^\"]+", SVG) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in SVG
    assert MACHINE_PATH.search(SVG) is None


@pytest.mark.parametrize(
    ("line", "remains"),
    [
        ("   3 s  terraform init", True),
        ("  17 s    a queue: still creating", False),
        ("   7 s    ...", False),
        ("nothing was lost", True),
    ],
)
def test_notes_are_left_out(line: str, remains: bool) -> None:
    """The picture leaves out the notes of a phase."""
    assert (line.rsplit(maxsplit=1)[-1] in shown(picture.draw([Text(line)]))) is remains
