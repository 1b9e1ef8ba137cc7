"""The quickstart's scenario: the same orders go to two stacks, with and without the module."""

import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.demo import effects_table, traffic, waiting
from scripts.demo.effects_table import LEDGERS, SENT, STACKS, Stack
from scripts.demo.outcomes import read_outcome
from scripts.demo.quickstart_report import QuickstartReport
from scripts.demo.scenario import Closing, Judge, Scenario, Site
from scripts.demo.stack import WRAPPERS
from scripts.demo.traffic import Consumer
from scripts.support import observation
from scripts.support.observation import Aws


def prepare(stack: Path) -> None:
    """Pack the unprotected function: the same code and wrapper, without the package."""
    with zipfile.ZipFile(stack / "naive.zip", "w") as package:
        for file in (*sorted((stack / "src").glob("*.py")), WRAPPERS / "naive.py"):
            package.write(file, file.name)


def attack(site: Site) -> Judge:
    """Send everything to both stacks; wait for the redeliveries; count the charges."""
    consumers = {stack: Consumer(**site.outputs[stack]) for stack in STACKS}
    messages = traffic.plan()
    with site.progress.phase(f"send {len(messages)} messages to each stack"):
        for consumer in consumers.values():
            traffic.inject_faults(site.aws, consumer, messages)
        sent = []
        for each in traffic.send(site.aws, consumers, messages):
            sent.append(each)
            site.progress.note(
                f"{len(sent)} sent; {_list_queues(site.aws, consumers)} in the queues"
            )
    with site.progress.phase("wait for redeliveries, until both queues are empty"):
        queues = {str(stack): consumer.queue_url for stack, consumer in consumers.items()}
        incidents = waiting.wait_until_empty(site, queues)
    with site.progress.phase("count"):
        incidents += [
            f"{stack}: a fault never happened: {fault}"
            for stack, consumer in consumers.items()
            for fault in traffic.list_untaken_faults(site.aws, consumer)
        ]
        _collect(site.aws, consumers, sent, site.evidence)
    accounts = effects_table.read(site.evidence)

    def judge(closing: Closing) -> QuickstartReport:
        return QuickstartReport(accounts=accounts, closing=closing, incidents=incidents)

    return judge


SCENARIO = Scenario(
    name="quickstart",
    opening="the same orders go to two stacks, with and without the module (3 minutes)",
    success="nothing was lost, and nothing charged twice but after a kill",
    attack=attack,
    wrapper="faults",
    prepare=prepare,
)


def _list_queues(aws: Aws, consumers: Mapping[Stack, Consumer]) -> int:
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
    effects_table.write(
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
        effects_table.write(output / LEDGERS[stack], observation.rows(aws, consumer.ledger_table))


def _outcomes(aws: Aws, consumer: Consumer) -> defaultdict[str, list[str]]:
    """By message id: what the log says of each delivery."""
    found = defaultdict(list)
    for line in observation.log_lines(aws, consumer.log_group_name):
        found[line["message_id"]].append(read_outcome(line))
    return found
