"""The soak: thousands of messages go through a deployed stack that breaks at random.

``make soak`` sends 5,000 and writes the figures to build/soak.json. ``make prove`` sends 300.
"""

import json
import math
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from scripts.support.account import EARLY, LOST, REPEATED, read_account
from scripts.support.emulator import ROOT
from scripts.support.faults import ATTACK, What, When
from scripts.support.traffic import Traffic, plan_traffic, send_traffic
from tests.end_to_end.scenarios.conftest import MARKS, Site
from tests.end_to_end.scenarios.proxy_plans import ODDS, Silence

pytestmark = [*MARKS, pytest.mark.proof]  # make soak does the same, longer
EXAMPLE = "quickstart"
OVERLAY = ATTACK / "quickstart"
SHORT = 300
DRAIN_SECONDS = 1200.0
FAULTS_PER_THOUSAND: dict[tuple[What, When], float] = {
    ("kill", "before"): 4,
    ("kill", "during"): 4,
    ("kill", "after"): 4,
    ("timeout", "before"): 2.5,
    ("timeout", "after"): 2.5,
    ("raise", "before"): 4,
    ("raise", "after"): 4,
    ("overlap", "before"): 4,
}
DENIED_PER_THOUSAND = 2
"""Orders whose first owner never gets an answer to its completion, however often it tries."""

DUPLICATES_PER_THOUSAND = 120
RARE = {"slow", "hang"}
"""Each costs its invocation a second, so they are rare: a short soak may have none."""


def plan_soak(number: int, seed: int) -> Traffic:
    """Plan so many messages, at least 100."""
    kinds = {kind: scale(share, number) for kind, share in FAULTS_PER_THOUSAND.items()}
    return plan_traffic(number, scale(DUPLICATES_PER_THOUSAND, number), kinds, seed)


def choose_silenced(traffic: Traffic, seed: int) -> list[str]:
    """Choose orders whose first owner is silenced; spare ones, as kills may come before."""
    orders = {message.order_id for message in traffic.messages if not message.poison}
    free = sorted(orders - {fault.operation for fault in traffic.faults})
    chance = random.Random(seed)  # noqa: S311  # guards nothing
    return chance.sample(free, scale(DENIED_PER_THOUSAND, len(traffic.messages)) + 5)


def scale(share: float, number: int) -> int:
    """Scale a share of a thousand messages to so many messages; at least 1."""
    return math.ceil(share * number / 1000)


@pytest.mark.timeout(2400)
def test_soak(site: Site, tmp_path: Path) -> None:
    """Under all faults no message is lost, and none repeats except as P5 allows."""
    number = int(os.environ.get("SOAK_MESSAGES", SHORT))
    seed = random.randrange(10**6)  # noqa: S311  # guards nothing
    traffic, table = plan_soak(number, seed), site.outputs["records_table_name"]
    silenced = choose_silenced(traffic, seed)
    silence = Silence(seed, table=table, lost=silenced[::2], unanswered=silenced[1::2])
    site.proxy.plan = silence
    began = time.monotonic()
    with site.deliver(site.outputs["queue_url"], seconds=DRAIN_SECONDS):
        sent = send_traffic(site.aws, site.outputs, traffic)
    seconds = round(time.monotonic() - began)
    account = read_account(site.aws, site.outputs, sent)
    left = {row["id"]: row["times"] for row in site.read("faults_table_name")}
    injected = Counter[str]()
    for planned in traffic.faults:
        injected[planned.what] += planned.times - left[planned.operation]
    injected["producer duplicate"] = sum(message.duplicate for message in traffic.messages)
    injected["silenced completion"] = len(silence.owners)
    for fault in ODDS["BatchExecuteStatement"]:
        injected[fault] = site.proxy.injected()[fault]
    repeats = Counter(cause for _, cause in account.repeats)
    figures = {
        "seed": seed,
        "messages": account.sent,
        "unique": len(account.unique),
        "poison": len(account.poison),
        "lost": len(account.wrong.get(LOST, ())),
        "repeated": len(account.wrong.get(REPEATED, ())),
        **{f"{cause}_repeats": times for cause, times in repeats.items() if cause},
        "early_repeats": len(account.wrong.get(EARLY, ())),
        "dead_lettered": len(account.dead_lettered),
        "injected": injected,
        "outcomes": dict(account.outcomes),
        "seconds": seconds,
    }
    print(json.dumps(figures))  # noqa: T201  # make soak shows it
    output = tmp_path if number == SHORT else ROOT / "build"
    output.mkdir(exist_ok=True)
    (output / "soak.json").write_text(json.dumps(figures, indent=2) + "\n")
    assert account.wrong == {}
    assert figures["messages"] == number
    assert [name for name, times in injected.items() if not times and name not in RARE] == []
    assert repeats["interrupted"] >= 2
    assert repeats["unconfirmed"] >= 1
    assert repeats["raised"] >= 1
