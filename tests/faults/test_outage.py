"""A table that does not answer costs little time, and no effect."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from idempotent_lambda.clients import CONNECT_TIMEOUT_MILLIS
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda.pipeline.shared_plan import UNCONFIRMED_MILLIS
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.calls import MAX_STATEMENTS
from scripts.support.proxy import Call, Fault
from tests.waiting import eventually

from .arena import Arena, client_in
from .cells import TIMEOUT_SECONDS
from .conftest import CountedClock
from .systems import Ours

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

BATCH = [f"m-{number}" for number in range(1, 11)]


@dataclass
class Worker:
    """A function with a batch size of 10.

    Attributes:
        ours: its consumer, whose clock measures its answers.
    """

    ours: Ours
    table: str
    ran: list[str] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    after: Any = None

    def process(self, message: Message) -> None:
        self.ran.append(message.id)
        if self.after:
            self.after(message)

    def report_message(
        self, delivery: Any, key: Any, settled: Any, history: Any, *, follows: bool
    ) -> None:
        del key, history, follows
        self.outcomes[delivery.id] = settled.outcome.value

    def report_batch(self, stats: Any) -> None:
        del stats

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        raise error

    def deliver(
        self, remaining_seconds: float, ids: list[str], receive_count: int = 1
    ) -> tuple[list[str], float]:
        """The ids that are reported, and the seconds it took."""
        clock = self.ours.clock
        consumer = self.ours.consumer(self.table, self.process, self)
        attributes = {"ApproximateReceiveCount": str(receive_count)}
        records = [
            {"messageId": each, "body": "{}", "eventSource": "aws:sqs", "attributes": attributes}
            for each in ids
        ]
        began = clock.monotonic()
        response = consumer.consume({"Records": records}, Millis(int(1000 * remaining_seconds)))
        seconds = (clock.monotonic() - began) / 1000
        return [each["itemIdentifier"] for each in response["batchItemFailures"]], seconds


def always(fault: Fault, call: Call) -> Fault:
    """The plan of an outage."""
    del call
    return fault


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def unreachable() -> Iterator[int]:
    """A port whose handshakes are never answered: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  (the socket's own signature)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


PORTS = {"refusing": refusing, "unreachable": unreachable}
OUTAGES = (*PORTS, "throttle", "throttled parts", "500", "reset", "lost response", "hang")


@pytest.fixture
def worker(
    arena: Arena, clock: CountedClock, hasty_client: Any, request: pytest.FixtureRequest
) -> Iterator[Worker]:
    """A function whose table is in the outage that the test names, or in none."""
    outage = getattr(request, "param", None)
    if outage in PORTS:
        with PORTS[outage]() as port:
            there = arena.environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
            client = client_in(there)
            cost = CONNECT_TIMEOUT_MILLIS if outage == "unreachable" else 0
            client.meta.events.register(
                "before-send.dynamodb", lambda **_: clock.advance(Millis(cost))
            )
            yield Worker(Ours(client, clock=clock), arena.table("id"))
    else:
        made = Worker(Ours(hasty_client, clock=clock), arena.table("id"))
        if outage:
            arena.plans[made.table] = partial(always, Fault(outage))
        yield made


@pytest.mark.parametrize("worker", OUTAGES, indirect=True)
def test_a_batch_of_10_comes_back_in_5_seconds(worker: Worker) -> None:
    """Every message is reported, no effect ran, and less than 5 s of the 30 are gone."""
    failed, seconds = worker.deliver(30, BATCH)
    assert failed == BATCH
    assert worker.ran == []
    assert set(worker.outcomes.values()) == {"table_unavailable"}
    assert seconds < 5


def test_an_outage_is_short_on_the_wall_clock_too(arena: Arena, worker: Worker) -> None:
    """With the deployed client and the machine's clock, a hanging table takes half the time."""
    worker.ours = Ours(arena.client)
    arena.plans[worker.table] = partial(always, Fault.HANG)
    failed, seconds = worker.deliver(TIMEOUT_SECONDS, BATCH)
    assert failed == BATCH
    assert worker.ran == []
    # It takes about 3 s. The rest is for a machine that pauses.
    assert seconds < TIMEOUT_SECONDS / 2


@pytest.mark.parametrize("worker", OUTAGES, indirect=True)
def test_a_batch_never_outlives_its_deadline(worker: Worker) -> None:
    """In the shortest function that the module allows, 3 s, the answer comes in time."""
    failed, seconds = worker.deliver(3, BATCH)
    assert failed == BATCH
    assert worker.ran == []
    assert seconds < 3


def test_a_table_that_drips_starts_nothing_too_late(arena: Arena, worker: Worker) -> None:
    """An answer in pieces outlasts the SDK's timeouts, and its claim is given back unrun."""
    # The deadline itself is not kept then; docs/reliability.md says so.
    arena.plans[worker.table] = partial(always, Fault.DRIP)
    assert worker.deliver(4, BATCH)[0] == BATCH
    assert worker.ran == []
    assert arena.items(worker.table) == []


FATAL = (
    Fault.THROTTLE,
    Fault.ERROR,
    Fault.RESET,
    Fault.LOST_REQUEST,
    Fault.LOST_RESPONSE,
    Fault.HANG,
)


@pytest.mark.parametrize("receive_count", [1, 2])
@pytest.mark.parametrize("fault", [*FATAL, Fault.ALL_THROTTLED])
def test_a_table_that_answers_one_of_two_calls(
    arena: Arena, worker: Worker, fault: Fault, receive_count: int
) -> None:
    """Of a large batch, which takes two calls, one call's messages run; the others are reported."""
    large = [f"m-{number}" for number in range(1, MAX_STATEMENTS + 6)]
    part = {f"orders#{each}" for each in large[:MAX_STATEMENTS]}

    def plan(call: Call) -> Fault | None:
        text = json.dumps(call.body.get("Statements", ()))
        return fault if part & set(re.findall(r'"(orders#[^"]+)"', text)) else None

    arena.plans[worker.table] = plan
    failed, seconds = worker.deliver(30, large, receive_count)
    assert failed == large[:MAX_STATEMENTS]
    assert worker.ran == large[MAX_STATEMENTS:]
    assert {worker.outcomes[each] for each in failed} == {"table_unavailable"}
    assert seconds < 5
    redeliver(arena, worker, failed)
    assert sorted(worker.ran) == sorted(large)


EFFECT_MILLIS = 400


@pytest.mark.parametrize("fault", FATAL)
def test_a_table_that_dies_while_a_message_runs(arena: Arena, worker: Worker, fault: Fault) -> None:
    """Dead during the third effect, it costs the effects of a second before and after a flush."""

    def die(message: Message) -> None:
        worker.ours.clock.sleep(Millis(EFFECT_MILLIS))
        if message.id == "m-3":
            eventually(lambda: completed(arena, worker) == 2, "the first two are confirmed")
            arena.plans[worker.table] = partial(always, fault)

    worker.after = die
    failed, seconds = worker.deliver(6, BATCH)
    ran = list(worker.ran)
    # The third's completion is sent within a second, and late a second after that; the effects
    # that began before are in doubt with it.
    in_doubt = ran[2:]
    assert ran == BATCH[: len(ran)]
    assert 3 <= len(ran) <= 3 + 2 * (1 + UNCONFIRMED_MILLIS // EFFECT_MILLIS)
    assert failed == BATCH[2:]
    assert {worker.outcomes[each] for each in in_doubt} == {"unconfirmed"}
    assert {worker.outcomes[each] for each in BATCH[len(ran) :]} == {"not_started"}
    assert seconds < 6
    worker.after = None
    redeliver(arena, worker, failed)
    # Completions of which the answers alone were lost are found by the redelivery.
    repeated = [] if fault is Fault.LOST_RESPONSE else in_doubt
    assert sorted(worker.ran) == sorted(BATCH + repeated)


def completed(arena: Arena, worker: Worker) -> int:
    """How many messages are completed."""
    return sum(item["status"]["S"] == "COMPLETED" for item in arena.items(worker.table))


def redeliver(arena: Arena, worker: Worker, failed: list[str]) -> None:
    """Deliver what failed again, once the table is back and the leases are over."""
    arena.plans.pop(worker.table)
    arena.age(worker.table)
    assert worker.deliver(30, failed, receive_count=2)[0] == []
    assert {item["status"]["S"] for item in arena.items(worker.table)} == {"COMPLETED"}
