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
from scripts.kill.messages import Message, make_event
from scripts.kill.plan import Mode, Pace, Round
from scripts.kill.process import Say, run
from scripts.kill.tables import Tables
from scripts.kill.watch import Watch
from scripts.kill.worker import AFTER_LEASE, Batch, Station

MOST_DELIVERIES: Final = 40
BASE_SECONDS: Final = 0.005
FIRST_GUESS: Final = 0.001
LEARNED: Final = 0.3
"""The weight of the newest batch in the expectation of the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A round and its result.

    Attributes:
        deliveries: how many it took.
        kills: the event before each kill.
    """

    planned: Round
    account: Account
    deliveries: int
    kills: Sequence[str]

    @property
    def largest(self) -> int:
        """The most side effects that one of its kills left unconfirmed."""
        return max(self.account.in_doubt, default=0)


@dataclass(slots=True)
class Play:
    """One round in progress.

    Attributes:
        waiting: the messages that the queue still has to deliver.
        copies: all messages that were in the dead-letter queue.
        parked: the copies that an operator has not redriven yet.
    """

    waiting: list[Message]
    deliveries: list[Delivery] = field(default_factory=list)
    copies: list[Message] = field(default_factory=list)
    parked: list[Message] = field(default_factory=list)

    def receive(self, failed: frozenset[str] | None) -> frozenset[str]:
        """React to an answer, or to a kill, as the queue does; return the acknowledged keys."""
        done = [
            message for message in self.waiting if failed is not None and message.id not in failed
        ]
        self.waiting = [message.receive_again() for message in self.waiting if message not in done]
        return frozenset(message.key for message in done)


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
    seconds: dict[tuple[Mode, Pace, bool], float] = field(default_factory=dict)

    def play(self, planned: Round) -> Played:
        """Play a round to its end."""
        names = (f"records-{planned.name}", f"counters-{planned.name}")
        self.tables.create_tables(*names)
        try:
            play = self._play(planned, *names)
        finally:
            self.tables.delete_tables(*names)
        left = {message.key for message in play.waiting}
        return Played(
            planned=planned,
            account=settle(planned.mode, set(planned.keys), play.deliveries, left),
            deliveries=len(play.deliveries),
            kills=[
                planned.moments[number].event
                for number, delivery in enumerate(play.deliveries)
                if delivery.killed
            ],
        )

    def _play(self, planned: Round, table: str, counters: str) -> Play:
        chance = random.Random(planned.name)  # noqa: S311  # guards nothing
        messages = [
            Message(id=f"message-{place}", key=key) for place, key in enumerate(planned.keys)
        ]
        play = Play(waiting=messages)
        for number in range(MOST_DELIVERIES):
            if not play.waiting:
                break
            work = Batch(
                mode=planned.mode,
                concurrency=planned.concurrency,
                tasks=planned.tasks,
                table=table,
                counters=counters,
                event=make_event(play.waiting),
                later=Millis(number * AFTER_LEASE),
            )
            killed, page = self._deliver(planned, work, number)
            play.deliveries.append(self._look(play, work, page, killed=killed))
            if not play.waiting:
                play.waiting, play.parked = play.parked, []
            if planned.shuffled:
                chance.shuffle(play.waiting)
        return play

    def _deliver(self, planned: Round, work: Batch, number: int) -> tuple[bool, Page]:
        """Have a worker process the batch; return whether it was killed, and its journal."""
        moment, kind = planned.moments.get(number), (planned.mode, planned.pace, number == 0)
        messages = len(work.event["Records"])
        expected = BASE_SECONDS + messages * self.seconds.get(kind, FIRST_GUESS)
        path = self.directory / "journal"
        book = Journal(path)

        def consume(say: Say) -> None:
            self.station.consume(work, book, Watch(moment, say))

        began = time.monotonic()
        try:
            killed = run(consume, delay=expected * moment.share if moment else 0.0)
            took = max(0.0, time.monotonic() - began - BASE_SECONDS) / messages
            page = read_page(path)
        finally:
            book.close()
            path.unlink()
        if page.failed is not None:
            before = self.seconds.get(kind, took)
            self.seconds[kind] = (1 - LEARNED) * before + LEARNED * took
        return killed and page.failed is None, page

    def _look(self, play: Play, work: Batch, page: Page, *, killed: bool) -> Delivery:
        """Read the tables and empty the dead-letter queue after a worker has ended."""
        acknowledged = play.receive(page.failed)
        # The records come first: reading them waits for calls that were under way.
        records = self.tables.read_records(work.table, killed=killed)
        found = self.tables.take_copies(len(play.copies))
        play.copies += found
        play.parked += found
        transactional = work.mode is Mode.TRANSACTION
        return Delivery(
            killed=killed,
            acknowledged=acknowledged,
            effects=page.effects,
            raised=page.raised,
            unconfirmed=page.unconfirmed,
            records=records,
            copies=frozenset(message.identify_copy() for message in play.copies),
            counters=self.tables.read_counters(work.counters) if transactional else {},
        )
