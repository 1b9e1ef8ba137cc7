"""``make verify-aws``, ``make verify-emulator`` and ``make verify-clean``.

The exit code is 0 if every row has an answer on which the package can rely, and nothing is left;
1 with one line for each problem; 2 if nothing was done; 128 + n after signal n, when the clean-up
has run.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from scripts.support.emulator import EmulatorError
from scripts.support.observation import Aws
from scripts.support.progress import Progress
from scripts.support.source import SourceError
from scripts.support.terraform import TerraformError, interruptible

from . import target as targets
from .console import LastingConsole
from .leftovers import TAG, Leftover, is_old, list_leftovers, list_tagged_runs, read_run
from .run import JOURNAL, WORKERS, Run, RunError, carry_out, hold, remove
from .target import Target, TargetError

YES = "VERIFY_YES"
FAILURES = (
    *(BotoCoreError, ClientError, EmulatorError, RunError, SourceError, TerraformError),
    OSError,  # such as a full disk
)
CREATED = {"queue": 8, "table": 6, "function": 6, "mapping": 4, "log group": 6, "role": 2}
"""What the two stacks have, by kind; each of the test processes makes two tables more."""

_LISTED = ", ".join(f"{number} {kind}s" for kind, number in CREATED.items())
PLAN = f"""\
It creates the quickstart and a small stack for the rows that need more: {_LISTED}.
Each of {WORKERS} test processes creates 2 tables more. All names begin with the run; what can have
tags has {TAG}. All of it is deleted at the end, also after an error or Ctrl-C.
It ends within 20 minutes, and costs less than $0.05 in us-east-1 (docs/verify.md says why)."""


def main(arguments: list[str]) -> int:
    """Verify or clean; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify")
    parser.add_argument("command", choices=["aws", "emulator", "clean"])
    parser.add_argument("--build", type=Path, default=targets.BUILD, help="where files go")
    given = parser.parse_args(arguments)
    command, build = given.command, given.build.resolve()
    console = LastingConsole()
    progress = Progress(console)
    try:
        with interruptible(), hold(build):
            if command == "clean":
                return clean(progress, build)
            return verify(command, progress, build)
    except TargetError as error:
        print(error, file=sys.stderr)
        return 2
    except FAILURES as error:
        # The clean-up may fail after the run did.
        for each in (error.__context__, error):
            if isinstance(each, FAILURES):
                progress.say(f"[bold red]failed:[/] {escape(str(each))}")
        return 1
    except SystemExit:  # raised by interruptible()
        console.print("stopped; `make verify-clean` says whether anything is left")
        raise


def verify(name: str, progress: Progress, build: Path) -> int:
    """Verify on AWS or on the emulator; return the exit code."""
    is_aws = name == "aws"
    target = targets.find_aws() if is_aws else targets.start_emulator(build)
    progress.say(f"this verifies on {target}")
    if is_aws:
        print(PLAN)
        if not confirm(f"Create this in account {target.account}, Region {target.region}?"):
            return 2
        # The question may have waited for long.
        targets.check_end(target.ends_at, datetime.now(UTC))
    run = Run.begin(target, build)
    progress.say(f"the run is {run.name}; if it is killed: make verify-clean")
    try:
        problems = carry_out(run, progress)
    finally:
        if not is_aws and not list_runs(build):
            targets.stop_emulator(build)
    for problem in problems:
        progress.say(f"[bold red]failed:[/] {escape(problem)}")
    return 1 if problems else 0


def clean(progress: Progress, build: Path) -> int:
    """Remove what killed runs have left, on the emulator and on AWS; return the exit code."""
    runs = list_runs(build)
    left = _clean_emulator(progress, build, [run for run, on in runs if on["target"] == "emulator"])
    elsewhere = [(run, on) for run, on in runs if on["target"] == "aws"]
    try:
        target = targets.find_aws()
    except TargetError as error:
        if elsewhere:
            raise
        progress.say(f"not looked at AWS: {escape(str(error))}")
    else:
        left += _clean_aws(progress, build, target, elsewhere)
    if not left:
        progress.say("nothing is left")
    return 1 if left else 0


def _clean_emulator(progress: Progress, build: Path, runs: list[str]) -> int:
    """Clean the emulator that a killed run has left, and stop it; return how much is left."""
    try:
        target = targets.find_emulator(build)
    except TargetError:
        if runs:  # all that was in it ended with it
            progress.say("the emulator of the killed run does not run any more")
        for run in runs:
            _forget(build, run)
        return 0
    found = {run for each in list_leftovers(target.make_clients()) if (run := read_run(each.name))}
    left = sum(
        len(remove(Run(name=run, target=target, build=build), progress))
        for run in sorted(found | set(runs))
    )
    if not left:
        targets.stop_emulator(build)
        progress.say("the emulator has ended")
    return left


def _clean_aws(
    progress: Progress, build: Path, target: Target, runs: list[tuple[str, dict[str, str]]]
) -> int:
    """Clean an account; return how many runs or resources are left."""
    here = {"account": target.account, "region": target.region}
    left = 0
    known = set()
    for run, where in runs:
        if {name: where[name] for name in here} == here:
            known.add(run)
        else:
            left += 1
            progress.say(
                f"[red]{run} was in account {where['account']}, Region {where['region']}: set "
                "AWS_PROFILE and AWS_REGION for these, and repeat this[/]"
            )
    aws = target.make_clients()
    progress.say(f"looking for runs on {target}")
    unseen: dict[Leftover, Exception] = {}
    resources = list_leftovers(aws, unseen=unseen)
    left += len(unseen)
    for each, error in unseen.items():
        progress.say(f"[red]not looked for {escape(f'{each}: {error}')}[/]")
    found = {run for each in resources if (run := read_run(each.name))}
    found |= _list_tagged_runs(progress, aws)
    for run in sorted(found - {run for run, _ in runs}):
        if not is_old(run, datetime.now(UTC)):
            progress.say(f"{run} of another checkout may still go on: left alone")
    # Roles have no Region, so a run of another Region shows here, too.
    others = {run for run, _ in runs} - known
    chosen = {run for run in found if is_old(run, datetime.now(UTC))} - others | known
    for each in resources:
        if read_run(each.name) in chosen:
            progress.say(f"  {escape(str(each))}")
    if not chosen:
        return left
    if not confirm(f"Delete everything of {', '.join(sorted(chosen))}?"):
        return left + len(chosen)
    return left + sum(
        len(remove(Run(name=run, target=target, build=build), progress)) for run in sorted(chosen)
    )


def _list_tagged_runs(progress: Progress, aws: Aws) -> set[str]:
    """List these, if that is allowed: the names lead to the same runs."""
    try:
        return list_tagged_runs(aws)
    except (BotoCoreError, ClientError) as error:
        progress.say(f"[red]not looked for tags: {escape(str(error))}[/]")
        return set()


def list_runs(build: Path) -> list[tuple[str, dict[str, str]]]:
    """List the runs of this checkout that have not removed everything, and where they were."""
    runs = []
    for path in sorted((build / targets.RUNS).glob(f"*/{JOURNAL}")):
        run = path.parent.name
        try:
            where = json.loads(path.read_text())
            is_whole = all(isinstance(where[name], str) for name in ("target", "account", "region"))
        except (ValueError, KeyError, TypeError):
            is_whole = False
        if read_run(run) != run or not is_whole:
            raise RunError(
                f"{path} does not say where a run was: see its folder's stack/terraform.tfstate, "
                "remove that folder, and repeat this in its account and Region: it looks by name"
            )
        runs.append((run, where))
    return runs


def _forget(build: Path, run: str) -> None:
    """Forget a run whose account is gone."""
    shutil.rmtree(build / targets.RUNS / run)


def confirm(question: str, ask: Callable[[str], str] = input) -> bool:
    """Ask; without a terminal only `VERIFY_YES=1` is a yes."""
    if os.environ.get(YES) == "1":
        return True
    if not sys.stdin.isatty():
        print(f"nobody can answer here: set {YES}=1 to agree to: {question}", file=sys.stderr)
        return False
    try:
        return ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:  # Ctrl-D
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
