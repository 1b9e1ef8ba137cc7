"""Exactly once at random: a counter in a table, real consumers, and whatever can go wrong.

Each seed is one run. A few messages are sent, some twice; they are delivered in batches, any of
them any number of times. Processes die in the middle of a call, stall until their leases are over
while others go on, and lose what they send or hear. Then the trouble ends, and what is left is
drained.

Only threads are left out: everything that a process does is production's, from event to response.

In some runs the sender is part of the key. So the copy of a parked message, which the function has
sent, has another key by itself and states the first one. A liar states the keys of others, with
tokens that it has made up. A vandal changes whatever a processor gets, and keeps it.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import (
    PermanentFailure,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
)
from idempotent_lambda.keys import KeyRule
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import Settled
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, write_mark
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.transaction import Transaction
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, InMemoryQueues, ManualClock
from tests.handler.events import event, key_rule, order
from tests.requests import settings_of

INVOCATION = Millis(30_000)
LEASE = Millis(30_000 + 5_000)
TABLE, TOTAL = "counters", "total"
ROUNDS = 20
"""Of draining: more than any run needs."""

RULES = {
    "in the body": key_rule(expression="body.id"),
    "of the sender": key_rule(expression="[attributes.SenderId, body.id]"),
}
SHOP, LIAR, FUNCTION = "shop", "liar", "function"
"""Who sends: orders, lies, and copies."""

TRIES = ("", "owner-0", "unknown", "é", "a b")
"""What a liar makes up as a token."""

CHANCES = {
    "stall": 0.04,
    "concurrent": 0.04,
    "late arrival": 0.3,
    "redrive": 0.5,
    "delivered again": 0.1,
    "lie": 0.2,
    "vandal": 0.3,
    "raised before": 0.04,
    "raised after": 0.04,
    "gave up": 0.04,
    "exited": 0.03,
    "out of memory": 0.02,
    "throttled": 0.03,
    "refused": 0.02,
    "request lost": 0.03,
    "request delayed": 0.03,
    "answer lost": 0.04,
    "copy lost": 0.05,
    "copy unanswered": 0.05,
    "killed while running": 0.05,
    "killed before a copy": 0.03,
    "killed after a copy": 0.03,
    **{
        f"killed {when} {call}": 0.03
        for when in ("before", "after")
        for call in ("claim", "complete", "release", "park", "mark")
    },
}
"""What can go wrong, by name, and how likely it is each time that it can."""


class KilledError(BaseException):
    """The end of a process, which nothing of the package may catch."""


class WrongError(Exception):
    """The counter, or an acknowledgement, is wrong; the text says how."""


@dataclass
class Letter:
    """A message in a queue.

    Attributes:
        mark: the owner token and the stated key, for the copy of a parked message, or for a lie.
        sender: the sender of the message.
    """

    id: str
    order_id: str
    mark: str | None = None
    sender: str = SHOP
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """What Lambda gets of it, one receive later."""
        self.receives += 1
        whole = order(self.order_id, self.id)
        whole["attributes"]["ApproximateReceiveCount"] = str(self.receives)
        whole["attributes"]["SenderId"] = self.sender
        if self.mark is not None:
            attribute = {"stringValue": self.mark, "dataType": "String"}
            whole["messageAttributes"] = {TOKEN_ATTRIBUTE: attribute}
        return whole


class NoThreads:
    """Leaves everything to the main thread, so that a seed always gives the same story."""

    def poll(self, *_: Any) -> None:
        """Ask nothing."""

    end_poll = poll

    def start(self, *_: Any) -> Future[None]:
        """Never done."""
        return Future()


Effect = Callable[["World", Transaction, Message], None]


def through_transaction(_: "World", transaction: Transaction, message: Message) -> None:
    """Count a message, and all of them, when it is completed."""
    for name in (message.body["id"], TOTAL):
        values = {":one": 1}
        change = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": values}
        transaction.update(TABLE, {"id": name}, **change)


@dataclass
class World:
    """The queue, the tables, and the chances of one run.

    Attributes:
        counts: the number of events, by name.
        trouble: whether things go wrong.
        depth: how many processes are in the middle of something.
        delayed: requests that arrive later.
        wrong: violations; kept here, because processes would handle an exception themselves.
        order_ids: the orders that must be counted, each once.
        sent: the marks of all copies, which a liar does not know.
        kept: messages that a vandal has kept, to change them later.
    """

    chances: random.Random
    is_parking: bool
    effect: Effect = through_transaction
    clock: ManualClock = field(default_factory=ManualClock)
    store: InMemoryClaimStore = field(default_factory=InMemoryClaimStore)
    counters: Counter[str] = field(default_factory=Counter)
    queue: list[Letter] = field(default_factory=list)
    dead_letters: list[Letter] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    trouble: bool = True
    depth: int = 0
    delayed: list[tuple[str, Request]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    rule: KeyRule = RULES["in the body"]
    order_ids: list[str] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)
    kept: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.commit = self.committed

    def happens(self, name: str) -> bool:
        """Whether something goes wrong now."""
        if not (self.trouble and self.chances.random() < CHANCES[name]):
            return False
        self.counts[name] += 1
        return True

    def committed(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Carry out what `through_transaction` asks for."""
        for action in actions:
            self.counted(action["Update"]["Key"]["id"]["S"])

    def counted(self, name: str) -> None:
        """Count once more."""
        self.counters[name] += 1
        if self.counters[name] > 1 and name != TOTAL:
            self.wrong.append(f"P6: {name} is counted twice")

    def letter(self, order_id: str, mark: str | None = None, sender: str = SHOP) -> Letter:
        """A message with an id that no other has."""
        self.counts["messages"] += 1
        return Letter(f"m-{self.counts['messages']}", order_id, mark, sender)

    def lie(self) -> None:
        """A liar sends a new order, and claims that it is the copy of another one."""
        self.counts["lies"] += 1
        victim = self.chances.choice(self.order_ids)
        token = self.chances.choice((*TRIES, *sorted(self._stale_tokens())))
        record = order(victim)
        record["attributes"]["SenderId"] = SHOP
        (delivery,) = read_event(event(record))
        stated = write_mark(token, find_key(self.rule, delivery).record_id, delivery)
        self.order_ids.append(f"lie-{self.counts['lies']}")
        self.queue.append(self.letter(self.order_ids[-1], stated, LIAR))

    def _stale_tokens(self) -> set[str]:
        """The tokens of claims that are over, except the tokens of copies."""
        if self.depth or self.delayed:
            return set()
        used = {f"owner-{number + 1}" for number in range(self.counts["claims"])}
        owners = {each.owner for each in self.store.records.values()}
        return used - owners - {each.split(" ")[0] for each in self.sent}

    def vandalise(self, message: Message) -> None:
        """Change what a processor got, now and when it is another one's turn."""
        self.kept.append(message)
        for each in self.kept:
            for part in (each.body, each.raw, each.attributes, each.message_attributes):
                changed: Any = part
                changed.clear()
                changed["id"] = changed["SenderId"] = changed["body"] = "vandal"

    def elsewhere(self) -> None:
        """What happens to others while a process is in the middle of something."""
        if self.depth < 3 and self.happens("stall"):
            self.clock.advance(Millis(LEASE + 1))
            self.happenings()
        elif self.depth < 3 and self.happens("concurrent"):
            self.happenings()
        if self.delayed and self.happens("late arrival"):
            name, request = self.delayed.pop()
            getattr(self.store, name)([request], None)

    def happenings(self) -> None:
        """One or two deliveries, perhaps after a redrive."""
        for _ in range(self.chances.randint(1, 2)):
            if self.happens("lie"):
                self.lie()
            if self.dead_letters and self.happens("redrive"):
                self.redrive(self.chances.choice(self.dead_letters))
            if self.queue:
                most = min(3, len(self.queue))
                self.deliver(self.chances.sample(self.queue, self.chances.randint(1, most)))

    def redrive(self, letter: Letter) -> None:
        """An operator moves a message from the dead-letter queue back to the queue."""
        self.dead_letters.remove(letter)
        self.queue.append(self.letter(letter.order_id, letter.mark, letter.sender))

    def deliver(self, batch: Sequence[Letter]) -> None:
        """One invocation of a new process."""
        self.counts["deliveries"] += 1
        self.depth += 1
        process = Process(self)
        records = [letter.record() for letter in batch]
        response: Any = None
        try:
            response = process.consumer.consume(event(*records), INVOCATION)
        except KilledError:
            return
        finally:
            self.depth -= 1
        reported = {each["itemIdentifier"] for each in response["batchItemFailures"]}
        for letter in batch:
            # It may be acknowledged for the second time, or not at all for once.
            acknowledged = letter.id not in reported and letter in self.queue
            if acknowledged and not self.happens("delivered again"):
                self.queue.remove(letter)
        self.check([each.order_id for each in batch if each.id not in reported])

    def check(self, order_ids: Sequence[str]) -> None:
        """An acknowledged order is counted, or somebody still has it."""
        for order_id in order_ids:
            kept = any(each.order_id == order_id for each in (*self.queue, *self.dead_letters))
            if not self.counters[order_id] and not kept:
                self.wrong.append(f"P1: {order_id} is acknowledged, not counted, and gone")

    def drained(self) -> None:
        """The trouble ends, and everything is delivered until nothing is left."""
        self.trouble = False
        for name, request in self.delayed:
            getattr(self.store, name)([request], None)
        for _ in range(ROUNDS):
            if not self.queue:
                for letter in list(self.dead_letters):
                    self.redrive(letter)
            if not self.queue:
                return
            self.clock.advance(Millis(LEASE + 1))
            self.deliver(list(self.queue))
        self.wrong.append(f"liveness: {[each.order_id for each in self.queue]} is never done")


class Process:
    """One invocation's process: a consumer, its line to the tables, and its end.

    Attributes:
        dead: it was killed: nothing that it does from then on has an effect.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False
        self.consumer = Consumer(
            processor=self.processed,
            settings=settings_of(
                world.rule, park_interrupted=world.is_parking, max_receive_count=1_000
            ),
            store=self,
            queues=self,
            clock=world.clock,
            observer=self,
            transactional=True,
            new_owner=self.owner,
        )
        vars(self.consumer)["threads"] = NoThreads()
        self.queues = InMemoryQueues()

    def owner(self) -> Owner:
        self.world.counts["claims"] += 1
        return Owner(f"owner-{self.world.counts['claims']}")

    def processed(self, message: Message, *, transaction: Transaction) -> None:
        world = self.world
        if world.happens("raised before"):
            raise RuntimeError(message.key)
        world.effect(world, transaction, message)
        if world.happens("vandal"):
            world.vandalise(message)
        world.elsewhere()
        if world.happens("raised after"):
            raise RuntimeError(message.key)
        if world.happens("gave up"):
            raise PermanentFailure(message.key)
        if world.happens("exited"):
            raise SystemExit
        if world.happens("out of memory"):
            raise MemoryError
        # The package sees it die at its next call.
        self.dead |= world.happens("killed while running")

    # The table

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Any:
        return self._asked("claim", requests, deadline)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("complete", requests, deadline)

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("release", requests, deadline)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("park", requests, deadline)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("mark", requests, deadline)

    def _asked(self, name: str, requests: Sequence[Any], deadline: Deadline) -> list[Any]:
        return [self._answer(name, request, deadline) for request in requests]

    def _answer(self, name: str, request: Any, deadline: Deadline) -> Any:
        world = self.world
        self._dies(f"killed before {name}")
        world.elsewhere()
        if world.happens("throttled"):
            return StoreUnavailableError("Throttling", "on purpose", maybe_written=False)
        if world.happens("refused"):
            return StoreRefusedError("AccessDenied", "on purpose", maybe_written=False)
        if world.happens("request lost"):
            return StoreUnavailableError("Timeout", "on purpose", maybe_written=True)
        if world.happens("request delayed"):
            world.delayed.append((name, request))
            return StoreUnavailableError("Timeout", "on purpose", maybe_written=True)
        (outcome,) = getattr(world.store, name)([request], deadline)
        world.elsewhere()
        self._dies(f"killed after {name}")
        if world.happens("answer lost"):
            return StoreUnavailableError("Timeout", "on purpose", maybe_written=True)
        return outcome

    def _dies(self, reported_text: str) -> None:
        self.dead |= self.world.happens(reported_text)
        if self.dead:
            raise KilledError

    # The queues

    def postpone(self, *asked: Any) -> None:
        """Postponed messages are delivered at any time, as all are."""
        self.queues.postpone(*asked)

    def dead_letter(
        self, delivery: Delivery, record_id: str, owner: Owner, deadline: Deadline
    ) -> None:
        del deadline
        world = self.world
        self._dies("killed before a copy")
        world.elsewhere()
        if world.happens("copy lost"):
            raise StoreUnavailableError("Timeout", "on purpose", maybe_written=True)
        # As production makes the copy, whatever the processor has done to its message.
        order_id = json.loads(delivery.build_copy()["MessageBody"])["id"]
        marked = write_mark(owner, record_id, delivery)
        world.sent.add(marked)
        world.dead_letters.append(world.letter(order_id, marked, FUNCTION))
        world.counts["copies"] += 1
        world.elsewhere()
        self._dies("killed after a copy")
        if world.happens("copy unanswered"):
            raise StoreUnavailableError("Timeout", "on purpose", maybe_written=True)

    # The log

    def report_message(
        self, _delivery: Delivery, _key: object, end: Settled, *_: Any, **__: Any
    ) -> None:
        self.world.counts[f"outcome {end.outcome}"] += 1

    def report_batch(self, _stats: object) -> None:
        """Nobody looks at it."""

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        raise error

    report_visibility_change_failed = report_batch_calls_unavailable


def run(seed: int, effect: Effect = through_transaction) -> Counter[str]:
    """Run once; return the number of events, by name.

    Raises:
        WrongError: the counter is not the number of different messages, or a message is lost.
    """
    chances = random.Random(seed)  # noqa: S311  # guards nothing
    rule = RULES["of the sender" if seed % 4 > 1 else "in the body"]
    world = World(chances, is_parking=seed % 2 == 1, effect=effect, rule=rule)
    order_ids = world.order_ids
    order_ids += [f"order-{number}" for number in range(chances.randint(1, 4))]
    for order_id in tuple(order_ids):
        for _ in range(chances.choice((1, 1, 2))):
            world.queue.append(world.letter(order_id))
    chances.shuffle(world.queue)
    for _ in range(chances.randint(2, 5)):
        world.happenings()
        world.clock.advance(chances.choice((Millis(0), LEASE)))
    world.drained()
    expected = Counter({TOTAL: len(order_ids)} | dict.fromkeys(order_ids, 1))
    if world.counters != expected:
        world.wrong.append(f"P6: {dict(world.counters)} instead of {dict(expected)}")
    if world.wrong:
        raise WrongError("; ".join(world.wrong))
    return world.counts


def runs(
    seeds: Sequence[int], effect: Effect = through_transaction
) -> tuple[Counter[str], list[str]]:
    """Run many times; return the counted events, and the stories of runs that went wrong."""
    counts: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        try:
            counts += run(seed, effect)
        except Exception as error:  # noqa: BLE001  # whatever it is, this seed shows it again
            wrong.append(f"seed {seed}: {error!r}")
    return counts, wrong
