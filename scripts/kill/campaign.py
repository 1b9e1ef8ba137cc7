"""Plays rounds: delivers a batch, kills its worker, and delivers again until all of it is done."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idempotent_lambda.clock import Millis
from scripts.kill.account import Account, Delivery, settle
from scripts.kill.journal import Journal, Page, read_page
from scripts.kill.plan import Mode, Round
from scripts.kill.process import Say, run
from scripts.kill.queue import Record, make_record, read_copy, read_key, receive_again
from scripts.kill.tables import Tables
from scripts.kill.watch import Watch
from scripts.kill.worker import AFTER_LEASE, Station

MOST_DELIVERIES: Final = 40
BASE_SECONDS: Final = 0.005
FIRST_GUESS: Final = 0.001
LEARNED: Final = 0.3
"""The weight of the newest batch in the expectation of the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A round and its result; ``kills`` are the events before each kill."""

    planned: Round
    account: Account
    deliveries: int
    kills: Sequence[str]

    @property
    def largest(self) -> int:
        """The most side effects that one of its kills left unconfirmed."""
        return max(self.account.in_doubt, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where rounds are played.

    Attributes:
        directory: for journals.
        seconds: how long a message takes, learned from batches that were not killed.
    """

    station: Station
    tables: Tables
    directory: Path
    seconds: dict[tuple[Mode, float, bool], float] = field(default_factory=dict)

    def play(self, planned: Round) -> Played:
        """Play a round to its end."""
        self.tables.create_tables(planned.table, planned.counters)
        try:
            deliveries, left = self._play(planned)
        finally:
            self.tables.delete_tables(planned.table, planned.counters)
        killed = [number for number, delivery in enumerate(deliveries) if delivery.killed]
        return Played(
            planned=planned,
            account=settle(planned.mode, set(planned.keys), deliveries, left),
            deliveries=len(deliveries),
            kills=[planned.moments[number].event for number in killed],
        )

    def _play(self, planned: Round) -> tuple[list[Delivery], set[str]]:
        """Deliver until nothing waits; return the deliveries, and the keys that still wait."""
        chance = random.Random(planned.table)  # noqa: S311  # guards nothing
        waiting = [make_record(f"message-{place}", key) for place, key in enumerate(planned.keys)]
        copies: list[Record] = []
        parked: list[Record] = []
        deliveries: list[Delivery] = []
        while waiting and len(deliveries) < MOST_DELIVERIES:
            killed, page = self._deliver(planned, waiting, len(deliveries))
            done = [record for record in waiting if not page.brings_back(record["messageId"])]
            # The records come first: reading them waits for calls that were under way.
            records = self.tables.read_records(planned.table, killed=killed)
            found = self.tables.take_copies(len(copies))
            copies += found
            parked += found
            deliveries.append(
                Delivery(
                    killed=killed,
                    acknowledged=frozenset(map(read_key, done)),
                    effects=page.effects,
                    raised=page.raised,
                    unconfirmed=page.unconfirmed,
                    records=records,
                    copies=frozenset(map(read_copy, copies)),
                    counters=self.tables.read_counters(planned.counters),
                )
            )
            waiting = [
                receive_again(record) for record in waiting if page.brings_back(record["messageId"])
            ]
            if not waiting:
                # An operator redrives the copies once nothing else waits.
                waiting, parked = parked, []
            if planned.shuffled:
                chance.shuffle(waiting)
        return deliveries, {read_key(record) for record in waiting}

    def _deliver(self, planned: Round, records: Sequence[Record], number: int) -> tuple[bool, Page]:
        """Have a worker process the batch; return whether it was killed, and its journal."""
        moment, kind = planned.moments.get(number), (planned.mode, planned.slow, number == 0)
        expected = BASE_SECONDS + len(records) * self.seconds.get(kind, FIRST_GUESS)
        path = self.directory / "journal"
        book = Journal(path)

        def consume(say: Say) -> None:
            later = Millis(number * AFTER_LEASE)
            self.station.consume(planned, records, later, book, Watch(moment, say))

        began = time.monotonic()
        try:
            killed = run(consume, delay=expected * moment.share if moment else 0.0)
            took = max(0.0, time.monotonic() - began - BASE_SECONDS) / len(records)
            page = read_page(path)
        finally:
            book.close()
            path.unlink()
        if page.failed is not None:
            before = self.seconds.get(kind, took)
            self.seconds[kind] = (1 - LEARNED) * before + LEARNED * took
        return killed and page.failed is None, page
