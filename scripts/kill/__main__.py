"""The kill campaign, ``make kill``: kill workers at random moments, deliver again, count.

The exit code is 0 if no side effect was lost, each repetition has a cause that P5 allows, and no
kill left more in doubt than documented; 1 with one line per broken promise (or for the error that
stopped it); 128 + n after signal n.
"""

import argparse
import json
import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from scripts.kill.account import Account, compute_figures, list_problems
from scripts.kill.campaign import Stage, WorkerError
from scripts.kill.plan import Mode, plan_round
from scripts.support.emulator import ROOT, EmulatorError, running
from scripts.support.terraform import interruptible

LIMIT_SECONDS: Final = 870.0

say = partial(print, flush=True)  # a fork would print a buffered line again


def main() -> int:
    """Run the campaign; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.kill")
    parser.add_argument("--kills", type=int, default=300, help="how many in each mode")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--output", type=Path, default=ROOT / "build", help="of kill.json")
    options = parser.parse_args()
    began = time.monotonic()
    say(f"{options.kills} kills in each mode; --seed {options.seed} plans the same again")
    try:
        with interruptible():
            accounts = play_rounds(options.seed, options.kills)
    except (EmulatorError, WorkerError) as error:
        say(f"failed: {error}")
        return 1
    except SystemExit:  # raised by interruptible()
        say("stopped; nothing is left running")
        raise
    figures = compute_figures(accounts)
    problems = list(list_problems(accounts, figures, options.kills))
    figures = {"seed": options.seed, **figures, "seconds": round(time.monotonic() - began)}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "kill.json").write_text(json.dumps(figures, indent=2) + "\n")
    say(json.dumps(figures))
    for problem in problems:
        say(f"failed: {problem}")
    if not problems:
        say("nothing was lost; only what was left in doubt, or raised, was repeated")
    return 1 if problems else 0


def play_rounds(seed: int, kills: int) -> list[Account]:
    """Play rounds of the modes in turn, until each mode has its kills or the time is over."""
    began = time.monotonic()
    accounts: list[Account] = []
    missing, rounds = dict.fromkeys(Mode, kills), dict.fromkeys(Mode, 0)
    with running() as emulator:
        stage = Stage(emulator)
        while max(missing.values()) > 0 and time.monotonic() < began + LIMIT_SECONDS:
            mode = max(missing, key=missing.__getitem__)
            rounds[mode] += 1
            accounts.append(stage.play(plan_round(mode, rounds[mode], seed)))
            missing[mode] -= len(accounts[-1].kills)
            if len(accounts) % 20 == 0:
                say(f"{sum(len(account.kills) for account in accounts)} kills")
    return accounts


if __name__ == "__main__":
    sys.exit(main())
