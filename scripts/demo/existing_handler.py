"""The handler's scenario: events come synchronously, asynchronously and from EventBridge.

Each kind comes more than once. Whoever asks again gets the first answer.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from scripts.demo import waiting
from scripts.demo.inject import PlannedFault, count_faults, inject_faults
from scripts.demo.outcomes import read_outcomes
from scripts.demo.producer import hand_over, invoke_later
from scripts.demo.report import Report
from scripts.demo.scenario import Closing, Judge, Scenario, Site
from scripts.support import observation

ORDERS: Final = 10
"""Of each way."""

WAYS: Final = ("direct", "later", "bus")
SETTLED_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.3


def order_ids(way: str) -> list[str]:
    """The orders that come this way."""
    return [f"{way}-{number:02}" for number in range(1, ORDERS + 1)]


def faults() -> list[PlannedFault]:
    """What happens; the emulator repeats an asynchronous event soon, EventBridge's never."""
    return [
        PlannedFault(operation="direct-02", what="slow", when="before"),
        PlannedFault(operation="direct-04", what="raise", when="before", times=2),
        PlannedFault(operation="direct-06", what="kill", when="before"),
        PlannedFault(operation="direct-08", what="timeout", when="before"),
        PlannedFault(operation="direct-10", what="slow", when="after"),
        PlannedFault(operation="later-03", what="raise", when="before"),
        PlannedFault(operation="later-05", what="slow", when="before"),
        PlannedFault(operation="later-07", what="raise", when="before"),
        PlannedFault(operation="bus-05", what="slow", when="before"),
    ]


def event(order_id: str) -> dict[str, Any]:
    """An order placed, as EventBridge would have it."""
    return {
        "detail-type": "order placed",
        "source": "shop",
        "detail": {"order_id": order_id, "amount_cents": 1999},
    }


def attack(site: Site) -> Judge:
    """Send the orders every way; ask again; compare the answers with the ledger."""
    planned = faults()
    inject_faults(site, planned)
    sent = 0
    with site.progress.phase(f"hand over {ORDERS} orders to two invocations each, then once more"):
        answers: dict[str, list[Any]] = {}
        for order_id in order_ids("direct"):
            answers[order_id] = _ask(site, order_id, at_once=2)
            sent += 2
        for order_id in order_ids("direct"):
            answers[order_id] += _ask(site, order_id, at_once=1)
            sent += 1
    with site.progress.phase(f"invoke asynchronously, and publish, {ORDERS} orders twice each"):
        for later, bus in 2 * list(zip(order_ids("later"), order_ids("bus"), strict=True)):
            invoke_later(site.aws, site.outputs["function_name"], event(later))
            _publish(site, bus)
            sent += 2
            # Each that finds no idle worker starts one: too many at once take all their time.
            time.sleep(PAUSE_SECONDS)
        incidents = waiting.wait_until(
            "every order takes effect, and the calls end",
            lambda: _is_settled(site),
            SETTLED_SECONDS,
        )
    accounts = observation.rows(site.aws, site.outputs["ledger_table_name"])
    dead = list(observation.drain(site.aws, site.outputs["dead_letter_queue_url"]).values())
    kinds, missing = count_faults(site, planned)
    different = different_answers(answers, accounts)
    outcomes = read_outcomes(site, site.outputs["log_group_name"])

    def judge(closing: Closing) -> Report:
        return Report(
            scenario=SCENARIO.name,
            sent=sent,
            expected={"charges": [each for way in WAYS for each in order_ids(way)]},
            effects={"charges": [str(row["order_id"]) for row in accounts]},
            ordered=False,
            dead_lettered=dead,
            faults=kinds,
            outcomes=outcomes,
            incidents=[*incidents, *missing, *different],
            extras={
                "answers": sum(map(len, answers.values())),
                "different_answers": len(different),
            },
            closing=closing,
        )

    return judge


def different_answers(
    answers: Mapping[str, Sequence[Any]], accounts: Sequence[Mapping[str, Any]]
) -> list[str]:
    """One line for each order that was answered with anything but the one charge in the ledger."""
    charges = {str(row["order_id"]): str(row["charge_id"]) for row in accounts}
    return [
        f"{order_id} was answered {Counter(map(str, given))}, not with {charges.get(order_id)}"
        for order_id, given in answers.items()
        if any(each != {"charge_id": charges.get(order_id), "order_id": order_id} for each in given)
    ]


def _ask(site: Site, order_id: str, *, at_once: int) -> list[Any]:
    name = site.outputs["function_name"]
    return hand_over(site.aws, name, event(order_id), at_once=at_once)


def _publish(site: Site, order_id: str) -> None:
    each = event(order_id)
    site.aws.events.put_events(
        Entries=[
            {
                "Source": each["source"],
                "DetailType": each["detail-type"],
                "Detail": json.dumps(each["detail"]),
            }
        ]
    )


def _is_settled(site: Site) -> bool:
    """Whether every order is completed and nothing runs any more."""
    records = observation.rows(site.aws, site.outputs["records_table_name"])
    done = [record for record in records if record["status"] == "COMPLETED"]
    lines = read_outcomes(site, site.outputs["log_group_name"]).total()
    time.sleep(2)
    still = read_outcomes(site, site.outputs["log_group_name"]).total() == lines
    return len(done) == len(records) == len(WAYS) * ORDERS and still


SCENARIO = Scenario(
    name="existing-handler",
    opening="orders come to a handler directly, later and over a bus, more than once (2 minutes)",
    success="each order was charged once, and every answer named that charge",
    attack=attack,
)
