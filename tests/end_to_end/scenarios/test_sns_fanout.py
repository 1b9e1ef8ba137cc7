"""SNS: one topic has two consumers; each order is billed once and shipped once."""

import json
from collections import Counter

import pytest

from scripts.support.faults import PlannedFault
from tests.end_to_end.scenarios.conftest import MARKS, Site

pytestmark = [*MARKS, pytest.mark.extended]
EXAMPLE = "sns-fanout"
CONSUMERS = ("billing", "shipping")
ORDERS = [f"order-{number:03}" for number in range(1, 41)]
REPEATED_EVERY = 4
REPEATED_LATER_EVERY = 5
# A fault that happens once strikes the consumer that comes first.
FAULTS = [
    PlannedFault("order-003", "raise", times=2),
    PlannedFault("order-008", "slow", times=2),
    PlannedFault("order-013", "timeout"),
    PlannedFault("order-020", "slow", times=2),
    PlannedFault("order-023", "late kill"),
    PlannedFault("order-033", "raise", times=3),
]


def list_publications() -> list[str]:
    """List the orders to publish: some again at once, some much later."""
    published = []
    for number, order_id in enumerate(ORDERS):
        published += [order_id] * (1 if number % REPEATED_EVERY else 2)
    return [*published, *ORDERS[::REPEATED_LATER_EVERY]]


def test_sns_fanout(site: Site) -> None:
    """An order published to two queues, wrapped and raw, takes effect once behind each of them."""
    topic = site.outputs["topic_arn"]
    with site.deliver(*site.outputs["queue_urls"].values()):
        site.inject(FAULTS)
        for order_id in list_publications():
            site.aws.sns.publish(TopicArn=topic, Message=json.dumps({"order_id": order_id}))
    work = Counter((row["department"], row["order_id"]) for row in site.read("work_table_name"))
    assert work == dict.fromkeys(((name, order) for name in CONSUMERS for order in ORDERS), 1)
    assert site.list_untaken() == []
    site.check_deliveries()
