"""The demo's traffic, to the quickstart as it is deployed here."""

import time

import pytest

from scripts.demo.report import find_charged_twice
from scripts.demo.run import TRAFFIC
from scripts.support import observation
from scripts.support.account import REPEATED, settle
from scripts.support.producer import redeliver_soon
from scripts.support.traffic import POISON, send_traffic

from .conftest import Site

pytestmark = [pytest.mark.aws, pytest.mark.timeout(900)]

DRAIN_SECONDS = 420
LOG_SECONDS = 90
"""CloudWatch Logs and the queue's counts are some seconds late."""


def test_traffic(site: Site) -> None:
    """Does the demo's traffic keep every promise on the quickstart?"""
    aws, outputs = site.aws, site.outputs
    dead: dict[str, str] = {}
    with redeliver_soon(aws, outputs["queue_url"]):
        sent = send_traffic(aws, outputs, TRAFFIC)
        left = observation.wait_until_empty(aws, outputs["queue_url"], seconds=DRAIN_SECONDS)
    assert left == 0, f"{left} messages are still in the queue"
    deadline = time.monotonic() + LOG_SECONDS
    while True:
        dead |= observation.drain(aws, outputs["dead_letter_queue_url"])
        effects = [
            row
            for row in observation.rows(aws, outputs["ledger_table_name"])
            if row["order_id"] != "metrics"  # of another row
        ]
        account = settle(
            sent,
            dead,
            effects,
            [
                line
                for line in observation.log_lines(aws, outputs["log_group_name"])
                if line["message_id"] in sent
            ],
            observation.rows(aws, outputs["faults_table_name"]),
        )
        wrong = {**account.wrong, REPEATED: find_charged_twice(account)}
        broken = [f"{promise}: {len(orders)}" for promise, orders in wrong.items() if orders]
        if (not broken and len(dead) >= len(POISON)) or time.monotonic() > deadline:
            break
        time.sleep(5)
    suppressed = sum(account.outcomes[outcome] for outcome in observation.SUPPRESSING)
    site.answer(
        f"{account.sent} messages, {len(account.unique)} orders: {len(account.once)} charged once, "
        f"{len(account.dead_lettered)} in the dead-letter queue, {suppressed} duplicates charged "
        f"nothing, {len(account.repeats)} charges repeated after a kill; "
        + ("; ".join(broken) or "nothing was lost, and no promise was broken"),
        relied_on=not broken,
    )
