"""The FIFO scenario: movements on accounts, each booked once and in its account's order.

Producers restart and repeat themselves, processors fail, hang and are killed, completions are
throttled. No kill comes after an effect, so that no repetition is excused.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from scripts.demo import waiting
from scripts.demo.inject import PlannedFault, Watch, count_faults, inject_faults
from scripts.demo.outcomes import read_outcomes
from scripts.demo.producer import enqueue
from scripts.demo.report import Report
from scripts.demo.scenario import Closing, Judge, Scenario, Site
from scripts.support import observation

ACCOUNTS: Final = 8
MOVEMENTS: Final = 8
"""Of each account."""

REPEATED_EVERY: Final = 4
SEED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One movement, as its producer knows it."""

    account_id: str
    movement_id: str

    @property
    def body(self) -> str:
        """The text that is sent, each time the same."""
        return json.dumps(
            {
                "account_id": self.account_id,
                "movement_id": self.movement_id,
                "amount_cents": 100,
            }
        )


def movements() -> dict[str, list[Movement]]:
    """The movements of each account, in their order."""
    return {
        f"account-{account}": [
            Movement(account_id=f"account-{account}", movement_id=f"movement-{account}-{number:02}")
            for number in range(1, MOVEMENTS + 1)
        ]
        for account in range(1, ACCOUNTS + 1)
    }


def messages() -> list[Movement]:
    """What is sent, in this order: the accounts take turns, and producers repeat themselves."""
    return [*_take_turns(), *(of[1] for of in movements().values())]


def _take_turns() -> Iterator[Movement]:
    for number in range(MOVEMENTS):
        for account, of in enumerate(movements().values()):
            yield of[number]
            if (number + account) % REPEATED_EVERY == 0:
                # At once, or after others of the account.
                yield of[number if account % 2 else number // 2]


def faults() -> list[PlannedFault]:
    """What happens, each in an account of its own: some at its first movement, some amid others."""
    return [
        PlannedFault(operation="movement-1-03", what="raise", when="before", times=2),
        PlannedFault(operation="movement-2-01", what="raise", when="before", times=2),
        PlannedFault(operation="movement-3-04", what="timeout", when="before"),
        PlannedFault(operation="movement-4-05", what="late kill", when="before"),
        PlannedFault(operation="movement-5-02", what="slow", when="before"),
        PlannedFault(operation="movement-6-06", what="raise", when="before"),
    ]


def attack(site: Site) -> Judge:
    """Send, break, throttle; wait; read what was booked."""
    expected = {account: [each.movement_id for each in of] for account, of in movements().items()}
    sent = messages()
    planned = faults()
    accounts_table = site.outputs["accounts_table_name"]
    watch = Watch(
        site,
        effects_table=accounts_table,
        records_before={
            after: before for of in expected.values() for before, after in pairwise(of)
        },
        seed=SEED,
    )
    site.proxy.plan = watch
    with waiting.stop_waiting_early(site, site.outputs["queue_url"]):
        with site.progress.phase(f"send {len(sent)} movements on {ACCOUNTS} accounts"):
            inject_faults(site, planned)
            bodies = [each.body for each in sent]
            list(enqueue(site.aws, site.outputs["queue_url"], bodies, _groups(sent)))
        with site.progress.phase("wait for redeliveries, until the queue is empty"):
            incidents = waiting.wait_until_empty(site, {"movements": site.outputs["queue_url"]})
    kinds, missing = count_faults(site, planned)
    accounts: list[dict[str, Any]] = observation.rows(site.aws, accounts_table)
    effects = {str(row["account_id"]): list(row["movements"]) for row in accounts}
    dead = list(observation.drain(site.aws, site.outputs["dead_letter_queue_url"]).values())
    outcomes = read_outcomes(site, site.outputs["log_group_name"])

    def judge(closing: Closing) -> Report:
        return Report(
            scenario=SCENARIO.name,
            sent=len(sent),
            expected=expected,
            effects=effects,
            ordered=True,
            early_starts=watch.early,
            dead_lettered=dead,
            faults=kinds,
            throttled=len(watch.throttled),
            outcomes=outcomes,
            incidents=[*incidents, *missing, *watch.idle()],
            closing=closing,
        )

    return judge


def _groups(sent: list[Movement]) -> list[str]:
    return [each.account_id for each in sent]


SCENARIO = Scenario(
    name="fifo",
    opening="movements on accounts go through a FIFO queue, repeated and broken (2 minutes)",
    success="each movement was booked once, in its account's order",
    attack=attack,
)
