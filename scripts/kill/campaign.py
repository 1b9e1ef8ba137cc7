"""Plays rounds: delivers a batch, kills its worker, and delivers again until all of it is done."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idempotent_lambda.clock import Millis
from scripts.kill import ledger
from scripts.kill.account import Delivery, History
from scripts.kill.ledger import Ledger, Page
from scripts.kill.messages import Message, batch, copy_of, event, redriven
from scripts.kill.plan import Mode, Pace, Round
from scripts.kill.process import Say, run
from scripts.kill.tables import Tables
from scripts.kill.watch import Watch
from scripts.kill.worker import AFTER_LEASE, Batch, Station

MOST_DELIVERIES: Final = 40
BASE_SECONDS: Final = 0.005
FIRST_GUESS: Final = 0.001
LEARNED: Final = 0.3
"""The weight of the newest batch in what the next one is expected to take."""


@dataclass(slots=True)
class Durations:
    """How long a batch is expected to take, learned from those that were not killed."""

    seconds: dict[tuple[Mode, Pace, bool], float] = field(default_factory=dict)

    def expected(self, planned: Round, messages: int, *, first: bool) -> float:
        """In seconds."""
        each = self.seconds.get((planned.mode, planned.pace, first), FIRST_GUESS)
        return BASE_SECONDS + messages * each

    def learn(self, planned: Round, messages: int, took: float, *, first: bool) -> None:
        """Note how long a batch took."""
        kind = (planned.mode, planned.pace, first)
        each = max(0.0, took - BASE_SECONDS) / messages
        before = self.seconds.get(kind, each)
        self.seconds[kind] = (1 - LEARNED) * before + LEARNED * each


@dataclass(slots=True)
class Play:
    """One round in progress.

    Attributes:
        waiting: what the queue has still to deliver.
        copies: what has been in the dead-letter queue.
        parked: the copies that an operator has not redriven yet.
    """

    planned: Round
    waiting: list[Message]
    deliveries: list[Delivery] = field(default_factory=list)
    copies: list[Message] = field(default_factory=list)
    parked: list[Message] = field(default_factory=list)

    def receive(self, page: Page, *, killed: bool) -> frozenset[str]:
        """Take an answer, or a kill, as the queue does; the keys of what is acknowledged."""
        failed = page.failed
        if killed or failed is None:
            self.waiting = [each.again() for each in self.waiting]
            return frozenset()
        acknowledged = frozenset(each.key for each in self.waiting if each.id not in failed)
        self.waiting = [each.again() for each in self.waiting if each.id in failed]
        return acknowledged

    def follow_up(self, chance: random.Random) -> None:
        """Redrive what is parked once nothing else is left, and mix what is delivered again."""
        if not self.waiting:
            self.waiting, self.parked = self.parked, []
        if self.planned.shuffled:
            chance.shuffle(self.waiting)

    def history(self) -> History:
        """What happened."""
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
        directory: for ledgers.
    """

    station: Station
    tables: Tables
    directory: Path
    durations: Durations = field(default_factory=Durations)

    def play(self, planned: Round) -> History:
        """Play a round to its end."""
        name = f"{planned.mode}-{planned.number}"
        names = (f"records-{name}", f"counters-{name}")
        self.tables.create(*names)
        try:
            return self._play(planned, *names)
        finally:
            self.tables.delete(*names)

    def _play(self, planned: Round, table: str, counters: str) -> History:
        chance = random.Random(f"{planned.mode} {planned.number}")  # noqa: S311  # guards nothing
        play = Play(planned=planned, waiting=batch(planned))
        for number in range(MOST_DELIVERIES):
            if not play.waiting:
                break
            work = Batch(
                mode=planned.mode,
                concurrency=planned.concurrency,
                tasks=planned.tasks,
                table=table,
                counters=counters,
                event=event(play.waiting),
                later=Millis(number * AFTER_LEASE),
            )
            killed, page = self._deliver(planned, work, number)
            play.deliveries.append(self._look(play, work, page, killed=killed))
            play.follow_up(chance)
        return play.history()

    def _deliver(self, planned: Round, work: Batch, number: int) -> tuple[bool, Page]:
        """Have a worker process the batch; whether it was killed, and what it wrote down."""
        moment, first = planned.moments.get(number), number == 0
        messages = len(work.event["Records"])
        expected = self.durations.expected(planned, messages, first=first)
        path = self.directory / "ledger"
        book = Ledger(path)

        def consume(say: Say) -> None:
            self.station.consume(work, book, Watch(moment, say))

        began = time.monotonic()
        try:
            killed = run(consume, delay=expected * moment.share if moment else 0.0)
            took = time.monotonic() - began
            page = ledger.read(path)
        finally:
            book.close()
            path.unlink()
        if page.failed is not None:
            self.durations.learn(planned, messages, took, first=first)
        return killed and page.failed is None, page

    def _look(self, play: Play, work: Batch, page: Page, *, killed: bool) -> Delivery:
        """See what is there now, and take what the worker left."""
        acknowledged = play.receive(page, killed=killed)
        # First the records: their reading waits for what was under way.
        records = self.tables.records(work.table, killed=killed)
        transactional = work.mode is Mode.TRANSACTION
        found = redriven(self.tables.take_copies(), after=len(play.copies))
        play.copies += found
        play.parked += found
        return Delivery(
            killed=killed,
            acknowledged=acknowledged,
            effects=page.effects,
            raised=page.raised,
            unconfirmed=page.unconfirmed,
            records=records,
            copies=frozenset(copy_of(each) for each in play.copies),
            counters=self.tables.counters(work.counters) if transactional else {},
        )


def killed_by(planned: Round, deliveries: Sequence[Delivery]) -> list[str]:
    """After what each kill of a round came."""
    return [
        planned.moments[number].event
        for number, delivery in enumerate(deliveries)
        if delivery.killed
    ]
