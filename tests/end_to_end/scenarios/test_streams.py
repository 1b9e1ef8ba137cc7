"""Streams: scans and changes of parcels take effect once each, in the order of their shard.

First the emulator's mappings read both streams. They take any answer for success, so they would
lose failed records. Then the test switches them off, and a reader that follows AWS's documentation
reads every shard from its beginning, which delivers the first half again. Meanwhile processors
fail, hang and are killed, the proxy throttles completions, and some batches come twice at once. At
last the test switches the mappings on again, and they deliver the second half once more.
"""

import base64
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import Any

from scripts.support import observation
from scripts.support.faults import PlannedFault
from scripts.support.producer import invoke
from scripts.support.shards import Record, ShardReader, kinesis_shards, table_shards
from tests.end_to_end.scenarios.conftest import MARKS, Site
from tests.end_to_end.scenarios.proxy_plans import Watch
from tests.waiting import eventually

pytestmark = MARKS
EXAMPLE = "streams"
PARCELS = range(1, 6)
NUMBERS = range(1, 11)
"""The numbers of the scans, and of as many changes, of each parcel."""

ENTRIES = {
    (f"parcel-{parcel}", timeline): [f"{kind}-{parcel}-{number:02}" for number in NUMBERS]
    for parcel in PARCELS
    for timeline, kind in (("scans", "scan"), ("states", "state"))
}
BATCH = 5
ATTEMPTS = 11
"""The first attempt, and the module's default of 10 retries."""

OVERLAP_EVERY = 4
SEED = 7
POISON = "scan-2-09"
# All of them in the second half.
FAULTS = [
    PlannedFault("scan-1-07", "raise", times=3),
    PlannedFault(POISON, "raise", times=1000),
    PlannedFault("scan-3-08", "timeout"),
    PlannedFault("scan-4-06", "late kill"),
    PlannedFault("scan-5-10", "slow"),
    PlannedFault("state-1-06", "raise", times=2),
    PlannedFault("state-3-07", "late kill"),
    PlannedFault("state-4-09", "timeout"),
]


def put_half(site: Site, half: slice) -> int:
    """Put scans and changes, parcels taking turns; return how many."""
    for place in range(len(NUMBERS))[half]:
        for (parcel, timeline), entries in ENTRIES.items():
            if timeline == "scans":
                scan = {"parcel_id": parcel, "place": entries[place]}
                site.aws.kinesis.put_record(
                    StreamName=site.outputs["scans_stream_name"],
                    PartitionKey=parcel,
                    Data=json.dumps(scan).encode(),
                )
            else:
                site.aws.dynamodb.put_item(
                    TableName=site.outputs["parcels_table_name"],
                    Item={"parcel_id": {"S": parcel}, "state": {"S": entries[place]}},
                )
    return len(range(len(NUMBERS))[half]) * len(ENTRIES)


def switch_mappings(site: Site, *, on: bool) -> None:
    """Switch the mappings on or off."""
    for uuid in site.outputs["mappings"].values():
        site.aws.functions.update_event_source_mapping(UUID=uuid, Enabled=on)
    # Meanwhile the current invocation ends.
    time.sleep(0 if on else 2)


def read_shards(site: Site, shards: Sequence[Sequence[Record]]) -> list[str]:
    """Read all shards at the same time, as Lambda would; return the entries that it discards."""
    discarded: list[str] = []
    batches = count(1)

    def deliver(batch: Sequence[Record]) -> Any:
        copies = 2 if next(batches) % OVERLAP_EVERY == 0 else 1
        arguments = (site.aws, site.outputs["function_name"], {"Records": list(batch)})
        with ThreadPoolExecutor(copies) as threads:
            answers = list(threads.map(lambda _: invoke(*arguments), range(copies)))
        # Lambda would use one of the two answers.
        return None if answers[0].error else answers[0].payload

    def discard(batch: Sequence[Record]) -> None:
        discarded.extend(map(read_entry, batch))

    reader = ShardReader(invoke=deliver, discard=discard, batch_size=BATCH, attempts=ATTEMPTS)
    with ThreadPoolExecutor(len(shards)) as threads:
        list(threads.map(reader.read, shards))
    return discarded


def read_entry(record: Record) -> str:
    """Read the scan or change that a stream's record carries."""
    if "kinesis" in record:
        return str(json.loads(base64.b64decode(record["kinesis"]["data"]))["place"])
    return str(record["dynamodb"]["NewImage"]["state"]["S"])


def find_records_before(shards: Sequence[Sequence[Record]]) -> dict[str, str]:
    """Find for each entry the id of the record before it in its shard; poison does not count."""
    return {
        read_entry(after): str(before["eventID"])
        for shard in shards
        for before, after in pairwise(record for record in shard if read_entry(record) != POISON)
    }


def list_effects(site: Site) -> dict[tuple[str, str], list[str]]:
    """List the entries of the timelines."""
    rows = site.read("timelines_table_name")
    return {
        (row["parcel_id"], timeline): row.get(timeline, [])
        for row in rows
        for timeline in ("scans", "states")
    }


def test_streams(site: Site) -> None:
    """Records of Kinesis and DynamoDB streams take effect once, in the order of their shard."""
    group, table = site.outputs["log_group_name"], site.outputs["timelines_table_name"]
    first = put_half(site, slice(len(NUMBERS) // 2))
    eventually(
        lambda: sum(map(len, list_effects(site).values())) >= first,
        "the mappings deliver the first half",
    )
    switch_mappings(site, on=False)
    site.inject(FAULTS)
    second = put_half(site, slice(len(NUMBERS) // 2, None))
    shards = [
        *kinesis_shards(site.aws, site.outputs["scans_stream_name"]),
        *table_shards(site.aws, site.outputs["parcels_table_name"]),
    ]
    before = find_records_before(shards)
    watch = Watch(site, effects_table=table, records_before=before, seed=SEED)
    site.proxy.plan = watch
    assert set(read_shards(site, shards)) == {POISON}, "only the poison is discarded"

    settled = observation.count_outcomes(site.aws, group).total()
    switch_mappings(site, on=True)
    eventually(
        lambda: observation.count_outcomes(site.aws, group).total() >= settled + second,
        "the mappings deliver the second half",
    )
    due = {name: [entry for entry in ENTRIES[name] if entry != POISON] for name in ENTRIES}
    assert list_effects(site) == due
    assert watch.early == []
    assert watch.throttled
    assert site.list_untaken() == [POISON]
    site.check_deliveries()
