"""The demo, ``make demo``: deploy an example, send, break, count, destroy.

Exits 0 if every promise held, 1 with one line per broken promise (or what stopped it), 2 if there
is no such scenario, 128 + n when signal n ended it. ``DEMO_BREAK=claim`` breaks the deployed claim
on purpose.
"""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from scripts.demo import exactly_once, existing_handler, fifo, quickstart, sns_fanout, streams
from scripts.demo.producer import NotAcknowledgedError
from scripts.demo.runner import run
from scripts.demo.stack import SabotageError
from scripts.support.emulator import ROOT, EmulatorError
from scripts.support.source import SourceError
from scripts.support.terraform import TerraformError, interruptible

BUILD: Final = ROOT / "build" / "demo"
REPORT: Final = "report.json"
DEFAULT: Final = quickstart.SCENARIO
SCENARIOS: Final = {
    each.SCENARIO.name: each.SCENARIO
    for each in (quickstart, fifo, sns_fanout, streams, existing_handler, exactly_once)
}


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo")
    parser.add_argument("--scenario", default=DEFAULT.name, help=f"one of {', '.join(SCENARIOS)}")
    parser.add_argument("--output", type=Path, help="where the results are written")
    options = parser.parse_args()
    console = Console()
    scenario = SCENARIOS.get(options.scenario)
    if scenario is None:
        *names, last = SCENARIOS
        choice = f"{', '.join(names)} or {last}"
        _say_failed(console, f"there is no scenario {options.scenario}; choose {choice}")
        return 2
    try:
        with interruptible():
            output = options.output or BUILD / scenario.name
            code = run(console, scenario, output, break_claim=_break_claim())
            if output == BUILD / DEFAULT.name:
                shutil.copy(output / REPORT, BUILD)  # where the README says it is
            return code
    except (
        EmulatorError,
        NotAcknowledgedError,
        SabotageError,
        SourceError,
        TerraformError,
    ) as error:
        _say_failed(console, str(error))
        return 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit:  # raised by interruptible()
        code = 128 + signal.SIGTERM
    console.print("stopped; nothing is left running")
    return code


def _say_failed(console: Console, why: str) -> None:
    console.print(f"[bold red]failed:[/] {escape(why)}", highlight=False, soft_wrap=True)


def _break_claim() -> bool:
    wanted = os.environ.get("DEMO_BREAK", "")
    if wanted not in {"", "claim"}:
        raise SabotageError(f"DEMO_BREAK={wanted} is unknown; the demo can break: claim")
    return wanted == "claim"


if __name__ == "__main__":
    sys.exit(main())
