"""Transactions: deposits whose processes are killed before, in and after the commit.

Each deposit of an account has a different decimal place: the first adds 1, the second 10, the third
100. So the balance alone shows how often each deposit was counted.
"""

import json
import random
from typing import get_args

from scripts.support.faults import PlannedFault, What, When
from scripts.support.producer import enqueue
from scripts.support.proxy import Chance, Fault
from tests.end_to_end.scenarios.conftest import MARKS, Site

pytestmark = MARKS
EXAMPLE = "exactly-once"
ACCOUNTS = [f"account-{number}" for number in range(1, 9)]
PLACES = 25
"""Deposits of each account. DynamoDB's numbers have enough places, and the emulator's too."""

KINDS: dict[What, int] = {"kill": 30, "timeout": 4, "slow": 4}
LOSSES = {
    "TransactWriteItems": {
        Fault.LOST_RESPONSE: 0.08,
        Fault.LOST_REQUEST: 0.03,
        Fault.ERROR: 0.04,
        Fault.RESET: 0.03,
    },
    "BatchExecuteStatement": {Fault.LOST_RESPONSE: 0.05, Fault.PART_THROTTLED: 0.05},
    "UpdateItem": {Fault.LOST_RESPONSE: 0.03, Fault.THROTTLE: 0.03},
}
# The accounts take turns.
DEPOSITS = {
    f"deposit-{account[-1]}-{place:02}": {"account_id": account, "amount_cents": 10**place}
    for place in range(PLACES)
    for account in ACCOUNTS
}


def choose_messages(chance: random.Random) -> list[str]:
    """Choose the messages: every deposit, and a third of them again, anywhere later."""
    sent = list(DEPOSITS)
    for again in chance.sample(sent, len(sent) // 3):
        sent.insert(chance.randrange(sent.index(again), len(sent)) + 1, again)
    return sent


def choose_faults(chance: random.Random) -> list[PlannedFault]:
    """Choose kills at random moments, and other faults, each for a different deposit."""
    kinds = [what for what, number in KINDS.items() for _ in range(number)]
    # Only a kill can come in the middle of the call.
    moments: dict[What, list[When]] = {kind: ["before", "after"] for kind in KINDS}
    moments["kill"] = list(get_args(When))
    return [
        PlannedFault(deposit, what, chance.choice(moments[what]))
        for deposit, what in zip(chance.sample(list(DEPOSITS), len(kinds)), kinds, strict=True)
    ]


def test_exactly_once(site: Site) -> None:
    """Killed before, in and after the commit, it leaves balances that count each deposit once."""
    seed = random.randrange(10**6)  # noqa: S311  # guards nothing
    print(f"seed {seed}")  # noqa: T201  # a failure shows it
    chance = random.Random(seed)  # noqa: S311
    sent, faults = choose_messages(chance), choose_faults(chance)
    site.proxy.plan = Chance(LOSSES, seed)
    queue_url = site.outputs["queue_url"]
    with site.deliver(queue_url):
        site.inject(faults)
        bodies = [json.dumps({"deposit_id": name, **DEPOSITS[name]}) for name in sent]
        list(enqueue(site.aws, queue_url, bodies))
    balances = {row["account_id"]: row["balance_cents"] for row in site.read("balances_table_name")}
    assert balances == dict.fromkeys(ACCOUNTS, int("1" * PLACES)), "0 is lost, 2 counted twice"
    assert {fault.when for fault in faults if fault.what == "kill"} == set(get_args(When))
    assert site.list_untaken() == []
    assert site.proxy.injected().total() > 0
    site.check_deliveries()
