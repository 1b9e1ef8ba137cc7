"""The exactly-once scenario: deposits whose processes are killed before, in and after the commit.

Each deposit of an account has a decimal place of its own: the first adds 1, the second 10, the
third 100. So the balance alone tells of each deposit how often it was counted.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from scripts.demo import waiting
from scripts.demo.inject import PlannedFault, What, When, count_faults, inject_faults
from scripts.demo.outcomes import read_outcomes
from scripts.demo.producer import enqueue
from scripts.demo.report import Report
from scripts.demo.scenario import Closing, Judge, Scenario, Site
from scripts.support import observation
from scripts.support.proxy import Chance, Fault

ACCOUNTS: Final = 8
DEPOSITS: Final = 25
"""Of each account. As many places fit into DynamoDB's numbers, and the emulator's."""

KILLS: Final = 30
OTHERS: Final[Mapping[What, int]] = {"timeout": 4, "slow": 4}
LOSSES: Final = {
    "TransactWriteItems": {
        Fault.LOST_RESPONSE: 0.08,
        Fault.LOST_REQUEST: 0.03,
        Fault.ERROR: 0.04,
        Fault.RESET: 0.03,
    },
    "BatchExecuteStatement": {Fault.LOST_RESPONSE: 0.05, Fault.PART_THROTTLED: 0.05},
    "UpdateItem": {Fault.LOST_RESPONSE: 0.03, Fault.THROTTLE: 0.03},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """One deposit; ``place`` is its decimal place in the balance, 0 for the ones."""

    account_id: str
    deposit_id: str
    place: int

    @property
    def body(self) -> str:
        """The text that is sent, each time the same."""
        return json.dumps(
            {
                "deposit_id": self.deposit_id,
                "account_id": self.account_id,
                "amount_cents": 10**self.place,
            }
        )


def deposits() -> list[Deposit]:
    """All deposits, the accounts taking turns."""
    return [
        Deposit(
            account_id=f"account-{account}",
            deposit_id=f"deposit-{account}-{place:02}",
            place=place,
        )
        for place in range(DEPOSITS)
        for account in range(1, ACCOUNTS + 1)
    ]


def count_deposits(account_id: str, balance: int) -> list[str]:
    """The deposits that a balance holds, each as often as it was counted."""
    number = account_id.rpartition("-")[2]
    return [
        f"deposit-{number}-{place:02}"
        for place, digit in enumerate(reversed(str(balance)))
        for _ in range(int(digit))
    ]


def messages(source: random.Random) -> list[Deposit]:
    """What is sent: every deposit, and a third of them again, anywhere behind."""
    sent = deposits()
    for again in source.sample(sent, len(sent) // 3):
        sent.insert(source.randrange(sent.index(again), len(sent)) + 1, again)
    return sent


def faults(source: random.Random) -> list[PlannedFault]:
    """Kills at random moments, and others; each of a deposit of its own."""
    kinds: list[What] = ["kill"] * KILLS
    for what, number in OTHERS.items():
        kinds += [what] * number
    struck = source.sample(deposits(), len(kinds))
    return [
        PlannedFault(operation=each.deposit_id, what=what, when=_moment(what, source))
        for each, what in zip(struck, kinds, strict=True)
    ]


def _moment(what: What, source: random.Random) -> When:
    # Only a kill can come in the middle of the call.
    moments: Sequence[When] = get_args(When)
    return source.choice([each for each in moments if what == "kill" or each != "during"])


def attack(site: Site) -> Judge:
    """Send, kill, lose answers; wait; read the balances."""
    seed = random.randrange(10**6)  # noqa: S311  (guards nothing)
    source = random.Random(seed)  # noqa: S311
    sent, planned = messages(source), faults(source)
    site.progress.say(f"{len(planned)} faults at random, seed {seed}")
    site.proxy.plan = Chance(LOSSES, seed)
    queue_url = site.outputs["queue_url"]
    with waiting.stop_waiting_early(site, queue_url):
        with site.progress.phase(f"send {len(sent)} deposits to {ACCOUNTS} accounts"):
            inject_faults(site, planned)
            list(enqueue(site.aws, queue_url, [each.body for each in sent]))
        with site.progress.phase("wait for redeliveries, until the queue is empty"):
            incidents = waiting.wait_until_empty(site, {"deposits": queue_url})
    kinds, missing = count_faults(site, planned)
    injected = site.proxy.injected()
    balances = {
        str(row["account_id"]): int(row["balance_cents"])
        for row in observation.rows(site.aws, site.outputs["balances_table_name"])
    }
    dead = list(observation.drain(site.aws, site.outputs["dead_letter_queue_url"]).values())
    outcomes = read_outcomes(site, site.outputs["log_group_name"])
    expected: dict[str, list[str]] = {}
    for each in deposits():
        expected.setdefault(each.account_id, []).append(each.deposit_id)

    def judge(closing: Closing) -> Report:
        return Report(
            scenario=SCENARIO.name,
            sent=len(sent),
            expected=expected,
            effects={account: count_deposits(account, of) for account, of in balances.items()},
            ordered=False,
            dead_lettered=dead,
            faults=kinds,
            outcomes=outcomes,
            incidents=[*incidents, *missing],
            extras={
                "seed": seed,
                "interruptions": sum(
                    number for kind, number in kinds.items() if not kind.startswith("slow")
                ),
                "calls_broken": injected.total(),
            },
            closing=closing,
        )

    return judge


SCENARIO = Scenario(
    name="exactly-once",
    opening="deposits are made while processes are killed at random (2 minutes)",
    success="each deposit counts once in its balance, interrupted or not",
    attack=attack,
)
