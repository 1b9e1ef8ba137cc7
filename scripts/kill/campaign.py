"""Plays rounds: delivers a batch, kills its worker, and delivers again until all of it is done."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idempotent_lambda.clock import Millis
from scripts.kill import journal
from scripts.kill.account import Delivery, History
from scripts.kill.journal import Journal, Page
from scripts.kill.messages import Message, identify_copy, make_event, make_messages, redrive
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


@dataclass(slots=True)
class Durations:
    """How long a batch is expected to take, learned from those that were not killed."""

    seconds: dict[tuple[Mode, Pace, bool], float] = field(default_factory=dict)

    def expect(self, planned: Round, messages: int, *, first: bool) -> float:
        """Estimate the seconds of a batch."""
        kind = (planned.mode, planned.pace, first)
        return BASE_SECONDS + messages * self.seconds.get(kind, FIRST_GUESS)

    def learn(self, planned: Round, messages: int, took: float, *, first: bool) -> None:
        """Note how long a batch took."""
        kind = (planned.mode, planned.pace, first)
        seconds = max(0.0, took - BASE_SECONDS) / messages
        before = self.seconds.get(kind, seconds)
        self.seconds[kind] = (1 - LEARNED) * before + LEARNED * seconds


@dataclass(slots=True)
class Play:
    """One round in progress.

    Attributes:
        waiting: the messages that the queue still has to deliver.
        copies: all messages that were in the dead-letter queue.
        parked: the copies that an operator has not redriven yet.
    """

    planned: Round
    waiting: list[Message]
    deliveries: list[Delivery] = field(default_factory=list)
    copies: list[Message] = field(default_factory=list)
    parked: list[Message] = field(default_factory=list)

    def receive(self, page: Page, *, killed: bool) -> frozenset[str]:
        """React to an answer or a kill as the queue does; return the acknowledged keys."""
        failed = page.failed
        if killed or failed is None:
            self.waiting = [message.again() for message in self.waiting]
            return frozenset()
        acknowledged = frozenset(
            message.key for message in self.waiting if message.id not in failed
        )
        self.waiting = [message.again() for message in self.waiting if message.id in failed]
        return acknowledged

    def follow_up(self, chance: random.Random) -> None:
        """Redrive the copies once nothing else waits, and shuffle the next delivery."""
        if not self.waiting:
            self.waiting, self.parked = self.parked, []
        if self.planned.shuffled:
            chance.shuffle(self.waiting)

    def history(self) -> History:
        """The round as it can be accounted for."""
        return History(
            mode=self.planned.mode,
            keys=frozenset(self.planned.keys),
            bound=self.planned.bound,
            deliveries=self.deliveries,
            finished=not self.waiting,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where rounds are played.

    Attributes:
        directory: for journals.
    """

    station: Station
    tables: Tables
    directory: Path
    durations: Durations = field(default_factory=Durations)

    def play(self, planned: Round) -> History:
        """Play a round to its end."""
        name = f"{planned.mode}-{planned.number}"
        names = (f"records-{name}", f"counters-{name}")
        self.tables.create_tables(*names)
        try:
            return self._play(planned, *names)
        finally:
            self.tables.delete_tables(*names)

    def _play(self, planned: Round, table: str, counters: str) -> History:
        chance = random.Random(f"{planned.mode} {planned.number}")  # noqa: S311  # guards nothing
        play = Play(planned=planned, waiting=make_messages(planned))
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
            play.follow_up(chance)
        return play.history()

    def _deliver(self, planned: Round, work: Batch, number: int) -> tuple[bool, Page]:
        """Have a worker process the batch; return whether it was killed, and its journal."""
        moment, first = planned.moments.get(number), number == 0
        messages = len(work.event["Records"])
        expected = self.durations.expect(planned, messages, first=first)
        path = self.directory / "journal"
        book = Journal(path)

        def consume(say: Say) -> None:
            self.station.consume(work, book, Watch(moment, say))

        began = time.monotonic()
        try:
            killed = run(consume, delay=expected * moment.share if moment else 0.0)
            took = time.monotonic() - began
            page = journal.read_page(path)
        finally:
            book.close()
            path.unlink()
        if page.failed is not None:
            self.durations.learn(planned, messages, took, first=first)
        return killed and page.failed is None, page

    def _look(self, play: Play, work: Batch, page: Page, *, killed: bool) -> Delivery:
        """Read the tables and empty the dead-letter queue after a worker has ended."""
        acknowledged = play.receive(page, killed=killed)
        # The records come first: reading them waits for calls that were under way.
        records = self.tables.read_records(work.table, killed=killed)
        transactional = work.mode is Mode.TRANSACTION
        found = redrive(self.tables.take_copies(), after=len(play.copies))
        play.copies += found
        play.parked += found
        return Delivery(
            killed=killed,
            acknowledged=acknowledged,
            effects=page.effects,
            raised=page.raised,
            unconfirmed=page.unconfirmed,
            records=records,
            copies=frozenset(identify_copy(message) for message in play.copies),
            counters=self.tables.read_counters(work.counters) if transactional else {},
        )


def list_kills(planned: Round, deliveries: Sequence[Delivery]) -> list[str]:
    """List the events after which the kills of a round came."""
    return [
        planned.moments[number].event
        for number, delivery in enumerate(deliveries)
        if delivery.killed
    ]
