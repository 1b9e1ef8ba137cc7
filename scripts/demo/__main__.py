"""The demo, ``make demo``: deploy the quickstart with and without the module, break both, count.

The exit code is 0 if every promise held; 1 with one line per broken promise (or for the error that
stopped it); 128 + n after signal n.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from scripts.demo.run import run
from scripts.support.emulator import ROOT, EmulatorError
from scripts.support.source import SourceError
from scripts.support.terraform import TerraformError, interruptible

BUILD: Final = ROOT / "build" / "demo"


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo")
    parser.add_argument("--output", type=Path, default=BUILD, help="where results are written")
    output = parser.parse_args().output
    console = Console()
    try:
        with interruptible():
            return run(console, output)
    except (EmulatorError, SourceError, TerraformError) as error:
        console.print(f"[bold red]failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except SystemExit:  # raised by interruptible()
        console.print("stopped; nothing is left running")
        raise


if __name__ == "__main__":
    sys.exit(main())
