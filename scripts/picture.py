"""Draws the terminal picture of the demo, docs/pictures/demo.svg, from a real run.

    python -m scripts.picture [--redraw]

Runs the quickstart's demo (about 3 minutes), keeps its report and what a terminal shows at its
end in docs/pictures/demo.json, and draws that. With ``--redraw`` nothing runs: the picture is drawn
again from that file.
"""

import argparse
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from scripts.demo.__main__ import BUILD
from scripts.demo.report import NAME as REPORT
from scripts.demo.run import run
from scripts.support.emulator import ROOT
from scripts.support.terraform import interruptible

PICTURES: Final = ROOT / "docs" / "pictures"
DATA: Final = "demo.json"
PICTURE: Final = "demo.svg"
COMMAND: Final = "make demo"
WIDTH: Final = 80
"""Of the terminal, in characters."""
# A terminal redraws a phase's notes in one place; elsewhere each is a line, indented by two more.
NOTE: Final = re.compile(r" *\d+ s {4}")
FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>What `make demo` shows</title>
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, \
"DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""How the SVG is put together: no font is fetched, so that it looks the same offline."""


def main(arguments: Sequence[str] | None = None, *, pictures: Path = PICTURES) -> int:
    """Run the demo and draw it, or draw the run before; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.picture")
    parser.add_argument("--redraw", action="store_true", help="run nothing, draw the last run")
    if not parser.parse_args(arguments).redraw:
        shown = Console(record=True, width=WIDTH, force_terminal=False)
        with interruptible():
            code = run(shown, BUILD)
        if code:
            return code
        report = json.loads((BUILD / REPORT).read_text(encoding="utf-8"))
        seen = {"report": report, "lines": keep_shown(shown)}
        text = json.dumps(seen, ensure_ascii=False, indent=1) + "\n"
        (pictures / DATA).write_text(text, encoding="utf-8")
    seen = json.loads((pictures / DATA).read_text(encoding="utf-8"))
    (pictures / PICTURE).write_text(draw(seen), encoding="utf-8")
    return 0


def keep_shown(shown: Console) -> list[str]:
    """The lines that a terminal shows when the run is over, as rich's markup."""
    lines = Text.from_ansi(shown.export_text(styles=True)).split("\n")
    return [line.markup for line in lines if not NOTE.match(line.plain)]


def draw(seen: dict[str, Any]) -> str:
    """The picture of a run, as SVG.

    Args:
        seen: the run's report, and the lines that it showed, as rich's markup.
    """
    prompt = f"[bold green]$[/] {COMMAND}"
    lines = [Text.from_markup(each) for each in (prompt, *seen["lines"])]
    width = max(line.cell_len for line in lines)
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=False)
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
    svg = console.export_svg(title=COMMAND, code_format=FORMAT, unique_id="demo")
    # Spaces that do not break are longer than they need be, and lines end without any.
    return re.sub(r"[ \t]+$", "", svg.replace("&#160;", "\N{NO-BREAK SPACE}"), flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
