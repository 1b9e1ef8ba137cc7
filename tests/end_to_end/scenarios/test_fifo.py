"""FIFO: movements on accounts are booked once each, and in the order of their account.

Producers restart and repeat messages, processors fail, hang and are killed, and the proxy throttles
completions. No kill comes after an effect, so nothing excuses a repetition.
"""

import json
from collections.abc import Iterator
from itertools import pairwise

from scripts.support.faults import PlannedFault
from scripts.support.producer import enqueue
from tests.end_to_end.scenarios.conftest import MARKS, Site
from tests.end_to_end.scenarios.proxy_plans import Watch

pytestmark = MARKS
EXAMPLE = "fifo"
MOVEMENTS = {
    f"account-{account}": [f"movement-{account}-{number:02}" for number in range(1, 9)]
    for account in range(1, 9)
}
REPEATED_EVERY = 4
SEED = 5
# Each in a different account: some at the first movement, some at a later one.
FAULTS = [
    PlannedFault("movement-1-03", "raise", times=2),
    PlannedFault("movement-2-01", "raise", times=2),
    PlannedFault("movement-3-04", "timeout"),
    PlannedFault("movement-4-05", "late kill"),
    PlannedFault("movement-5-02", "slow"),
    PlannedFault("movement-6-06", "raise"),
]


def list_messages() -> Iterator[tuple[str, str]]:
    """List accounts and movements to send: accounts take turns, producers repeat messages."""
    for number in range(len(MOVEMENTS["account-1"])):
        for place, (account, movements) in enumerate(MOVEMENTS.items()):
            yield account, movements[number]
            if (number + place) % REPEATED_EVERY == 0:
                # At once, or after others of the account.
                yield account, movements[number if place % 2 else number // 2]
    for account, movements in MOVEMENTS.items():
        yield account, movements[1]


def test_fifo(site: Site) -> None:
    """Movements are booked once and in order, under failures and throttled completions."""
    sent = list(list_messages())
    table, queue_url = site.outputs["accounts_table_name"], site.outputs["queue_url"]
    pairs = [pair for movements in MOVEMENTS.values() for pair in pairwise(movements)]
    before = {later: earlier for earlier, later in pairs}
    watch = Watch(site, effects_table=table, records_before=before, seed=SEED)
    site.proxy.plan = watch
    bodies = [
        json.dumps({"account_id": account, "movement_id": movement, "amount_cents": 100})
        for account, movement in sent
    ]
    with site.deliver(queue_url):
        site.inject(FAULTS)
        list(enqueue(site.aws, queue_url, bodies, [account for account, _ in sent]))
    booked = {row["account_id"]: row["movements"] for row in site.read("accounts_table_name")}
    assert booked == MOVEMENTS
    assert watch.early == []
    assert watch.throttled
    assert site.list_untaken() == []
    site.check_deliveries()
