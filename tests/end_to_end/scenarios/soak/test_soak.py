"""The soak: thousands of messages go through a deployed stack that breaks at random.

``make soak`` sends 5,000 and writes the figures to build/soak.json. ``make prove`` sends 300.
"""

import json
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from scripts.support import observation
from scripts.support.emulator import ROOT
from scripts.support.producer import enqueue
from scripts.support.proxy import Fault
from tests.end_to_end.scenarios.conftest import Site
from tests.end_to_end.scenarios.soak.account import EARLY, LOST, REPEATED, settle
from tests.end_to_end.scenarios.soak.plan import plan
from tests.end_to_end.scenarios.soak.silence import Silence

STACK = Path(__file__).with_name("stack")
SHORT = 300
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
def test_soak(site: Site, tmp_path: Path) -> None:
    """Whatever strikes, no message is lost and none repeats outside P5."""
    number = int(os.environ.get("SOAK_MESSAGES", SHORT))
    seed = random.randrange(10**6)  # noqa: S311  # guards nothing
    planned = plan(number, seed)
    silence = Silence(seed, lost=planned.lost, unanswered=planned.unanswered)
    site.proxy.plan = silence
    began = time.monotonic()
    queue_url = site.outputs["queue_url"]
    with site.deliver(queue_url, seconds=DRAIN_SECONDS):
        for order_id, (fault, delay_millis) in planned.faults.items():
            item = {
                "fault_id": {"S": order_id},
                "fault": {"S": fault},
                "delay_millis": {"N": str(delay_millis)},
                "struck": {"BOOL": False},
            }
            site.aws.dynamodb.put_item(TableName=site.outputs["faults_table_name"], Item=item)
        ids = list(enqueue(site.aws, queue_url, [message.body for message in planned.messages]))
    seconds = round(time.monotonic() - began)
    sent = dict(zip(ids, planned.messages, strict=True))
    faults = site.read("faults_table_name")
    deliveries = list(observation.log_lines(site.aws, site.outputs["log_group_name"]))
    dead = set(observation.drain(site.aws, site.outputs["dead_letter_queue_url"]))
    wrong, repeats = settle(sent, dead, site.read("effects_table_name"), deliveries, faults)
    struck = Counter(row["fault"].split("_")[0] for row in faults if row["struck"])
    injected = {
        **{name: struck[kind] for kind, name in KINDS.items()},
        "producer_duplicates": sum(message.duplicate for message in sent.values()),
        "silenced_completions": len(silence.owners),
        **{name: site.proxy.injected()[fault] for fault, name in FIGURES.items()},
    }
    figures = {
        "seed": seed,
        "messages": len(sent),
        "unique": len({message.order_id for message in sent.values()}),
        "poison": len({message.order_id for message in sent.values() if message.poison}),
        "lost": len(wrong.get(LOST, ())),
        "repeated": len(wrong.get(REPEATED, ())),
        **{
            f"{cause}_repeats": repeats[cause] for cause in ("interrupted", "unconfirmed", "raised")
        },
        "early_repeats": len(wrong.get(EARLY, ())),
        "dead_lettered": len({sent[message_id].order_id for message_id in dead}),
        "injected": injected,
        "outcomes": dict(Counter(map(observation.read_outcome, deliveries))),
        "seconds": seconds,
    }
    print(json.dumps(figures))  # noqa: T201  # make soak shows it
    output = tmp_path if number == SHORT else ROOT / "build"
    output.mkdir(exist_ok=True)
    (output / "soak.json").write_text(json.dumps(figures, indent=2) + "\n")
    assert wrong == {}
    assert figures["messages"] == number
    assert [row["fault_id"] for row in faults if not row["struck"]] == []
    assert [name for name, times in injected.items() if not times and name not in RARE] == []
    assert repeats["interrupted"] >= 2
    assert repeats["unconfirmed"] >= 1
    assert repeats["raised"] >= 1
