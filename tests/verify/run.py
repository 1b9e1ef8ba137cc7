"""Carries out a run: creates, asks each question, reports, and removes everything again."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from scripts.support.faults import ATTACK
from scripts.support.progress import Progress
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, TerraformError, environment

from . import report
from .leftovers import RUN_VARIABLE, Leftover, delete, list_leftovers, name_run
from .lifeline import VARIABLE
from .target import RUNS, Target, make_client

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SITE = "VERIFY_SITE"
"""The variable with the file that says what is deployed."""

JOURNAL = "run.json"

CREATE_SECONDS = 6 * 60
ROWS_SECONDS = 14 * 60
"""From the start of the run to the end of the rows."""

DESTROY_SECONDS = 3 * 60
SWEEP_SECONDS = 2 * 60
"""With the rows, these leave a minute until 20 minutes."""

STILL_SECONDS = 5.0
"""An invocation that is ending can make its log group again."""

WORKERS = 4
PYTEST = (
    *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.verify.lifeline", "-m", "aws"),
    # One at a time for each worker: the rows come first, and mostly wait.
    *("-n", str(WORKERS), "--dist", "load", "--maxschedchunk", "1"),
    *("tests/verify/rows", "tests/contracts"),
)


class RunError(Exception):
    """A run can't begin or go on; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run; `build` is the folder of what is built."""

    name: str
    target: Target
    build: Path

    @property
    def folder(self) -> Path:
        """Has its journal, and Terraform's stack and state; it goes when nothing is left."""
        return self.build / RUNS / self.name

    @property
    def results(self) -> Path:
        """Has what pytest writes; it stays."""
        return self.build / report.RESULTS

    @classmethod
    def begin(cls, target: Target, build: Path) -> "Run":
        """Begin one, and write down where, before anything is created."""
        name = name_run(datetime.now(UTC))
        run = cls(name=name, target=target, build=build)
        run.folder.mkdir(parents=True)
        where = {"target": target.name, "account": target.account, "region": target.region}
        # In one step: a kill leaves no half of it.
        part = run.folder / "run.part"
        part.write_text(json.dumps(where) + "\n")
        part.replace(run.folder / JOURNAL)
        return run

    def make_terraform(self, progress: Progress) -> Terraform:
        """Return the stack, with the credentials of this run's account only."""
        address = make_client("dynamodb", self.target.environment).meta.endpoint_url
        variables = {"TF_VAR_name": self.name, "TF_VAR_dynamodb_url": address}
        return Terraform(
            directory=self.folder / "stack",
            environment=environment({**self.target.environment, **variables}),
            report=progress.note,
        )


@contextlib.contextmanager
def hold(build: Path) -> Iterator[None]:
    """Hold this checkout's lock: neither two runs nor a run and a clean-up at once."""
    (build / RUNS).mkdir(parents=True, exist_ok=True)
    with (build / RUNS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                "another run or clean-up of this checkout goes on: wait for it"
            ) from None
        yield


@contextlib.contextmanager
def limit(seconds: float, what: str) -> Iterator[None]:
    """Raise `RunError` in the main thread when the block takes longer."""

    def end(_number: int, _frame: object) -> None:
        raise RunError(f"{what} took longer than {seconds / 60:.0f} minutes")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def carry_out(run: Run, progress: Progress) -> list[str]:
    """Carry out a run, and remove what it made, also if it fails; return the problems."""
    deadline = time.monotonic() + ROWS_SECONDS
    seconds: dict[str, int] = {}
    left: list[Leftover] = []
    try:
        with _measure(seconds, "creating"), limit(CREATE_SECONDS, "creating the stacks"):
            site = _create(run, progress)
        with _measure(seconds, "the rows"), progress.phase("ask every question (pytest -m aws)"):
            is_whole = _run_tests(run, site, deadline, progress)
        # Before the removal, which may fail.
        rows = _write_report(run, site, seconds, is_whole=is_whole)
    finally:
        with _measure(seconds, "removing"):
            left += remove(run, progress)
        for part, took in seconds.items():
            progress.say(f"{part} took {took} s")
    _write_report(run, site, seconds, is_whole=is_whole)
    progress.say(f"the answers are in {run.build}: aws.md, a table to paste, and aws.json")
    return [*report.find_problems(rows), *(f"{each} is left" for each in left)]


def _write_report(
    run: Run, site: dict[str, Any], seconds: dict[str, int], *, is_whole: bool
) -> list[report.Row]:
    """Write what pytest has recorded, without the account's number, and return it."""
    path = run.results / f"{run.name}.xml"
    # An error can name the account, in an ARN or a URL.
    junit = path.read_text().replace(run.target.account, "(account)") if path.exists() else ""
    rows = report.read_rows(junit, run.target.name, is_whole=is_whole)
    facts = {"target": run.target.name, "Region": run.target.region, **site["versions"]}
    report.write(run.build, run.name, rows, facts, seconds)
    return rows


def remove(run: Run, progress: Progress) -> list[Leftover]:
    """Remove what a run has made: by Terraform's state, then by name; return what is left.

    You can interrupt and repeat it. An error leaves the folder, so that the next one finds it.
    """
    state = run.folder / "stack" / "terraform.tfstate"
    if state.exists():
        try:
            with progress.phase("terraform destroy"), limit(DESTROY_SECONDS, "terraform destroy"):
                # A killed run's terraform may still hold the state.
                run.make_terraform(progress).destroy("-lock-timeout=60s")
        except (RunError, TerraformError) as error:
            progress.say(f"[red]{escape(str(error))}[/]")
    with (
        progress.phase("delete what is left by name"),
        limit(SWEEP_SECONDS, "deleting by name (make verify-clean repeats it)"),
    ):
        left = sweep(run, progress)
    if not left:
        shutil.rmtree(run.folder, ignore_errors=True)
        progress.say(f"nothing is left of {run.name}")
    return left


def sweep(run: Run, progress: Progress) -> list[Leftover]:
    """Delete by name until nothing is found twice in a row; return what can't be deleted."""
    aws = run.target.make_clients()
    deadline = time.monotonic() + SWEEP_SECONDS * 0.8
    is_still = False
    while True:
        is_last = time.monotonic() > deadline
        refused: dict[Leftover, Exception] = {}
        present = []
        for each in list_leftovers(aws, run.name, unseen=refused):
            try:
                # SQS lists a queue for up to a minute after its deletion.
                if delete(aws, each):
                    present.append(each)
                    progress.say(f"deleted: {escape(str(each))}")
            except (BotoCoreError, ClientError) as error:
                refused[each] = error  # such as a table that is being created
        if is_still and not present and not refused:
            return []
        is_still = not present and not refused
        if is_last:
            for each, error in refused.items():
                progress.say(f"[red]{escape(f'{each}: {error}')}[/]")
            return [*refused, *present]
        time.sleep(STILL_SECONDS)


def _create(run: Run, progress: Progress) -> dict[str, Any]:
    """Apply the quickstart, with the faults of the demo, and the stack of the rows."""
    with progress.phase("copy the working tree into a git repository, as a module source"):
        source = repository(run.folder / "module.git")
        folders = (ATTACK, ATTACK / "quickstart", HERE / "terraform")
        stack = write_stack(
            run.folder,
            EXAMPLES / "quickstart",
            source,
            code=[ATTACK / "call_faults.py"],
            tf=[file for folder in folders for file in folder.glob("*.tf")],
        )
        with zipfile.ZipFile(stack / "observe.zip", "w") as package:
            package.write(HERE / "functions" / "observe.py", "observe.py")
    terraform = run.make_terraform(progress)
    with progress.phase("terraform init"):
        terraform.init()
    with progress.phase("terraform apply (creating a queue takes the provider 25 s)"):
        outputs = apply_stack(terraform, run.target.make_clients())
    said = json.loads(terraform.run("version", "-json"))
    versions = {
        "Terraform": said["terraform_version"],
        "provider": next(iter(said["provider_selections"].values())),
    }
    return {"run": run.name, "target": run.target.name, "outputs": outputs, "versions": versions}


def _run_tests(run: Run, site: dict[str, Any], deadline: float, progress: Progress) -> bool:
    """Run the rows and the contract suite in another process, which can't outlive this one.

    Return whether it came to all tests.
    """
    path = run.folder / "site.json"
    path.write_text(json.dumps(site))
    run.results.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    junit = str(run.results / f"{run.name}.xml")
    command = [sys.executable, *PYTEST, "--junitxml", junit]
    variables = {RUN_VARIABLE: run.name, SITE: str(path), VARIABLE: str(reading)}
    log = run.results / f"{run.name}.log"
    with (
        os.fdopen(writing, "wb"),
        log.open("w") as output,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment({**run.target.environment, **variables}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[reading],
            start_new_session=True,
        ) as process,
    ):
        os.close(reading)
        try:
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.5)
                lines = log.read_text(errors="replace").splitlines()
                progress.note(lines[-1] if lines else "")
        finally:
            _end(process)
    progress.say(f"pytest's output is in {log}")
    return process.returncode in {0, 1}  # all tests passed, or some failed


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt pytest, so that it reports what it has, then kill it with its workers."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _measure(seconds: dict[str, int], part: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[part] = round(time.monotonic() - began)
