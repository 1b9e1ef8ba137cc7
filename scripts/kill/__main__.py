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

from scripts.kill.campaign import Played, Stage
from scripts.kill.plan import Mode, plan_rounds
from scripts.kill.process import WorkerError
from scripts.kill.report import Report
from scripts.kill.tables import RestlessError, Tables
from scripts.kill.worker import Station
from scripts.support.emulator import ROOT, EmulatorError, new_account, running
from scripts.support.progress import Progress
from scripts.support.terraform import interruptible

KILLS: Final = 300
LIMIT_SECONDS: Final = 870.0
NOTE_SECONDS: Final = 10.0


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.kill")
    parser.add_argument("--kills", type=int, default=KILLS, help="how many in each mode")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="of kill.json")
    options = parser.parse_args()
    console = Console()
    progress = Progress(console)
    progress.say(f"{options.kills} kills in each mode; --seed {options.seed} plans the same again")
    try:
        with interruptible():
            report = run_campaign(progress, options.seed, options.kills)
    except (EmulatorError, WorkerError, RestlessError) as error:
        console.print(f"[bold red]failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit:  # raised by interruptible()
        code = 128 + signal.SIGTERM
    else:
        return _publish(progress, report, options.output)
    console.print("stopped; nothing is left running")
    return code


def run_campaign(progress: Progress, seed: int, kills: int) -> Report:
    """Play rounds of the modes in turn, until each has its kills or the time is over."""
    began = noted = time.monotonic()
    played: list[Played] = []
    missing = dict.fromkeys(Mode, kills)
    with running() as emulator, tempfile.TemporaryDirectory() as directory:
        account_id = new_account()
        os.environ |= emulator.environment(account_id)
        dynamodb, sqs = (emulator.client(name, account_id) for name in ("dynamodb", "sqs"))
        url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        tables = Tables(dynamodb=dynamodb, sqs=sqs, dead_letter_queue_url=url)
        stage = Stage(station=Station.create(url), tables=tables, directory=Path(directory))
        plans = {mode: plan_rounds(mode, seed) for mode in Mode}
        while max(missing.values()) > 0 and time.monotonic() < began + LIMIT_SECONDS:
            mode = max(missing, key=missing.__getitem__)
            played.append(stage.play(next(plans[mode])))
            missing[mode] -= len(played[-1].kills)
            if time.monotonic() > noted + NOTE_SECONDS:
                noted = time.monotonic()
                progress.say(f"{sum(len(game.kills) for game in played)} kills")
    return Report(seed=seed, wanted=kills, played=played, seconds=time.monotonic() - began)


def _publish(progress: Progress, report: Report, directory: Path) -> int:
    """Write kill.json and print the verdict; return the exit code."""
    figures, problems = report.figures(), list(report.problems())
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "kill.json").write_text(json.dumps(figures, indent=2) + "\n")
    progress.say(escape(json.dumps(figures)))
    for problem in problems:
        progress.say(f"[bold red]failed:[/] {escape(problem)}")
    if not problems:
        progress.say("nothing was lost; only what was left in doubt, or raised, was repeated")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
