"""The kill campaign, ``make kill``: kill workers at random moments, deliver again, count.

Exits 0 if nothing was lost, nothing repeated but for a reason that P5 allows, and no kill left more
in doubt than is documented; 1 with one line per broken promise (or what stopped it); 128 + n when
signal n ended it.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from scripts.demo.progress import Progress
from scripts.kill.account import account
from scripts.kill.campaign import Stage, list_kills
from scripts.kill.plan import Mode, plan_rounds
from scripts.kill.process import WorkerError
from scripts.kill.report import Played, Report
from scripts.kill.tables import RestlessError, Tables
from scripts.kill.worker import Station
from scripts.support.emulator import ROOT, EmulatorError, new_account, running
from scripts.support.terraform import interruptible

KILLS: Final = 300
LIMIT_SECONDS: Final = 870.0
NOTE_SECONDS: Final = 10.0


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.kill")
    parser.add_argument("--kills", type=int, default=KILLS, help="how many in each mode")
    parser.add_argument("--seed", type=int, help="repeats what an earlier campaign planned")
    parser.add_argument(
        "--seconds", type=float, default=LIMIT_SECONDS, help="when it stops, done or not"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build", help="where kill.json is written"
    )
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311
    console = Console()
    progress = Progress(console)
    progress.say(f"{options.kills} kills in each mode; --seed {seed} plans the same again")
    try:
        with interruptible():
            report = campaign(progress, seed, options.kills, options.seconds)
    except (EmulatorError, WorkerError, RestlessError) as error:
        console.print(f"[bold red]failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit:  # raised by interruptible()
        code = 128 + signal.SIGTERM
    else:
        report.write(options.output)
        return _print_verdict(progress, report)
    console.print("stopped; nothing is left running")
    return code


def campaign(progress: Progress, seed: int, kills: int, seconds: float) -> Report:
    """Play rounds of the modes in turn, until each has its kills or the time is over."""
    began = time.monotonic()
    played: list[Played] = []
    missing = dict.fromkeys(Mode, kills)
    with running() as emulator, tempfile.TemporaryDirectory() as directory:
        account_id = new_account()
        os.environ |= emulator.environment(account_id)
        clients = [emulator.client(name, account_id) for name in ("dynamodb", "sqs")]
        tables = Tables.create(*clients)
        stage = Stage(
            station=Station.create(tables.dead_letter_queue_url),
            tables=tables,
            directory=Path(directory),
        )
        plans = {mode: plan_rounds(mode, seed) for mode in Mode}
        noted = began
        while any(left > 0 for left in missing.values()) and time.monotonic() < began + seconds:
            mode = max(missing, key=missing.__getitem__)
            planned = next(plans[mode])
            history = stage.play(planned)
            found = list_kills(planned, history.deliveries)
            missing[mode] -= len(found)
            played.append(
                Played(
                    planned=planned,
                    account=account(history),
                    deliveries=len(history.deliveries),
                    kills=found,
                )
            )
            if time.monotonic() > noted + NOTE_SECONDS:
                noted = time.monotonic()
                progress.say(f"{sum(len(game.kills) for game in played)} kills")
    return Report(seed=seed, wanted=kills, played=played, seconds=time.monotonic() - began)


def _print_verdict(progress: Progress, report: Report) -> int:
    """Print the verdict; return the exit code."""
    progress.say(escape(json.dumps(report.figures())))
    problems = list(report.problems())
    for problem in problems:
        progress.say(f"[bold red]failed:[/] {escape(problem)}")
    if not problems:
        progress.say(
            "nothing was lost; only what a kill left in doubt, or what raised, was repeated"
        )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
