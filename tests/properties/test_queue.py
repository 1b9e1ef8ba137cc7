"""A queue, a consumer and everything that can go wrong, drawn at random by hypothesis."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import PermanentFailure, StoreUnavailableError
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, InMemoryQueues
from tests.handler.events import order, record
from tests.handler.harness import ConsumerHarness

MINIMUM_REMAINING = 1_000
LONGEST_LEASE = 30_000 + 5_000


class KilledError(BaseException):
    """The end of the process, which nothing of the package may catch."""


@dataclass
class Whims:
    """What goes wrong in one delivery, in the order in which it is asked for."""

    store: list[str] = field(default_factory=list)
    processor: list[str] = field(default_factory=list)

    def next(self, kind: list[str]) -> str:
        return kind.pop(0) if kind else "fine"


class MoodyStore:
    """A store in memory that loses requests and answers, or its process, by whim."""

    def __init__(self, inner: InMemoryClaimStore) -> None:
        self.inner = inner
        self.whims = Whims()
        self.doomed = False

    def _ask(self, name: str, requests: Sequence[Request], deadline: Deadline) -> list[Any]:
        return [self._answer(name, request, deadline) for request in requests]

    def _answer(self, name: str, request: Request, deadline: Deadline) -> Any:
        whim = "killed" if self.doomed else self.whims.next(self.whims.store)
        if whim == "killed":
            raise KilledError
        if whim == "request lost":
            return StoreUnavailableError("Lost", "the request is lost", maybe_written=True)
        (outcome,) = getattr(self.inner, name)([request], deadline)
        if whim == "answer lost":
            return StoreUnavailableError("Lost", "the answer is lost", maybe_written=True)
        if whim == "killed after":
            raise KilledError
        return outcome

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Any:
        return self._ask("claim", requests, deadline)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._ask("complete", requests, deadline)

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._ask("release", requests, deadline)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._ask("park", requests, deadline)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._ask("mark", requests, deadline)


class MoodyQueues(InMemoryQueues):
    """Queues that lose copies, or what is known of them, by whim."""

    def __init__(self, whims: Callable[[], str]) -> None:
        super().__init__()
        self._whim = whims

    def dead_letter(self, delivery: Delivery, *more: Any) -> None:
        whim = self._whim()
        if whim == "killed":
            raise KilledError
        if whim != "request lost":
            super().dead_letter(delivery, *more)
        if whim == "killed after":
            raise KilledError
        if whim != "fine":
            raise StoreUnavailableError("Lost", "the answer is lost", maybe_written=True)


class NoThreads:
    """Nothing is confirmed before the end, so that equal draws come to equal ends.

    When a flusher may come in between is for the simulation to try.
    """

    def start(self, *_: Any) -> Future[None]:
        """Leave it to the main thread."""
        return Future()

    def poll(self, *_: Any) -> None:
        """Ask nothing."""

    end_poll = poll


ORDERS = st.sampled_from(["a", "b", "c"])
STORE = st.sampled_from(["fine", "fine", "request lost", "answer lost", "killed", "killed after"])
PROCESSOR = st.sampled_from(
    [
        *("fine", "fine", "raises first", "raises after", "exits", "killed", "slow"),
        *("out of memory", "gives up"),
    ]
)


class Queue(RuleBasedStateMachine):
    """Messages are sent, delivered in any batches, redelivered, and acknowledged."""

    @initialize(is_parking=st.booleans())
    def begin(self, is_parking: bool) -> None:
        self.store = MoodyStore(InMemoryClaimStore())
        self.harness = ConsumerHarness(
            self.store, minimum_remaining=MINIMUM_REMAINING, park_interrupted=is_parking
        )
        self.harness.memory = self.store.inner
        self.queues = MoodyQueues(lambda: self.store.whims.next(self.store.whims.store))
        self.harness.consumer = replace(self.harness.consumer, queues=self.queues)
        threads: Any = NoThreads()
        self.harness.consumer = replace(self.harness.consumer, threads=threads)
        for each in "abc":
            self.harness.behaviour[each] = self.process
        self.messages: dict[str, str | None] = {}
        self.effects: Counter[str] = Counter()
        self.confirmed: set[str] = set()

    def process(self, message: Message) -> None:
        """The effect, and what goes wrong around it."""
        assert message.remaining_millis() >= MINIMUM_REMAINING
        assert message.key not in self.confirmed, f"{message.key} repeats though it is confirmed"
        whim = self.store.whims.next(self.store.whims.processor)
        if whim == "slow":
            self.harness.clock.advance(Millis(message.remaining_millis() - 600))
        if whim == "raises first":
            raise RuntimeError(whim)
        if whim == "gives up":
            raise PermanentFailure(whim)
        self.effects[message.key] += 1
        match whim:
            case "raises after":
                raise RuntimeError(whim)
            case "exits":
                raise SystemExit
            case "out of memory":
                raise MemoryError
            case "killed":
                self.store.doomed = True

    @rule(order_id=ORDERS)
    def send(self, order_id: str) -> None:
        """A producer sends an order, perhaps not for the first time."""
        self.messages[f"m-{len(self.messages)}"] = order_id

    @rule()
    def send_poison(self) -> None:
        """A producer sends what has no key."""
        self.messages[f"m-{len(self.messages)}"] = None

    @rule(millis=st.sampled_from([0, 100, 5_000, LONGEST_LEASE]))
    def wait(self, millis: int) -> None:
        """Time passes."""
        self.harness.clock.advance(Millis(millis))

    @precondition(lambda self: self.messages)
    @rule(
        data=st.data(),
        whims=st.builds(Whims, st.lists(STORE, max_size=8), st.lists(PROCESSOR, max_size=4)),
        remaining=st.sampled_from([0, 1_900, 3_000, 30_000]),
    )
    def deliver(self, data: st.DataObject, whims: Whims, remaining: int) -> None:
        """Any messages are delivered together, acknowledged ones too: that is at least once."""
        choice = st.lists(
            st.sampled_from(sorted(self.messages)), min_size=1, max_size=5, unique=True
        )
        self.receive(data.draw(choice), whims, remaining)

    def receive(self, batch: list[str], whims: Whims, remaining: int) -> list[str] | None:
        """Run one invocation; return the acknowledged messages, or None if it was killed."""
        self.store.whims, self.store.doomed = whims, False
        records = [
            record("{}", message_id=each)
            if self.messages[each] is None
            else order(self.messages[each], each)
            for each in batch
        ]
        try:
            reported = self.harness.deliver(*records, remaining=remaining)
        except KilledError:
            return None
        finally:
            self.confirmed |= {
                each.id.removeprefix("orders#")
                for each in self.store.inner.records.values()
                if each.status == "COMPLETED"
            }
        assert len(set(reported)) == len(reported)
        assert set(reported) <= set(batch)
        acknowledged = [each for each in batch if each not in reported]
        for each in acknowledged:
            order_id = self.messages[each]
            assert order_id is not None, "poison is acknowledged"
            if self.is_set_aside(order_id):
                continue
            assert order_id in self.confirmed, f"{order_id} is acknowledged and not completed"
            assert self.effects[order_id] >= 1, f"{order_id} is acknowledged and never ran"
        return acknowledged

    def is_set_aside(self, order_id: str) -> bool:
        """Whether it is parked, and a copy that carries its owner is sent and noted."""
        found = self.store.inner.records.get(f"orders#{order_id}")
        if not found or found.status != "PARKED" or found.dead_lettered_at is None:
            return False
        assert found.lease_expires_at is found.expires_at is found.attempts is None
        copies = ((body, mark.split(" ")[0]) for body, mark in self.queues.dead_letters)
        return (f'{{"id": "{order_id}"}}', found.owner) in copies

    def teardown(self) -> None:
        """When the trouble ends, redelivery settles every message that has a key."""
        waiting = [each for each, order_id in getattr(self, "messages", {}).items() if order_id]
        for _ in range(len(waiting) + 2):
            self.harness.clock.advance(Millis(LONGEST_LEASE))
            done = self.receive(waiting, Whims(), 30_000) if waiting else []
            assert done is not None
            waiting = [each for each in waiting if each not in done]
        assert waiting == []


Queue.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestQueue = Queue.TestCase
"""Nothing is lost, nothing confirmed repeats, and every answer is exact, whatever goes wrong."""
