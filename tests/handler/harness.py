"""A consumer on doubles that script its input and record what it does."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Millis
from idempotent_lambda.errors import StoreError, StoreRefusedError, StoreUnavailableError
from idempotent_lambda.keys import Key
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.claims import ClaimRequest, ClaimStore, Request
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda.protocol.steps import Settled
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, InMemoryQueues, ManualClock
from tests.requests import settings_of

from .events import event, key_rule, order

START = 1_700_000_000_000
"""Where a `ManualClock` begins, in epoch milliseconds."""


class ConsumerHarness:
    """A consumer, its processor and its observer.

    Attributes:
        behaviour: the function that the processor calls for a key; it does nothing by default.
        ran: keys in the order in which the processor ran them.
        messages: the messages that the processor received.
        outcomes: how each message ended, by message id, in the order of settling.
        histories: the claim history of each message, by message id.
        keys: the key of each message that was settled, in that order.
        followers: ids of messages that followed another message.
        all_stats: the statistics of each batch.
    """

    def __init__(
        self,
        store: ClaimStore | None = None,
        clock: ManualClock | None = None,
        *,
        key: str | None = "body.id",
        transactional: bool = False,
        **changes: Any,
    ) -> None:
        self.clock = clock or ManualClock()
        self.memory = InMemoryClaimStore()
        self.queues = InMemoryQueues()
        self.behaviour: dict[str, Callable[[Message], Any]] = {}
        self.ran: list[str] = []
        self.messages: list[Message] = []
        self.outcomes: dict[str, str] = {}
        self.histories: dict[str, ClaimHistory] = {}
        self.followers: list[str] = []
        self.keys: list[Key | None] = []
        self.all_stats: list[BatchStats] = []
        self.owners = 0
        self.consumer = Consumer(
            processor=self.process,
            store=self.memory if store is None else store,
            settings=settings_of(key_rule(expression=key), **changes),
            queues=self.queues,
            clock=self.clock,
            observer=self,
            transactional=transactional,
            new_owner=self.new_owner,
        )
        # As if a processor had taken its time before: so there is a flusher.
        self.consumer.saw_slow_processor.set()

    def new_owner(self) -> Owner:
        self.owners += 1
        return Owner(f"owner-{self.owners}")

    def process(self, message: Message, **more: Any) -> Any:
        self.ran.append(message.key)
        self.messages.append(message)
        return self.behaviour.get(message.key, lambda _, **__: None)(message, **more)

    def report_message(
        self,
        delivery: Delivery,
        key: Key | None,
        settled: Settled,
        history: ClaimHistory,
        *,
        follows: bool,
    ) -> None:
        self.keys.append(key)
        self.outcomes[delivery.id] = settled.outcome.value
        self.histories[delivery.id] = history
        if follows:
            self.followers.append(delivery.id)

    def report_batch(self, stats: BatchStats) -> None:
        self.all_stats.append(stats)

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        raise error

    report_visibility_change_failed = report_batch_calls_unavailable

    def deliver(self, *batch: str | dict[str, Any], remaining: int = 30_000) -> list[str]:
        """Deliver orders, or whole records; the ids that are reported as failed."""
        records = [order(each) if isinstance(each, str) else each for each in batch]
        response: Any = self.consumer.consume(event(*records), Millis(remaining))
        assert list(response) == ["batchItemFailures"]
        assert all(list(each) == ["itemIdentifier"] for each in response["batchItemFailures"])
        return [each["itemIdentifier"] for each in response["batchItemFailures"]]

    def seed_record(self, order_id: str, *, lease: int = 0, attempts: int = 1) -> None:
        """Seed a claim of somebody else; its lease ends ``lease`` ms from now."""
        self.memory.records[f"orders#{order_id}"] = Record(
            id=f"orders#{order_id}",
            status="IN_PROGRESS",
            owner=Owner("dead"),
            expires_at=EpochSeconds(self.clock.now() // 1000 + 3600),
            created_at=EpochMillis(self.clock.now() - 60_000),
            lease_expires_at=EpochMillis(self.clock.now() + lease),
            attempts=attempts,
        )

    def status(self, order_id: str) -> str | None:
        """The status of an order's record; None without one."""
        found = self.memory.records.get(f"orders#{order_id}")
        return found.status if found else None


class Listener:
    """An observer for a store without a consumer.

    Attributes:
        fallen_back: why it makes every call alone from then on.
    """

    def __init__(self) -> None:
        self.fallen_back: list[StoreError] = []

    def report_message(self, *_: object, **__: object) -> None:
        raise AssertionError

    def report_batch(self, _: object) -> None:
        """Nobody looks at it."""

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        self.fallen_back.append(error)

    report_visibility_change_failed = report_batch_calls_unavailable


def raising(error: BaseException) -> Callable[[Message], Any]:
    """A processor that raises."""

    def raise_it(message: Message) -> Any:
        del message
        raise error

    return raise_it


def table_unavailable(*, maybe_written: bool = False) -> StoreUnavailableError:
    """No answer from the table."""
    return StoreUnavailableError("Test", "on purpose", maybe_written=maybe_written)


def refused() -> StoreRefusedError:
    """A refusal by the table."""
    return StoreRefusedError("Test", "on purpose", maybe_written=False)


class FaultyStore:
    """A store in memory that takes time, and fails where a test asks for it.

    Attributes:
        calls: ``"claim orders#a"`` and so on, in order, each request of a group by itself.
        trips: ``"claim 2"`` and so on: each round trip, with its number of requests.
        millis: how long every call takes.
        faults: errors by call; a fault in ``after`` happens after the call was carried out. An
            error that a store does not return as an answer is raised.
    """

    def __init__(self, clock: ManualClock, inner: InMemoryClaimStore) -> None:
        self.clock, self.inner = clock, inner
        self.calls: list[str] = []
        self.trips: list[str] = []
        self.millis = 0
        self.faults: dict[str, Exception] = {}
        self.after: dict[str, Exception] = {}

    def _ask(self, name: str, requests: Sequence[Request], deadline: Deadline) -> list[Any]:
        self.trips.append(f"{name} {len(requests)}")
        self.clock.advance(Millis(self.millis))
        return [self._answer(name, request, deadline) for request in requests]

    def _answer(self, name: str, request: Request, deadline: Deadline) -> Any:
        call = f"{name} {request.record_id}"
        self.calls.append(call)
        takeover = isinstance(request, ClaimRequest) and request.takeover
        kind = "takeover" if takeover else name
        fault = self.faults.get(call) or self.faults.get(kind) or self.faults.get(name)
        if fault is None:
            (outcome,) = getattr(self.inner, name)([request], deadline)
            fault = self.after.get(call)
        if fault is None:
            return outcome
        if not isinstance(fault, StoreError):
            raise fault
        return fault

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


def faulty() -> tuple[ConsumerHarness, FaultyStore]:
    """A harness whose store can be made slow and faulty."""
    clock = ManualClock()
    store = FaultyStore(clock, InMemoryClaimStore())
    harness = ConsumerHarness(store, clock)
    store.inner = harness.memory
    return harness, store


Fault = Callable[[Any, Callable[[Any], Any]], Any]
"""Gets the request and what sends it; answers or raises in the place of the wire."""


class Wire:
    """Replaces the send of a client's HTTP session, and counts the requests that really go out.

    Attributes:
        sent: operations in the order of their requests, one for every attempt.
        bodies: the parsed bodies of the requests.
        faults: for the next requests, one each; None lets one pass. After them ``always`` applies.
    """

    def __init__(self, client: Any) -> None:
        self._session = client._endpoint.http_session
        self.through = self._session.send
        self._session.send = self
        self.sent: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.faults: list[Fault | None] = []
        self.always: Fault | None = None

    def __call__(self, request: Any) -> Any:
        target = request.headers["X-Amz-Target"]
        name = target.decode() if isinstance(target, bytes) else target
        self.sent.append(name.rpartition(".")[2])
        self.bodies.append(json.loads(request.body))
        fault = self.faults.pop(0) if self.faults else self.always
        return fault(request, self.through) if fault else self.through(request)

    def remove(self) -> None:
        """Let the client send by itself again: other tests use it, too."""
        self._session.send = self.through


def answered(status: int, code: str, message: str = "on purpose") -> Fault:
    """The service answers with an error, and has done nothing."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        del through
        response = AWSResponse(request.url, status, HTTPHeaders(), None)
        kind = f"com.amazonaws.dynamodb.v20120810#{code}"
        response._content = json.dumps({"__type": kind, "message": message}).encode()
        return response

    return fault


def done(attributes: dict[str, Any] | None = None) -> Fault:
    """The service answers that it has done it, and has done nothing."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        del through
        response = AWSResponse(request.url, 200, HTTPHeaders(), None)
        response._content = json.dumps({"Attributes": attributes or {}}).encode()
        return response

    return fault


NO_CONNECTION = exceptions.EndpointConnectionError(endpoint_url="http://table", error="refused")
CONNECT_TIMEOUT = exceptions.ConnectTimeoutError(endpoint_url="http://table")
READ_TIMEOUT = exceptions.ReadTimeoutError(endpoint_url="http://table")
CONNECTION_CLOSED = exceptions.ConnectionClosedError(endpoint_url="http://table")


def broken(error: Exception) -> Fault:
    """The request never arrives."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        del request, through
        raise error

    return fault


def lost(error: Exception) -> Fault:
    """The request is carried out, and its answer gets lost."""

    def fault(request: Any, through: Callable[[Any], Any]) -> Any:
        through(request)
        raise error

    return fault


def taking(clock: ManualClock, millis: int, fault: Fault) -> Fault:
    """The same fault, after some time on the manual clock."""

    def slow(request: Any, through: Callable[[Any], Any]) -> Any:
        clock.advance(Millis(millis))
        return fault(request, through)

    return slow
