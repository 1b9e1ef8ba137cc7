"""Draws the picture of the demo from a real run: ``make picture``.

Runs the quickstart's demo (about 3 minutes), and writes its output without the notes to
docs/pictures/demo.svg, and its report to demo.json in the same folder.
"""

import io
import re
import shutil
import sys
from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from scripts.demo.__main__ import BUILD
from scripts.demo.report import NAME as REPORT
from scripts.demo.run import run
from scripts.support.emulator import ROOT
from scripts.support.terraform import interruptible

PICTURES: Final = ROOT / "docs" / "pictures"
# A note is indented by two more spaces than the title of its phase.
NOTE: Final = re.compile(r" *\d+ s {4}")


def draw(lines: Iterable[Text]) -> str:
    """Draw lines as a terminal shows them, as SVG."""
    console = Console(record=True, width=80, file=io.StringIO())
    for line in (Text.from_markup("[bold green]$[/] make demo"), *lines):
        if not NOTE.match(line.plain):
            console.print(line, soft_wrap=True)
    svg = console.export_svg(title="make demo", unique_id="demo")
    # Without fonts, which a reader's browser would fetch, and without spaces at the ends of lines.
    fontless = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", svg, flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", fontless)


def main() -> int:
    """Run the demo and draw it; return the exit code."""
    shown = Console(record=True, width=80)
    with interruptible():
        code = run(shown, BUILD)
    if not code:
        shutil.copy(BUILD / REPORT, PICTURES / "demo.json")
        svg = draw(Text.from_ansi(shown.export_text(styles=True)).split("\n"))
        (PICTURES / "demo.svg").write_text(svg, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
