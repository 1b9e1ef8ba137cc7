"""The soak, ``make soak``: deploy, send thousands of messages, break everything, count.

Exits 0 if nothing was lost and nothing repeated but for a reason that P5 allows, 1 with one line
per broken promise (or what stopped it), 128 + n when signal n ended it.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from scripts.soak.account import Evidence
from scripts.soak.plan import LEAST, ArmedFault, Message, Plan, PlanError, plan
from scripts.soak.report import Report
from scripts.soak.silence import Silence
from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator, EmulatorError, new_account, running
from scripts.support.observation import Aws
from scripts.support.progress import Progress
from scripts.support.proxy import Proxy, serving
from scripts.support.source import SourceError, repository
from scripts.support.terraform import Terraform, TerraformError, environment, interruptible

HERE: Final = Path(__file__).parent
NAMESPACE: Final = "soak"
MESSAGES: Final = 5000
BATCH: Final = 10
# A kill costs all its batch-mates a receive, and two messages that kill come in the same batch.
MAX_RECEIVE_COUNT: Final = 12
# Above the longest lease. On AWS the mapping needs six times the function's timeout for what is
# throttled; nothing is here, and what is interrupted comes back sooner.
VISIBILITY_SECONDS: Final = 6
DRAIN_SECONDS: Final = 600.0
STILL_POLLS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What was deployed, as terraform's output names its parts."""

    aws: Aws
    dead_letter_queue_url: str
    effects_table: str
    faults_table: str
    log_group_name: str
    queue_url: str

    def arm(self, faults: Sequence[ArmedFault]) -> None:
        """Put every fault where the processor takes it from, and have redeliveries come soon."""
        self.aws.sqs.set_queue_attributes(
            QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        )
        for fault in faults:
            self.aws.dynamodb.put_item(
                TableName=self.faults_table,
                Item={
                    "fault_id": {"S": fault.order_id},
                    "fault": {"S": fault.fault},
                    "delay_millis": {"N": str(fault.delay_millis)},
                    "struck": {"BOOL": False},
                },
            )

    def send(self, messages: Sequence[Message]) -> dict[str, Message]:
        """Send messages as a producer in a hurry does, ten at a time; by message id."""
        sent = {}
        for start in range(0, len(messages), BATCH):
            batch = messages[start : start + BATCH]
            answer = self.aws.sqs.send_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(number), "MessageBody": message.body}
                    for number, message in enumerate(batch)
                ],
            )
            for entry in answer["Successful"]:
                sent[entry["MessageId"]] = batch[int(entry["Id"])]
        return sent

    def evidence(self, sent: Mapping[str, Message]) -> Evidence:
        """All that can be seen from outside of what came of the messages."""
        dead = observation.drain(self.aws, self.dead_letter_queue_url)
        return Evidence(
            sent=[
                {
                    "message_id": message_id,
                    "order_id": message.order_id,
                    "duplicate": message.duplicate,
                    "poison": message.poison,
                    "dead_lettered": message_id in dead,
                }
                for message_id, message in sent.items()
            ],
            effects=observation.rows(self.aws, self.effects_table),
            deliveries=list(observation.log_lines(self.aws, self.log_group_name)),
            faults=observation.rows(self.aws, self.faults_table),
        )


def main() -> int:
    """Run the soak; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.soak")
    parser.add_argument(
        "--messages", type=int, default=MESSAGES, help=f"how many, at least {LEAST}"
    )
    parser.add_argument("--seed", type=int, help="repeats what an earlier soak planned")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build", help="where soak.json is written"
    )
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311
    console = Console()
    try:
        planned = plan(options.messages, seed)
        with interruptible():
            return soak(Progress(console), planned, options.output)
    except (EmulatorError, SourceError, TerraformError, PlanError) as error:
        console.print(f"[bold red]failed:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except SystemExit:  # raised by interruptible()
        code = 128 + signal.SIGTERM
    console.print("stopped; nothing is left running")
    return code


def soak(progress: Progress, planned: Plan, output: Path) -> int:
    """Deploy to an emulator of our own, send what is planned and judge what came of it."""
    progress.say(f"{len(planned.messages)} messages; --seed {planned.seed} plans the same again")
    silence = Silence(
        planned.seed,
        lost=[f"{NAMESPACE}#{each}" for each in planned.lost],
        unanswered=[f"{NAMESPACE}#{each}" for each in planned.unanswered],
    )
    with (
        tempfile.TemporaryDirectory(prefix="idempotent-lambda-soak-") as directory,
        running() as emulator,
        serving(emulator.endpoint, silence) as proxy,
    ):
        account_id = new_account()
        terraform = Terraform(
            directory=_write_stack(Path(directory), emulator, proxy),
            environment=environment(emulator.environment(account_id)),
            report=progress.note,
        )
        with progress.phase("terraform init and apply (creating a queue takes the provider 25 s)"):
            terraform.init()
            terraform.apply()
        aws = Aws.of(emulator, account_id)
        observation.remove_twins(aws, known=terraform.run("state", "pull"))
        stack = Stack(aws=aws, **terraform.output()["stack"])
        began = time.monotonic()
        with progress.phase("send"):
            stack.arm(planned.faults)
            sent = stack.send(planned.messages)
        with progress.phase("wait for redeliveries, until the queue is empty"):
            backlog = _drain(progress, stack)
        seconds = time.monotonic() - began
        with progress.phase("count"):
            evidence = stack.evidence(sent)
    evidence.write(output / "soak")
    report = Report(
        seed=planned.seed,
        evidence=evidence,
        proxy=proxy.injected(),
        silenced=silence.silenced(),
        backlog=backlog,
        seconds=seconds,
    )
    report.write(output)
    progress.say(escape(json.dumps(report.figures())))
    problems = report.problems()
    for problem in problems:
        progress.say(f"[bold red]failed:[/] {escape(problem)}")
    if not problems:
        progress.say("nothing was lost, and nothing repeated but for a reason that P5 allows")
    return 1 if problems else 0


def _write_stack(directory: Path, emulator: Emulator, proxy: Proxy) -> Path:
    """Write the root module, its module source beside it; where it is."""
    source = repository(directory / "module.git")
    stack = directory / "stack"
    (stack / "src").mkdir(parents=True)
    shutil.copy(HERE / "wrapper" / "chaos.py", stack / "src")
    text = (HERE / "terraform" / "main.tf").read_text(encoding="utf-8")
    (stack / "main.tf").write_text(text.replace("MODULE_SOURCE", source), encoding="utf-8")
    values = {
        "emulator_url": emulator.endpoint,
        "max_receive_count": MAX_RECEIVE_COUNT,
        "proxy_url": proxy.endpoint,
    }
    (stack / "terraform.tfvars.json").write_text(json.dumps(values), encoding="utf-8")
    return stack


def _drain(progress: Progress, stack: Stack) -> int:
    """Wait until the queue is empty; what is left in it when the time is up."""
    deadline = time.monotonic() + DRAIN_SECONDS
    still = 0
    while True:
        left = observation.backlog(stack.aws, stack.queue_url)
        progress.note(f"{left} still in the queue")
        # A message between two receives can be missing from one count.
        still = 0 if left else still + 1
        if still == STILL_POLLS or time.monotonic() > deadline:
            return left
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
