"""The cost of a batch: calls, capacity units and round trips, as a table that must not grow.

Every write costs one unit, even when it is refused, and so does every key that is read
consistently. A write in a transaction costs two. The clock does not run by itself, so that no
processor takes time and completions go out together at the end.
"""

import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring, idempotent
from idempotent_lambda.errors import PermanentFailure
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.transaction import Transaction
from tests.requests import settings_of
from tests.waiting import SECONDS

from .conftest import Lab, create_table
from .events import fifo_order, key_rule, order
from .harness import START, ConsumerHarness, raising

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

CALLS = {
    "U": "UpdateItem",
    "D": "DeleteItem",
    "W": "BatchExecuteStatement",
    "R": "BatchGetItem",
    "T": "TransactWriteItems",
}

COSTS = [
    # The calls of a round trip are under way at the same time: 4W is four. (...)*10 comes ten
    # times, one after the other.
    #
    # what is delivered, batch, calls of each round trip, write units, read units, round trips
    ("first", 1, "U U", 2, 0, 2),
    ("first", 10, "W W", 20, 0, 2),
    ("first", 25, "W W", 50, 0, 2),
    ("first", 100, "4W 4W", 200, 0, 2),
    ("first, redelivered", 1, "U U", 2, 0, 2),
    ("first, redelivered", 10, "R W W", 20, 10, 3),
    ("first, redelivered", 100, "R 4W 4W", 200, 100, 3),
    ("duplicate", 1, "U", 1, 0, 1),
    ("duplicate", 10, "W R", 10, 10, 2),
    ("duplicate", 25, "W R", 25, 25, 2),
    ("duplicate", 100, "4W R", 100, 100, 2),
    ("duplicate, redelivered", 1, "U", 1, 0, 1),
    ("duplicate, redelivered", 10, "R", 0, 10, 1),
    ("duplicate, redelivered", 25, "R", 0, 25, 1),
    ("duplicate, redelivered", 100, "R", 0, 100, 1),
    ("half duplicate", 10, "W R W", 15, 5, 3),
    ("half duplicate", 25, "W R W", 37, 13, 3),
    ("half duplicate", 100, "4W R 2W", 150, 50, 3),
    ("half duplicate, redelivered", 10, "R W W", 10, 10, 3),
    ("half duplicate, redelivered", 25, "R W W", 24, 25, 3),
    ("half duplicate, redelivered", 100, "R 2W 2W", 100, 100, 3),
    ("in_progress", 1, "U", 1, 0, 1),
    ("in_progress", 10, "W R", 10, 10, 2),
    ("in_progress", 25, "W R", 25, 25, 2),
    ("in_progress", 100, "4W R", 100, 100, 2),
    ("in_progress, redelivered", 1, "U", 1, 0, 1),
    ("in_progress, redelivered", 10, "R", 0, 10, 1),
    ("in_progress, redelivered", 100, "R", 0, 100, 1),
    ("stale", 1, "U U", 2, 0, 2),
    ("stale", 10, "W R (U U)*10", 30, 10, 22),
    ("stale, redelivered", 1, "U U", 2, 0, 2),
    ("stale, redelivered", 10, "R (U U)*10", 20, 10, 21),
    ("stale, redelivered", 25, "R (U U)*25", 50, 25, 51),
    ("stale, redelivered", 100, "R (U U)*100", 200, 100, 201),
    ("expired", 1, "U U", 2, 0, 2),
    ("expired", 10, "W R 8U 2U W", 30, 10, 5),
    ("failing", 1, "U D", 2, 0, 2),
    ("failing", 10, "W W", 20, 0, 2),
    ("failing", 25, "W W", 50, 0, 2),
    ("failing", 100, "4W 4W", 200, 0, 2),
    ("half failing", 10, "W W W", 20, 0, 3),
    ("half failing", 25, "W W W", 50, 0, 3),
    ("half failing", 100, "4W 2W 2W", 200, 0, 3),
    # Claim, parking and the note that the copy is sent.
    ("hopeless", 1, "U U U", 3, 0, 3),
    ("hopeless", 10, "W (U U)*10", 30, 0, 21),
    ("half hopeless", 10, "W W (U U)*5", 25, 0, 12),
    # Park mode claims each by itself, just before it starts.
    ("first, park mode", 1, "U U", 2, 0, 2),
    ("first, park mode", 10, "(U)*10 W", 20, 0, 11),
    ("duplicate, park mode", 10, "(U)*10", 10, 0, 10),
    ("failing, park mode", 10, "(U)*10 W", 20, 0, 11),
    ("stale, park mode", 1, "U U U", 3, 0, 3),
    ("stale, park mode", 10, "(U)*10 (U U)*10", 30, 0, 30),
    # What is parked and whose copy is sent is a duplicate; otherwise the copy is sent again.
    ("parked", 1, "U", 1, 0, 1),
    ("parked", 10, "W R", 10, 10, 2),
    ("parked, redelivered", 10, "R", 0, 10, 1),
    ("parked unsent", 1, "U U", 2, 0, 2),
    ("parked unsent", 10, "W R (U)*10", 20, 10, 12),
    ("parked, redriven", 1, "U U", 2, 0, 2),
    ("parked, redriven", 10, "W R 8U 2U W", 30, 10, 5),
    # Each transaction is a call; its effect is another two units, which are not counted here.
    ("first, in transactions", 1, "U T", 3, 0, 2),
    ("first, in transactions", 10, "W 8T 2T", 30, 0, 3),
    ("first, in transactions", 25, "W (8T)*3 T", 75, 0, 5),
    ("duplicate, in transactions", 10, "W R", 10, 10, 2),
    ("failing, in transactions", 10, "W W", 20, 0, 2),
    # A message starts once the one before it in its group is confirmed.
    ("first, of one group", 10, "W (U)*10", 20, 0, 11),
    ("duplicate, of one group", 10, "W R", 10, 10, 2),
    ("first, of a group each", 10, "W W", 20, 0, 2),
    # Nothing is coalesced, so each is claimed by itself.
    ("first, observed", 10, "(U)*10 W", 20, 0, 11),
    ("duplicate, observed", 10, "(U)*10", 10, 0, 10),
]


def stages(notation: str) -> list[tuple[str, int]]:
    """Each round trip: the operation, and how many calls of it."""
    spelt = re.sub(
        r"\(([^)]*)\)\*(\d+)", lambda found: " ".join([found[1]] * int(found[2])), notation
    )
    return [(CALLS[each[-1]], int(each[:-1] or 1)) for each in spelt.split()]


class Stages:
    """A fault for the wire that lets calls pass by round trips, in the order that is expected.

    A call is held until all of its round trip are there, so whatever is made one after the other,
    and was to be made at once, never comes through.
    """

    def __init__(self, expected: Iterable[tuple[str, int]]) -> None:
        self.left = deque(expected)
        self._here: list[threading.Barrier] = []
        self._lock = threading.Lock()

    def __call__(self, request: Any, through: Callable[[Any], Any]) -> Any:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        with self._lock:
            assert self.left, f"one more {operation} than expected"
            name, missing = self.left[0]
            assert operation == name
            self._here = self._here or [threading.Barrier(missing)]
            (barrier,) = self._here
            if missing == 1:
                self.left.popleft()
                self._here = []
            else:
                self.left[0] = (name, missing - 1)
        barrier.wait(SECONDS)
        return through(request)


def write_units(bodies: Iterable[dict[str, Any]]) -> int:
    """One for each statement, one for each call that is a single write, two in a transaction."""
    writes = [each for each in bodies if "RequestItems" not in each]
    return sum(
        2 if "TransactItems" in each else len(each.get("Statements", "1")) for each in writes
    )


def read_units(bodies: Iterable[dict[str, Any]]) -> int:
    """One for each key."""
    reads = [table for each in bodies for table in each.get("RequestItems", {}).values()]
    assert all(each["ConsistentRead"] for each in reads)
    return sum(len(each["Keys"]) for each in reads)


CLAIM = {"status": {"S": "IN_PROGRESS"}, "attempts": {"N": "1"}}
COMPLETION = {"status": {"S": "COMPLETED"}, "completed_at": {"N": str(START - 1)}}
LATER = {"expires_at": {"N": str(START // 1000 + 60)}}
LEFT: dict[str, dict[str, dict[str, str]]] = {
    "duplicate": COMPLETION | LATER,
    "expired": COMPLETION | {"expires_at": {"N": str(START // 1000)}},
    "in_progress": CLAIM | LATER | {"lease_expires_at": {"N": str(START + 60_000)}},
    "stale": CLAIM | LATER | {"lease_expires_at": {"N": str(START)}},
    "parked unsent": {"status": {"S": "PARKED"}, "reason": {"S": "why"}},
    "parked": {"status": {"S": "PARKED"}, "dead_lettered_at": {"N": str(START)}},
}
"""What an earlier delivery has left."""

REPORTED = {"in_progress", "failing"}

RAISING: dict[str, Exception] = {"failing": ValueError(), "hopeless": PermanentFailure("why")}

WAYS: dict[str, dict[str, Any]] = {
    "park mode": {"park_interrupted": True},
    "in transactions": {"transactional": True},
    "observed": {"observe_only": True},
}
"""How a consumer may be set up."""


def delivered_in(way: str, number: int) -> dict[str, Any]:
    """One message as it is delivered."""
    name = str(number)
    match way:
        case "of one group":
            return fifo_order(name)
        case "of a group each":
            return fifo_order(name, group=name)
        case "redelivered":
            return order(name, attributes={"ApproximateReceiveCount": "2"})
        case "redriven":
            token = {"stringValue": f"theirs {number}", "dataType": "String"}
            return order(name, messageAttributes={TOKEN_ATTRIBUTE: token})
        case _:
            return order(name)


def counting_in(backend: Lab) -> Callable[..., None]:
    """Return a processor with one side effect, in a separate table."""
    table = f"{backend.table}-effects"
    create_table(backend.client, table)

    def process(message: Message, transaction: Transaction) -> None:
        transaction.put(table, {"id": message.key})

    return process


@pytest.mark.parametrize("row", COSTS, ids=lambda row: f"{row[1]} {row[0]}")
def test_cost(backend: Lab, row: tuple[str, int, str, int, int, int]) -> None:
    """A batch makes these calls and no others, for so many units, in so many round trips."""
    delivered, batch, calls, writes, reads, round_trips = row
    what, _, way = delivered.partition(", ")
    kind = what.removeprefix("half ")
    numbers = range(0, batch, 2 if what.startswith("half ") else 1)
    harness = ConsumerHarness(backend.store, backend.clock, **WAYS.get(way, {}))
    if way == "in transactions":
        # The emulator remembers tokens of all tests together.
        object.__setattr__(harness.consumer, "new_owner", lambda: Owner(secrets.token_hex(16)))
        process = counting_in(backend)
        harness.behaviour = {str(number): process for number in range(batch)}
    for number in numbers:
        if kind in LEFT:
            texts = {"id": {"S": f"orders#{number}"}, "owner": {"S": "theirs"}}
            item = LEFT[kind] | texts | {"created_at": {"N": str(START - 2)}}
            backend.client.put_item(TableName=backend.table, Item=item)
        if kind in RAISING:
            harness.behaviour[str(number)] = raising(RAISING[kind])
    expected = stages(calls)
    passes = Stages(expected)
    backend.wire.always = passes
    failed = harness.deliver(*(delivered_in(way, number) for number in range(batch)))

    assert len(failed) == (len(numbers) if kind in REPORTED else 0)
    assert not passes.left
    assert len(expected) == round_trips
    assert write_units(backend.wire.bodies) == writes
    assert read_units(backend.wire.bodies) == reads


def test_slow_processors(backend: Lab) -> None:
    """If each processor outlasts a round trip, completions go out singly during the next run."""
    harness = ConsumerHarness(backend.store, backend.clock)
    gone = threading.Semaphore(0)

    def counted(request: Any, through: Callable[[Any], Any]) -> Any:
        gone.release()
        return through(request)

    def process(message: Any) -> None:
        backend.clock.advance(Millis(200))
        # The claims went out before the first message ran, a completion does while the next runs.
        assert gone.acquire(timeout=SECONDS), f"nothing was confirmed before {message.key}"

    backend.wire.always = counted
    harness.behaviour = {str(number): process for number in range(10)}
    assert harness.deliver(*(str(number) for number in range(10))) == []
    assert backend.wire.sent == ["BatchExecuteStatement", *["UpdateItem"] * 10]
    assert write_units(backend.wire.bodies) == 20


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        ("first", ["UpdateItem"] * 2),
        ("duplicate", ["UpdateItem"]),
        ("failing", ["UpdateItem", "DeleteItem"]),
        ("hopeless", ["UpdateItem"] * 2),
        ("first, with a result and a payload", ["UpdateItem"] * 2),
    ],
)
def test_decorated(backend: Lab, kind: str, calls: list[str]) -> None:
    """A decorated call is a claim and a completion; a duplicate is the claim alone."""
    wiring = Wiring(
        settings=settings_of(key_rule()),
        store=backend.store,
        clock=backend.clock,
        observer=Silent(),
    )
    stores = "with" in kind

    @idempotent(
        name="charge",
        key="order_id",
        payload="order_id" if stores else None,
        results="store" if stores else "discard",
        lease_seconds=30,
        wiring=wiring,
    )
    def charge(order_id: str) -> str:
        if kind in RAISING:
            raise RAISING[kind]
        return order_id

    if kind == "duplicate":
        charge("a")
        backend.wire.sent.clear()
    if kind in RAISING:
        with pytest.raises(type(RAISING[kind])):
            charge("a")
    else:
        charge("a")
    assert backend.wire.sent == calls


class Silent:
    """An observer that keeps nothing."""

    def report_message(self, *_: object, **__: object) -> None:
        pass

    report_batch = report_message

    def report_batch_calls_unavailable(self, error: Exception) -> None:
        raise error

    report_visibility_change_failed = report_batch_calls_unavailable
