"""The SNS scenario: one topic, two consumers; each order is billed once and shipped once."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from scripts.demo import waiting
from scripts.demo.inject import PlannedFault, count_faults, inject_faults
from scripts.demo.outcomes import read_outcomes
from scripts.demo.report import Report
from scripts.demo.scenario import Closing, Judge, Scenario, Site
from scripts.support import observation

ORDERS: Final = 40
REPEATED_EVERY: Final = 4
REPEATED_LATER_EVERY: Final = 5
CONSUMERS: Final = ("billing", "shipping")
ORDER_IDS: Final = tuple(f"order-{number:03}" for number in range(1, ORDERS + 1))


def publications() -> list[str]:
    """The order ids that are published, in this order: some again at once, some much later."""
    published = []
    for number, order_id in enumerate(ORDER_IDS):
        published += [order_id] * (1 if number % REPEATED_EVERY else 2)
    return [*published, *ORDER_IDS[::REPEATED_LATER_EVERY]]


def faults() -> list[PlannedFault]:
    """What happens; to whichever consumer comes first, if it happens once."""
    return [
        PlannedFault(operation="order-003", what="raise", when="before", times=2),
        PlannedFault(operation="order-008", what="slow", when="before", times=2),
        PlannedFault(operation="order-013", what="timeout", when="before"),
        PlannedFault(operation="order-020", what="slow", when="before", times=2),
        PlannedFault(operation="order-023", what="late kill", when="before"),
        PlannedFault(operation="order-033", what="raise", when="before", times=3),
    ]


def attack(site: Site) -> Judge:
    """Publish, break; wait; read the work done."""
    published = publications()
    planned = faults()
    queues = site.outputs["queue_urls"]
    with waiting.stop_waiting_early(site, *queues.values()):
        with site.progress.phase(f"publish {len(published)} orders"):
            inject_faults(site, planned)
            for order_id in published:
                site.aws.sns.publish(
                    TopicArn=site.outputs["topic_arn"], Message=json.dumps({"order_id": order_id})
                )
        with site.progress.phase("wait for redeliveries, until both queues are empty"):
            incidents = waiting.wait_until_empty(site, queues)
    kinds, missing = count_faults(site, planned)
    effects = work(observation.rows(site.aws, site.outputs["work_table_name"]))
    dead = [
        f"{name}: {body}"
        for name in CONSUMERS
        for body in observation.drain(
            site.aws, site.outputs[f"{name}_dead_letter_queue_url"]
        ).values()
    ]
    groups = [site.outputs[f"{name}_log_group_name"] for name in CONSUMERS]
    outcomes = read_outcomes(site, *groups)

    def judge(closing: Closing) -> Report:
        return Report(
            scenario=SCENARIO.name,
            sent=len(published),
            expected=dict.fromkeys(CONSUMERS, ORDER_IDS),
            effects=effects,
            ordered=False,
            dead_lettered=dead,
            faults=kinds,
            outcomes=outcomes,
            incidents=[*incidents, *missing],
            closing=closing,
        )

    return judge


def work(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """By consumer: the orders that it worked on."""
    found = defaultdict(list)
    for row in rows:
        found[str(row["department"])].append(str(row["order_id"]))
    return dict(found)


SCENARIO = Scenario(
    name="sns-fanout",
    opening="orders are published to two consumers, wrapped and raw, and broken (2 minutes)",
    success="each order was billed once and shipped once",
    attack=attack,
)
