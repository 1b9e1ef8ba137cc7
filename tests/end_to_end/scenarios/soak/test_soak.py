"""The soak: thousands of messages go through a deployed stack that breaks at random.

``make soak`` sends 5,000 and writes the figures to build/soak.json. ``make prove`` sends 300.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator
from scripts.support.observation import Aws
from scripts.support.producer import enqueue
from scripts.support.proxy import Fault, serving
from scripts.support.source import repository
from scripts.support.stack import apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from tests.end_to_end.scenarios.soak.account import settle
from tests.end_to_end.scenarios.soak.plan import Plan, plan
from tests.end_to_end.scenarios.soak.silence import Silence

STACK = Path(__file__).with_name("stack")
SHORT = 300
# A kill costs all its batch-mates a receive, and two messages that kill come in the same batch.
MAX_RECEIVE_COUNT = 12
# Above the longest lease. On AWS the mapping needs six times the function's timeout for what is
# throttled; nothing is here, and what is interrupted comes back sooner.
VISIBILITY_SECONDS = 6
DRAIN_SECONDS = 1200.0
KINDS = {"kill": "kills", "timeout": "timeouts", "raise": "exceptions", "overlap": "overlaps"}
FIGURES = {
    Fault.LOST_RESPONSE: "lost_responses",
    Fault.LOST_REQUEST: "lost_requests",
    Fault.RESET: "resets",
    Fault.THROTTLE: "throttles",
    Fault.ERROR: "errors_500",
    Fault.SLOW: "slow",
    Fault.HANG: "hangs",
    Fault.PART_THROTTLED: "throttled_parts",
    Fault.PART_ERROR: "errors_500_of_parts",
    Fault.PART_LOST: "lost_parts",
    Fault.SHORT: "short_answers",
}
RARE = {"slow", "hangs"}
"""Faults so rare, because each costs its invocation a second, that a short soak may see none."""


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.proof  # make soak does the same, longer
@pytest.mark.timeout(2400)
def test_soak(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """Whatever strikes, no message is lost and none repeats outside P5."""
    number = int(os.environ.get("SOAK_MESSAGES", SHORT))
    output = tmp_path if number == SHORT else ROOT / "build"
    seed = random.randrange(10**6)  # noqa: S311  # guards nothing
    planned = plan(number, seed)
    silence = Silence(seed, lost=planned.lost, unanswered=planned.unanswered)
    with serving(emulator.endpoint, silence) as proxy:
        variables = {
            "TF_VAR_emulator_url": emulator.endpoint,
            "TF_VAR_max_receive_count": str(MAX_RECEIVE_COUNT),
            "TF_VAR_proxy_url": proxy.endpoint,
        }
        terraform = Terraform(
            directory=write_stack(tmp_path, STACK, repository(tmp_path / "module.git")),
            environment=environment(emulator.environment(account) | variables),
        )
        terraform.init()
        aws = Aws.of(emulator, account)
        stack = apply_stack(terraform, aws)["stack"]
        began = time.monotonic()
        sent, backlog = attack(aws, stack, planned)
    faults = observation.rows(aws, stack["faults_table"])
    deliveries = list(observation.log_lines(aws, stack["log_group_name"]))
    wrong, repeats = settle(sent, observation.rows(aws, stack["effects_table"]), deliveries, faults)
    struck = Counter(row["fault"].split("_")[0] for row in faults if row["struck"])
    injected = {
        **{name: struck[kind] for kind, name in KINDS.items()},
        "producer_duplicates": sum(row["duplicate"] for row in sent),
        "silenced_completions": len(silence.owners),
        **{name: proxy.injected()[fault] for fault, name in FIGURES.items()},
    }
    figures = {
        "seed": seed,
        "messages": len(sent),
        "unique": len({row["order_id"] for row in sent}),
        "poison": len({row["order_id"] for row in sent if row["poison"]}),
        "lost": len(wrong.get("lost", ())),
        "repeated": len(wrong.get("repeated for no reason that P5 knows", ())),
        **{
            f"{cause}_repeats": repeats[cause] for cause in ("interrupted", "unconfirmed", "raised")
        },
        "early_repeats": len(wrong.get("repeated while an owner's lease was live", ())),
        "dead_lettered": len({row["order_id"] for row in sent if row["dead_lettered"]}),
        "backlog": backlog,
        "injected": injected,
        "outcomes": dict(sorted(Counter(map(observation.read_outcome, deliveries)).items())),
        "seconds": round(time.monotonic() - began),
    }
    output.mkdir(exist_ok=True)
    (output / "soak.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))  # noqa: T201  # make soak shows it
    assert wrong == {}
    assert backlog == 0
    assert figures["messages"] == number
    assert [row["fault_id"] for row in faults if not row["struck"]] == []
    assert [name for name, times in injected.items() if not times and name not in RARE] == []
    assert repeats["interrupted"] >= 2
    assert repeats["unconfirmed"] >= 1
    assert repeats["raised"] >= 1


def attack(aws: Aws, stack: Mapping[str, str], planned: Plan) -> tuple[list[dict[str, Any]], int]:
    """Arm the faults, send and wait; return what was sent, and how much is left in the queue."""
    queue_url = stack["queue_url"]
    aws.sqs.set_queue_attributes(
        QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    )
    for order_id, (fault, delay_millis) in planned.faults.items():
        item = {
            "fault_id": {"S": order_id},
            "fault": {"S": fault},
            "delay_millis": {"N": str(delay_millis)},
            "struck": {"BOOL": False},
        }
        aws.dynamodb.put_item(TableName=stack["faults_table"], Item=item)
    ids = list(enqueue(aws, queue_url, [message.body for message in planned.messages]))
    backlog = observation.wait_until_empty(aws, queue_url, seconds=DRAIN_SECONDS)
    dead = observation.drain(aws, stack["dead_letter_queue_url"])
    sent = [
        {
            "message_id": message_id,
            "order_id": message.order_id,
            "duplicate": message.duplicate,
            "poison": message.poison,
            "dead_lettered": message_id in dead,
        }
        for message_id, message in zip(ids, planned.messages, strict=True)
    ]
    return sent, backlog
