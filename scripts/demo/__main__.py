"""The demo, ``make demo``: deploy, send, break, count, destroy.

Exits 0 if every order took effect once, 1 with one line per broken promise (or what stopped it),
128 + n when signal n ended it. ``DEMO_BREAK=claim`` breaks the deployed claim on purpose.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from scripts.demo import ledger, traffic
from scripts.demo.ledger import LEDGERS, SENT, Stack
from scripts.demo.progress import Progress
from scripts.demo.report import Report
from scripts.demo.stack import Consumer, SabotageError, stacks, write
from scripts.lab import observation
from scripts.lab.emulator import ROOT, EmulatorError, new_account, running
from scripts.lab.observation import Aws
from scripts.lab.source import SourceError
from scripts.lab.terraform import Terraform, TerraformError, environment, interruptible

BUILD: Final = ROOT / "build" / "demo"
DRAIN_SECONDS: Final = 180.0
STILL_POLLS: Final = 3


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo")
    parser.add_argument("--output", type=Path, default=BUILD, help="where the results are written")
    output: Path = parser.parse_args().output
    console = Console()
    try:
        with interruptible():
            return demo(console, output, break_claim=_break_claim())
    except (
        EmulatorError,
        SabotageError,
        SourceError,
        TerraformError,
        traffic.NotAcknowledgedError,
    ) as error:
        console.print(f"[bold red]failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit:  # raised by interruptible()
        code = 128 + signal.SIGTERM
    console.print("stopped; nothing is left running")
    return code


def demo(console: Console, output: Path, *, break_claim: bool) -> int:
    """Deploy both stacks to an emulator of our own, send the traffic and judge what came of it."""
    progress = Progress(console)
    progress.say("the same orders go to two stacks, with and without the module (3 minutes)")
    if break_claim:
        progress.say("DEMO_BREAK=claim: the deployed claim is broken on purpose, this must fail")
    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="idempotent-lambda-demo-") as directory:
        with progress.phase("copy the working tree into a git repository, as a module source"):
            stack = write(Path(directory), break_claim=break_claim)
        with contextlib.ExitStack() as cleanup:
            with progress.phase("start the emulator"):
                emulator = cleanup.enter_context(running())
            account = new_account()
            terraform = Terraform(
                directory=stack,
                environment=environment(emulator.environment(account)),
                report=progress.note,
            )
            report = _run(progress, terraform, Aws.of(emulator, account), output)
    report.write(output)
    console.print(report.table())
    problems = report.problems()
    for problem in problems:
        console.print(f"[bold red]failed:[/] {escape(problem)}", highlight=False, soft_wrap=True)
    if not problems:
        shown = output.relative_to(ROOT) if output.is_relative_to(ROOT) else output
        console.print(
            f"nothing was lost, and nothing charged twice but after a kill; see {shown}",
            highlight=False,
            soft_wrap=True,
        )
    return 1 if problems else 0


def _run(progress: Progress, terraform: Terraform, aws: Aws, output: Path) -> Report:
    with progress.phase("terraform init"):
        terraform.init()
    with progress.phase("terraform apply (creating a queue takes the provider 25 s)"):
        terraform.apply()
    consumers = stacks(terraform.output())
    messages = traffic.plan()
    with progress.phase(f"send {len(messages)} messages to each stack"):
        for consumer in consumers.values():
            traffic.arm(aws, consumer, messages)
        sent = []
        for each in traffic.send(aws, consumers, messages):
            sent.append(each)
            progress.note(f"{len(sent)} sent; {_queued(aws, consumers)} in the queues")
    with progress.phase("wait for redeliveries, until both queues are empty"):
        incidents = _drain(progress, aws, consumers)
    with progress.phase("count"):
        incidents += [
            f"{stack}: a fault never happened: {fault}"
            for stack, consumer in consumers.items()
            for fault in traffic.still_armed(aws, consumer)
        ]
        _collect(aws, consumers, sent, output)
    with progress.phase("terraform plan, which should find nothing to change"):
        second_plan_empty = not terraform.plan()
    with progress.phase("terraform destroy"):
        terraform.destroy()
    left = observation.resources(aws)
    return Report(
        accounts=ledger.read(output),
        second_plan_empty=second_plan_empty,
        left_after_destroy=left,
        incidents=incidents,
    )


def _drain(progress: Progress, aws: Aws, consumers: Mapping[Stack, Consumer]) -> list[str]:
    deadline = time.monotonic() + DRAIN_SECONDS
    still = 0
    while time.monotonic() < deadline:
        queued = {
            stack: observation.backlog(aws, each.queue_url) for stack, each in consumers.items()
        }
        progress.note("still in the queues: " + ", ".join(f"{n} {s}" for s, n in queued.items()))
        # A message between two receives can be missing from one count.
        still = 0 if any(queued.values()) else still + 1
        if still == STILL_POLLS:
            return []
        time.sleep(1)
    return [
        f"{stack}: {number} messages still in the queue after {DRAIN_SECONDS:g} s"
        for stack, number in queued.items()
    ]


def _queued(aws: Aws, consumers: Mapping[Stack, Consumer]) -> int:
    return sum(observation.backlog(aws, consumer.queue_url) for consumer in consumers.values())


def _collect(
    aws: Aws, consumers: Mapping[Stack, Consumer], sent: Sequence[traffic.Sent], output: Path
) -> None:
    """Write the three files."""
    dead = {
        stack: observation.drain(aws, consumer.dead_letter_queue_url)
        for stack, consumer in consumers.items()
    }
    outcomes = {stack: _outcomes(aws, consumer) for stack, consumer in consumers.items()}
    ledger.write(
        output / SENT,
        (
            {
                "order_id": each.message.order_id,
                "sent_as": each.message.sent_as,
                "fault": each.message.fault,
                "poison": each.message.poison,
                **{
                    stack: {
                        "message_id": message_id,
                        "dead_lettered": message_id in dead[stack],
                        "outcomes": outcomes[stack][message_id],
                    }
                    for stack, message_id in each.ids.items()
                },
            }
            for each in sent
        ),
    )
    for stack, consumer in consumers.items():
        ledger.write(output / LEDGERS[stack], observation.rows(aws, consumer.ledger_table))


def _outcomes(aws: Aws, consumer: Consumer) -> defaultdict[str, list[str]]:
    """By message id: what the log says of each delivery."""
    found = defaultdict(list)
    for line in observation.log_lines(aws, consumer.log_group_name):
        coalesced = line["coalesced"] and line["acknowledged"]
        found[line["message_id"]].append("coalesced" if coalesced else line["outcome"])
    return found


def _break_claim() -> bool:
    wanted = os.environ.get("DEMO_BREAK", "")
    if wanted not in {"", "claim"}:
        raise SabotageError(f"DEMO_BREAK={wanted} is unknown; the demo can break: claim")
    return wanted == "claim"


if __name__ == "__main__":
    sys.exit(main())
