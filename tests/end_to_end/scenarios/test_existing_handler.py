"""A decorated handler: events come synchronously, asynchronously and from EventBridge.

Each event comes more than once. A caller that repeats an event gets the first answer.
"""

import json
import time
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.faults import PlannedFault
from scripts.support.producer import hand_over, invoke_later
from tests.end_to_end.scenarios.conftest import MARKS, Site
from tests.waiting import eventually

pytestmark = [*MARKS, pytest.mark.extended]
EXAMPLE = "existing-handler"
DIRECT, LATER, BUS = (
    [f"{way}-{number:02}" for number in range(1, 11)] for way in ("direct", "later", "bus")
)
PAUSE_SECONDS = 0.3
# The emulator retries an asynchronous event soon, and an event from EventBridge never.
FAULTS = [
    PlannedFault("direct-02", "slow"),
    PlannedFault("direct-04", "raise", times=2),
    PlannedFault("direct-06", "kill"),
    PlannedFault("direct-08", "timeout"),
    PlannedFault("direct-10", "slow", "after"),
    PlannedFault("later-03", "raise"),
    PlannedFault("later-05", "slow"),
    PlannedFault("later-07", "raise"),
    PlannedFault("bus-05", "slow"),
]


def make_event(order_id: str) -> dict[str, Any]:
    """Make the event of a placed order, as EventBridge has it."""
    detail = {"order_id": order_id, "amount_cents": 1999}
    return {"detail-type": "order placed", "source": "shop", "detail": detail}


def publish(site: Site, order_id: str) -> None:
    """Put the event on the bus."""
    event = make_event(order_id)
    names = {"Source": event["source"], "DetailType": event["detail-type"]}
    site.aws.events.put_events(Entries=[{**names, "Detail": json.dumps(event["detail"])}])


def is_settled(site: Site) -> bool:
    """Whether every order is completed and nothing runs any more."""
    records = [row["status"] for row in site.read("records_table_name")]
    group = site.outputs["log_group_name"]
    before = observation.count_outcomes(site.aws, group)
    time.sleep(2)
    still = observation.count_outcomes(site.aws, group) == before
    return records == ["COMPLETED"] * len([*DIRECT, *LATER, *BUS]) and still


def test_existing_handler(site: Site) -> None:
    """However it is invoked, a decorated handler charges once and always gives the same answer."""
    site.inject(FAULTS)
    name = site.outputs["function_name"]
    answers: dict[str, list[Any]] = {order: [] for order in DIRECT}
    for invocations in (2, 1):
        for order in DIRECT:
            answers[order] += hand_over(site.aws, name, make_event(order), at_once=invocations)
    for later, bus in 2 * list(zip(LATER, BUS, strict=True)):
        invoke_later(site.aws, name, make_event(later))
        publish(site, bus)
        # An event without an idle worker starts one: too many starts at once take all the time.
        time.sleep(PAUSE_SECONDS)
    eventually(lambda: is_settled(site), "every order takes effect, and the calls end")
    charges = [(row["order_id"], row["charge_id"]) for row in site.read("ledger_table_name")]
    assert sorted(order for order, _ in charges) == sorted([*DIRECT, *LATER, *BUS])
    for order, charge in charges:
        given = answers.get(order, [])
        assert given == [{"charge_id": charge, "order_id": order}] * len(given)
    assert all(len(given) > 1 for given in answers.values())
    assert site.list_untaken() == []
    site.check_deliveries()
