"""Runs the demo: deploy both stacks, send them the same orders, judge, destroy."""

import contextlib
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from scripts.demo import traffic
from scripts.demo.account import Account, settle
from scripts.demo.report import STACKS, Report, Stack
from scripts.demo.stack import write
from scripts.demo.traffic import Message
from scripts.support import observation
from scripts.support.emulator import ROOT, new_account, running
from scripts.support.observation import Aws
from scripts.support.progress import Progress
from scripts.support.stack import apply_stack
from scripts.support.terraform import Terraform, environment


def run(console: Console, output: Path) -> int:
    """Run the demo on an emulator of its own; return 0 if every promise held, otherwise 1.

    Raises:
        EmulatorError, SourceError, TerraformError: it could not be deployed.
        NotAcknowledgedError: a function refused an event again and again.
    """
    progress = Progress(console)
    progress.say("the same orders go to two stacks, with and without the module (3 minutes)")
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
        held = f"nothing was lost, and nothing charged twice but after a kill; see {shown}"
        console.print(held, highlight=False, soft_wrap=True)
    return 1 if problems else 0


def _run(progress: Progress, stack: Path) -> Report:
    with contextlib.ExitStack() as cleanup:
        with progress.phase("start the emulator"):
            emulator = cleanup.enter_context(running())
        account = new_account()
        aws = Aws.of(emulator, account)
        variables = environment(emulator.environment(account))
        terraform = Terraform(directory=stack, environment=variables, report=progress.note)
        with progress.phase("terraform init"):
            terraform.init()
        with progress.phase("terraform apply (creating a queue takes the provider 25 s)"):
            outputs = apply_stack(terraform, aws)
        accounts, left_in_queues = _attack(progress, aws, {name: outputs[name] for name in STACKS})
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
    progress: Progress, aws: Aws, stacks: Mapping[Stack, Mapping[str, str]]
) -> tuple[dict[Stack, Account], int]:
    """Send everything to both stacks at the same time, wait for redeliveries, and count.

    Returns:
        Each stack's account, and how many messages are left in the queues.
    """
    messages = traffic.plan_messages()
    with (
        progress.phase(f"send {len(messages)} messages to each stack"),
        ThreadPoolExecutor() as pool,
    ):
        sending = {
            name: pool.submit(traffic.send, aws, stack, messages) for name, stack in stacks.items()
        }
        sent = {name: job.result() for name, job in sending.items()}
    with progress.phase("wait for redeliveries, until both queues are empty"):
        left = observation.wait_until_empty(
            aws,
            *(stack["queue_url"] for stack in stacks.values()),
            report=lambda number: progress.note(f"{number} still in the queues"),
        )
    with progress.phase("count"):
        return {name: _count(aws, stack, sent[name]) for name, stack in stacks.items()}, left


def _count(aws: Aws, stack: Mapping[str, str], sent: list[tuple[Message, str]]) -> Account:
    return settle(
        sent,
        observation.rows(aws, stack["ledger_table"]),
        dead=observation.drain(aws, stack["dead_letter_queue_url"]),
        outcomes=observation.count_outcomes(aws, stack["log_group_name"]).elements(),
        untaken=[row["order_id"] for row in observation.rows(aws, stack["faults_table"])],
    )
