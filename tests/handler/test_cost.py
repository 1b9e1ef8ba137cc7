"""What a batch costs: calls, capacity units and round trips, as a table that must not grow.

Every write is one unit, also when it is refused; so is every key that is read consistently. The
clock stands still, so that no processor takes time and completions go out together at the end.
"""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from idempotent_lambda.clock import Millis

from .bench import START, Bench, raising
from .conftest import Lab
from .events import order

pytestmark = pytest.mark.emulator

CALLS = {
    "U": "UpdateItem",
    "D": "DeleteItem",
    "W": "BatchExecuteStatement",
    "R": "BatchGetItem",
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
    ("busy", 1, "U", 1, 0, 1),
    ("busy", 10, "W R", 10, 10, 2),
    ("busy", 25, "W R", 25, 25, 2),
    ("busy", 100, "4W R", 100, 100, 2),
    ("busy, redelivered", 1, "U", 1, 0, 1),
    ("busy, redelivered", 10, "R", 0, 10, 1),
    ("busy, redelivered", 100, "R", 0, 100, 1),
    ("lapsed", 1, "U U", 2, 0, 2),
    ("lapsed", 10, "W R (U U)*10", 30, 10, 22),
    ("lapsed, redelivered", 1, "U U", 2, 0, 2),
    ("lapsed, redelivered", 10, "R (U U)*10", 20, 10, 21),
    ("lapsed, redelivered", 25, "R (U U)*25", 50, 25, 51),
    ("lapsed, redelivered", 100, "R (U U)*100", 200, 100, 201),
    ("expired", 1, "U U", 2, 0, 2),
    ("expired", 10, "W R 8U 2U W", 30, 10, 5),
    ("failing", 1, "U D", 2, 0, 2),
    ("failing", 10, "W W", 20, 0, 2),
    ("failing", 25, "W W", 50, 0, 2),
    ("failing", 100, "4W 4W", 200, 0, 2),
    ("half failing", 10, "W W W", 20, 0, 3),
    ("half failing", 25, "W W W", 50, 0, 3),
    ("half failing", 100, "4W 2W 2W", 200, 0, 3),
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
        barrier.wait(10)
        return through(request)


def write_units(bodies: Iterable[dict[str, Any]]) -> int:
    """One for each statement, and one for each call that is a single write."""
    return sum(len(each.get("Statements", "1")) for each in bodies if "RequestItems" not in each)


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
    "busy": CLAIM | LATER | {"lease_expires_at": {"N": str(START + 60_000)}},
    "lapsed": CLAIM | LATER | {"lease_expires_at": {"N": str(START)}},
}
"""What an earlier delivery has left."""

REPORTED = {"busy", "failing"}


@pytest.mark.parametrize("row", COSTS, ids=lambda row: f"{row[1]} {row[0]}")
def test_cost(lab: Lab, row: tuple[str, int, str, int, int, int]) -> None:
    """A batch makes these calls and no others, for so many units, in so many round trips."""
    delivered, batch, calls, writes, reads, round_trips = row
    what, _, redelivered = delivered.partition(", ")
    kind = what.removeprefix("half ")
    numbers = range(0, batch, 2 if what.startswith("half ") else 1)
    bench = Bench(lab.store, lab.clock)
    for number in numbers:
        if kind in LEFT:
            texts = {"id": {"S": f"orders#{number}"}, "owner": {"S": "theirs"}}
            item = LEFT[kind] | texts | {"created_at": {"N": str(START - 2)}}
            lab.client.put_item(TableName=lab.table, Item=item)
        if kind == "failing":
            bench.behaviour[str(number)] = raising(ValueError())
    expected = stages(calls)
    passing = Stages(expected)
    lab.wire.always = passing
    receives = {"ApproximateReceiveCount": "2" if redelivered else "1"}
    failed = bench.deliver(*(order(str(number), attributes=receives) for number in range(batch)))

    assert len(failed) == (len(numbers) if kind in REPORTED else 0)
    assert not passing.left
    assert len(expected) == round_trips
    assert write_units(lab.wire.bodies) == writes
    assert read_units(lab.wire.bodies) == reads


def test_slow_processors(lab: Lab) -> None:
    """Where each processor outlasts a round trip, completions go out singly beside the next run."""
    bench = Bench(lab.store, lab.clock)
    gone = threading.Semaphore(0)

    def counted(request: Any, through: Callable[[Any], Any]) -> Any:
        gone.release()
        return through(request)

    def process(message: Any) -> None:
        lab.clock.advance(Millis(200))
        # The claims went out before the first message ran, a completion does while the next runs.
        assert gone.acquire(timeout=10), f"nothing was confirmed before {message.key}"

    lab.wire.always = counted
    bench.behaviour = {str(number): process for number in range(10)}
    assert bench.deliver(*(str(number) for number in range(10))) == []
    assert lab.wire.sent == ["BatchExecuteStatement", *["UpdateItem"] * 10]
    assert write_units(lab.wire.bodies) == 20
