"""Runs the demo: deploy both stacks, send them the same orders, judge, destroy."""

import contextlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from scripts.demo import effects_table, traffic
from scripts.demo.effects_table import LEDGERS, SENT, STACKS, Stack
from scripts.demo.report import Report
from scripts.demo.stack import write
from scripts.demo.traffic import Consumer
from scripts.support import observation
from scripts.support.emulator import ROOT, new_account, running
from scripts.support.observation import Aws
from scripts.support.progress import Progress
from scripts.support.stack import apply_stack
from scripts.support.terraform import Terraform, environment


def run(console: Console, output: Path, *, break_claim: bool) -> int:
    """Run the demo on an emulator of its own; return 0 if every promise held, otherwise 1.

    Raises:
        EmulatorError, SourceError, TerraformError: it could not be deployed.
        NotAcknowledgedError: a function refused an event again and again.
        SabotageError: the claim can't be broken as asked.
    """
    progress = Progress(console)
    progress.say("the same orders go to two stacks, with and without the module (3 minutes)")
    if break_claim:
        progress.say("DEMO_BREAK=claim: the deployed claim is broken on purpose, this must fail")
    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="idempotent-lambda-demo-") as directory:
        with progress.phase("copy the working tree into a git repository, as a module source"):
            stack = write(Path(directory), break_claim=break_claim)
        report = _run(progress, stack, output)
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


def _run(progress: Progress, stack: Path, output: Path) -> Report:
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
        consumers = {name: Consumer(**outputs[name]) for name in STACKS}
        incidents = _attack(progress, aws, consumers, output)
        with progress.phase("terraform plan, which should find nothing to change"):
            second_plan_empty = not terraform.plan()
        with progress.phase("terraform destroy"):
            terraform.destroy()
        left = observation.resources(aws)
    return Report(
        accounts=effects_table.read(output),
        second_plan_empty=second_plan_empty,
        left_after_destroy=left,
        incidents=incidents,
    )


def _attack(
    progress: Progress, aws: Aws, consumers: Mapping[Stack, Consumer], output: Path
) -> list[str]:
    """Send everything to both stacks, wait for redeliveries, collect; return what went wrong."""
    messages = traffic.plan()
    queues = [consumer.queue_url for consumer in consumers.values()]
    with progress.phase(f"send {len(messages)} messages to each stack"):
        for consumer in consumers.values():
            traffic.inject_faults(aws, consumer, messages)
        sent = []
        for message in traffic.send(aws, consumers, messages):
            sent.append(message)
            waiting = sum(observation.backlog(aws, url) for url in queues)
            progress.note(f"{len(sent)} sent; {waiting} in the queues")
    with progress.phase("wait for redeliveries, until both queues are empty"):
        left = observation.wait_until_empty(
            aws, *queues, report=lambda left: progress.note(f"still in the queues: {left}")
        )
    with progress.phase("count"):
        _collect(aws, consumers, sent, output)
        untaken = [
            f"{stack}: a fault never happened: {fault}"
            for stack, consumer in consumers.items()
            for fault in traffic.list_untaken_faults(aws, consumer)
        ]
    return [*([f"{left} messages are still in the queues"] if left else []), *untaken]


def _collect(
    aws: Aws, consumers: Mapping[Stack, Consumer], sent: Sequence[traffic.Sent], output: Path
) -> None:
    """Write the three files that the report follows from."""
    dead, outcomes = {}, {}
    for stack, consumer in consumers.items():
        dead[stack] = observation.drain(aws, consumer.dead_letter_queue_url)
        outcomes[stack] = _read_outcomes(aws, consumer)
        effects_table.write(output / LEDGERS[stack], observation.rows(aws, consumer.ledger_table))

    def describe(stack: Stack, message_id: str) -> dict[str, Any]:
        return {
            "message_id": message_id,
            "dead_lettered": message_id in dead[stack],
            "outcomes": outcomes[stack][message_id],
        }

    effects_table.write(
        output / SENT,
        (
            {
                "order_id": order.message.order_id,
                "sent_as": order.message.sent_as,
                "fault": order.message.fault,
                "poison": order.message.poison,
                **{stack: describe(stack, message_id) for stack, message_id in order.ids.items()},
            }
            for order in sent
        ),
    )


def _read_outcomes(aws: Aws, consumer: Consumer) -> defaultdict[str, list[str]]:
    """By message id: what the log says of each delivery."""
    found = defaultdict(list)
    for line in observation.log_lines(aws, consumer.log_group_name):
        found[line["message_id"]].append(observation.read_outcome(line))
    return found
