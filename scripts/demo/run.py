"""Runs the demo: deploys both stacks, sends them the same orders, judges, and destroys.

It copies the quickstart's files. The added files change the source of the module (a git repository,
as in any stack) and the times, wrap the code to inject faults, and add the unprotected stack.
"""

import contextlib
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from scripts.demo.report import Report
from scripts.support import observation
from scripts.support.account import Account, read_account
from scripts.support.emulator import ROOT, new_account, running
from scripts.support.faults import ATTACK
from scripts.support.observation import Aws
from scripts.support.producer import redeliver_soon
from scripts.support.progress import Progress
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from scripts.support.traffic import plan_traffic, send_traffic

HERE: Final = Path(__file__).parent
TRAFFIC: Final = plan_traffic(
    260,
    duplicates=50,
    faults={
        ("late kill", "before"): 2,
        ("late kill", "after"): 4,
        ("timeout", "before"): 2,
        ("timeout", "after"): 2,
        ("raise", "before"): 2,
        ("overlap", "before"): 4,
    },
    seed=1,
    kill="late kill",
)
"""Each stack gets all of this. Kills are late: by then the rest of the batch is confirmed."""


def run(console: Console, output: Path) -> int:
    """Run the demo on a new emulator; return 0 if every promise held, otherwise 1."""
    progress = Progress(console)
    progress.say("two stacks get the same orders, with and without the module (3 minutes)")
    with tempfile.TemporaryDirectory(prefix="idempotent-lambda-demo-") as directory:
        with progress.phase("copy the working tree into a git repository, as a module source"):
            stack = write(Path(directory))
        report = _run(progress, stack)
    report.write(output)
    console.print(report.table())
    problems = report.problems()
    for problem in problems:
        console.print(f"[bold red]failed:[/] {escape(problem)}", highlight=False, soft_wrap=True)
    if not problems:
        shown = output.relative_to(ROOT) if output.is_relative_to(ROOT) else output
        held = f"nothing was lost, and every double charge followed a kill; see {shown}"
        console.print(held, highlight=False, soft_wrap=True)
    return 1 if problems else 0


def write(directory: Path) -> Path:
    """Write the root module into ``directory``, with its module source; return its path."""
    folders = (ATTACK, ATTACK / "quickstart", HERE / "terraform")
    stack = write_stack(
        directory,
        EXAMPLES / "quickstart",
        repository(directory / "module.git"),
        code=[ATTACK / "call_faults.py"],
        tf=[file for folder in folders for file in folder.glob("*.tf")],
    )
    # The unprotected function: the same code and wrapper, without the package.
    with zipfile.ZipFile(stack / "naive.zip", "w") as package:
        for file in (*sorted((stack / "src").glob("*.py")), HERE / "naive.py"):
            package.write(file, file.name)
    return stack


def _run(progress: Progress, stack: Path) -> Report:
    with contextlib.ExitStack() as cleanup:
        with progress.phase("start the emulator"):
            emulator = cleanup.enter_context(running())
        account = new_account()
        aws = Aws.of(emulator, account)
        variables = emulator.environment(account) | {"TF_VAR_dynamodb_url": emulator.endpoint}
        terraform = Terraform(
            directory=stack, environment=environment(variables), report=progress.note
        )
        with progress.phase("terraform init"):
            terraform.init()
        with progress.phase("terraform apply (creating a queue takes the provider 25 s)"):
            outputs = apply_stack(terraform, aws)
        accounts, left_in_queues = _attack(
            progress, aws, {"ours": outputs, "naive": outputs["naive"]}
        )
        with progress.phase("terraform plan, which should find nothing to change"):
            second_plan_empty = not terraform.plan()
        with progress.phase("terraform destroy"):
            terraform.destroy()
        return Report(
            accounts=accounts,
            left_in_queues=left_in_queues,
            second_plan_empty=second_plan_empty,
            left_after_destroy=observation.resources(aws),
        )


def _attack(
    progress: Progress, aws: Aws, stacks: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Account], int]:
    """Send everything to both stacks; return their accounts, and the messages left in queues."""
    sent = {}
    queues = [stack["queue_url"] for stack in stacks.values()]
    with redeliver_soon(aws, *queues):
        with progress.phase(f"send {len(TRAFFIC.messages)} messages to each stack"):
            for name, stack in stacks.items():
                sent[name] = send_traffic(aws, stack, TRAFFIC)
        with progress.phase("wait for redeliveries, until both queues are empty"):
            left = observation.wait_until_empty(
                aws,
                *queues,
                report=lambda number: progress.note(f"{number} still in the queues"),
            )
    with progress.phase("count"):
        accounts = {name: read_account(aws, stack, sent[name]) for name, stack in stacks.items()}
    return accounts, left
