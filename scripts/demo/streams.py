"""The streams scenario: scans and changes of parcels, each once, in the order of their shard.

First Lambda's own mappings read both streams. The emulator's take any answer for success, so what
fails would be lost in them: then they are switched off, and a reader that does what AWS documents
reads every shard from its beginning, which delivers the first half again, while processors fail,
hang and are killed, completions are throttled, and some batches are handed over twice at once. At
last the mappings are switched on again, and deliver the second half once more.
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import Any, Final

from scripts.demo import waiting
from scripts.demo.inject import PlannedFault, Watch, count_faults, inject_faults
from scripts.demo.outcomes import read_outcomes
from scripts.demo.producer import invoke
from scripts.demo.report import Report
from scripts.demo.scenario import Closing, Judge, Scenario, Site
from scripts.support import observation
from scripts.support.shards import Record, ShardReader, kinesis_shards, table_shards

PARCELS: Final = tuple(f"parcel-{number}" for number in range(1, 6))
ENTRIES: Final = 10
"""Scans, and as many changes, of each parcel."""

BATCH: Final = 5
ATTEMPTS: Final = 11
"""The module's default of 10 retries, and the first."""

OVERLAP_EVERY: Final = 4
SECONDS: Final = 60.0
SEED: Final = 7
POISON: Final = "scan-2-09"

Entries = dict[str, list[str]]
"""By parcel and stream, as ``parcel-1 scans``: what happened, in order."""


def entries() -> Entries:
    """All scans and changes."""
    return {
        f"{parcel} {timeline}": [
            f"{kind}-{parcel[-1]}-{number:02}" for number in range(1, ENTRIES + 1)
        ]
        for parcel in PARCELS
        for timeline, kind in (("scans", "scan"), ("states", "state"))
    }


def faults() -> list[PlannedFault]:
    """What happens in the second half."""
    return [
        PlannedFault(operation="scan-1-07", what="raise", when="before", times=3),
        PlannedFault(operation=POISON, what="raise", when="before", times=1000),
        PlannedFault(operation="scan-3-08", what="timeout", when="before"),
        PlannedFault(operation="scan-4-06", what="late kill", when="before"),
        PlannedFault(operation="scan-5-10", what="slow", when="before"),
        PlannedFault(operation="state-1-06", what="raise", when="before", times=2),
        PlannedFault(operation="state-3-07", what="late kill", when="before"),
        PlannedFault(operation="state-4-09", what="timeout", when="before"),
    ]


class _Attack:
    """One run; the steps in their order."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.discarded: list[str] = []
        self._batches = count(1)

    def put(self, half: slice) -> int:
        """Put scans and changes, parcels taking turns; how many."""
        site, parcels = self.site, entries()
        for number in range(ENTRIES)[half]:
            for parcel in PARCELS:
                site.aws.kinesis.put_record(
                    StreamName=site.outputs["scans_stream_name"],
                    PartitionKey=parcel,
                    Data=json.dumps(
                        {"parcel_id": parcel, "place": parcels[f"{parcel} scans"][number]}
                    ).encode(),
                )
                site.aws.dynamodb.put_item(
                    TableName=site.outputs["parcels_table_name"],
                    Item={
                        "parcel_id": {"S": parcel},
                        "state": {"S": parcels[f"{parcel} states"][number]},
                    },
                )
        return len(range(ENTRIES)[half]) * len(parcels)

    def switch(self, *, on: bool) -> None:
        """Switch the mappings."""
        for uuid in self.site.outputs["mappings"].values():
            self.site.aws.functions.update_event_source_mapping(UUID=uuid, Enabled=on)
        # The one that is under way ends.
        time.sleep(0 if on else 2)

    def effects(self) -> Entries:
        """What the timelines hold."""
        rows = observation.rows(self.site.aws, self.site.outputs["timelines_table_name"])
        return {
            f"{row['parcel_id']} {timeline}": [str(each) for each in row.get(timeline, ())]
            for row in rows
            for timeline in ("scans", "states")
        }

    def deliveries(self) -> int:
        """How many have been settled so far."""
        return read_outcomes(self.site, self.site.outputs["log_group_name"]).total()

    def shards(self) -> list[list[Record]]:
        """All records of all shards of both streams."""
        aws, outputs = self.site.aws, self.site.outputs
        return [
            *kinesis_shards(aws, outputs["scans_stream_name"]),
            *table_shards(aws, outputs["parcels_table_name"]),
        ]

    def read(self, shards: Sequence[Sequence[Record]]) -> None:
        """Read all shards at the same time."""
        reader = ShardReader(
            invoke=self._invoke, discard=self._discard, batch_size=BATCH, attempts=ATTEMPTS
        )
        with ThreadPoolExecutor(len(shards)) as threads:
            list(threads.map(reader.read, shards))

    def _invoke(self, batch: Sequence[Record]) -> Any:
        at_once = 2 if next(self._batches) % OVERLAP_EVERY == 0 else 1
        event = {"Records": list(batch)}
        name = self.site.outputs["function_name"]
        with ThreadPoolExecutor(at_once) as threads:
            answers = list(
                threads.map(lambda _: invoke(self.site.aws, name, event), range(at_once))
            )
        # Lambda would take note of one of the two.
        return None if answers[0].error else answers[0].payload

    def _discard(self, batch: Sequence[Record]) -> None:
        self.discarded += [read_entry(record) for record in batch]


def read_entry(record: Record) -> str:
    """The scan or change that a stream's record tells of."""
    entry: str = (
        json.loads(base64.b64decode(record["kinesis"]["data"]))["place"]
        if "kinesis" in record
        else record["dynamodb"]["NewImage"]["state"]["S"]
    )
    return entry


def records_before(shards: Sequence[Sequence[Record]]) -> dict[str, str]:
    """By entry: the id of the record before it in its shard; poison is no predecessor."""
    return {
        read_entry(after): str(before["eventID"])
        for shard in shards
        for before, after in pairwise(each for each in shard if read_entry(each) != POISON)
    }


def attack(site: Site) -> Judge:
    """Put a half and let Lambda read it; put the other half and read it as Lambda would."""
    run, planned = _Attack(site), faults()
    with site.progress.phase("put the first half, for the mappings to read"):
        first = run.put(slice(ENTRIES // 2))
        incidents = waiting.wait_until(
            "the first half takes effect",
            lambda: sum(map(len, run.effects().values())) >= first,
            SECONDS,
        )
    with site.progress.phase("put the second half; read all again, and break it"):
        run.switch(on=False)
        inject_faults(site, planned)
        second = run.put(slice(ENTRIES // 2, None))
        shards = run.shards()
        watch = Watch(
            site,
            effects_table=site.outputs["timelines_table_name"],
            records_before=records_before(shards),
            seed=SEED,
        )
        site.proxy.plan = watch
        run.read(shards)
    with site.progress.phase("switch the mappings on again, which deliver the second half again"):
        before = run.deliveries()
        run.switch(on=True)
        incidents += waiting.wait_until(
            "the mappings deliver the second half",
            lambda: run.deliveries() >= before + second,
            SECONDS,
        )
    given_up = Counter(run.discarded)
    if not given_up.pop(POISON, 0):
        incidents.append(f"{POISON} can never succeed, and was not given up on")
    kinds, missing = count_faults(site, [each for each in planned if each.operation != POISON])
    effects, outcomes = run.effects(), read_outcomes(site, site.outputs["log_group_name"])

    def judge(closing: Closing) -> Report:
        return Report(
            scenario=SCENARIO.name,
            sent=first + second,
            expected=expected(),
            effects=effects,
            ordered=True,
            early_starts=watch.early,
            dead_lettered=list(given_up),
            faults=kinds,
            throttled=len(watch.throttled),
            outcomes=outcomes,
            incidents=[*incidents, *missing, *watch.idle()],
            closing=closing,
        )

    return judge


def expected() -> Mapping[str, Sequence[str]]:
    """All entries but the poison."""
    return {timeline: [each for each in of if each != POISON] for timeline, of in entries().items()}


SCENARIO = Scenario(
    name="streams",
    opening="two streams are read again and again, and broken (2 minutes)",
    success="each record took effect once, in the order of its shard",
    attack=attack,
)
