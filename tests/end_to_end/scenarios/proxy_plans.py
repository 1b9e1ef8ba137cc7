"""Plans for the proxy: the faults of the package's calls in the scenarios."""

import random
import re
import threading
from collections.abc import Collection, Iterator, Mapping

from scripts.support.proxy import Call, Chance, Fault
from tests.end_to_end.scenarios.conftest import Site

THROTTLED = 0.5
"""The share of completions that `Watch` refuses."""

ONE = {
    Fault.LOST_RESPONSE: 0.02,
    Fault.LOST_REQUEST: 0.01,
    Fault.RESET: 0.01,
    Fault.THROTTLE: 0.01,
    Fault.ERROR: 0.01,
    Fault.SLOW: 0.004,
    Fault.HANG: 0.002,
}
# Calls for many are rarer than others, so faults strike more of them.
MANY = {fault: 2.5 * share for fault, share in ONE.items()}
ODDS: Mapping[str, Mapping[Fault, float]] = {
    "UpdateItem": ONE,
    "DeleteItem": {fault: 5 * share for fault, share in ONE.items() if share >= 0.01},
    "BatchExecuteStatement": {
        **MANY,
        Fault.PART_THROTTLED: 0.05,
        Fault.PART_ERROR: 0.05,
        Fault.PART_LOST: 0.05,
        Fault.SHORT: 0.05,
    },
    "BatchGetItem": {**MANY, Fault.PART_THROTTLED: 0.05},
}


class Watch:
    """Refuses some completions, and checks that each effect may begin.

    It refuses no completion twice: the next one confirms in time, so nothing excuses a repetition.
    """

    def __init__(
        self, site: Site, *, effects_table: str, records_before: Mapping[str, str], seed: int
    ) -> None:
        """Watch a site; ``records_before`` has a part of the earlier record's id, by operation."""
        # Operations whose effect began before the record before them was completed.
        self.early: list[str] = []
        # Ids of the records whose completion was refused.
        self.throttled: set[str] = set()
        self._site, self._effects_table = site, effects_table
        self._records_before = records_before
        self._random = random.Random(seed)  # noqa: S311  # guards nothing
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `scripts.support.proxy.Plan`."""
        if call.table == self._effects_table:
            self._look(call)
        statements = call.body.get("Statements", ())
        completed = [record_id for record_id, _ in list_completions(call)]
        with self._lock:
            # In a call for many, all must be completions, and the fault strikes the last.
            if len(completed) < max(1, len(statements)) or completed[-1] in self.throttled:
                return None
            if self._random.random() > THROTTLED:
                return None
            self.throttled.add(completed[-1])
        return Fault.PART_THROTTLED if statements else Fault.THROTTLE

    def _look(self, call: Call) -> None:
        text = repr(call.body)
        for operation, record in self._records_before.items():
            if repr(operation) in text and not self._is_completed(record):
                with self._lock:
                    self.early.append(operation)

    def _is_completed(self, record: str) -> bool:
        rows = self._site.read("records_table_name")
        found = [row["status"] for row in rows if record in row["id"]]
        return bool(found) and set(found) == {"COMPLETED"}


class Silence:
    """Injects faults at random, and never confirms the completion of some keys' first owners.

    A ``lost`` completion never reaches the table; an ``unanswered`` one does.
    """

    def __init__(
        self, seed: int, *, table: str, lost: Collection[str], unanswered: Collection[str]
    ) -> None:
        self.lost, self.unanswered = frozenset(lost), frozenset(unanswered)
        self.owners: dict[str, str] = {}  # the silenced owner, by key
        self._chance = Chance(ODDS, seed, table)
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `scripts.support.proxy.Plan`."""
        # The other completions in the call of a silenced owner share its fate.
        for record_id, owner in list_completions(call):
            key = record_id.rpartition("#")[2]
            if key in self.lost | self.unanswered:
                with self._lock:
                    silenced = self.owners.setdefault(key, owner) == owner
                if silenced:
                    return Fault.LOST_REQUEST if key in self.lost else Fault.LOST_RESPONSE
        return self._chance(call)


def list_completions(call: Call) -> Iterator[tuple[str, str]]:
    """List the record and the owner of each completion in a call."""
    if "SET #status = :completed" in call.body.get("UpdateExpression", ""):
        yield call.body["Key"]["id"]["S"], call.body["ExpressionAttributeValues"][":owner"]["S"]
    for statement in call.body.get("Statements", ()):
        if statement["Statement"].startswith("UPDATE"):
            names = re.findall(r'"(\w+)" = \?', statement["Statement"])
            values = dict(zip(names, statement["Parameters"], strict=True))
            yield values["id"]["S"], values["owner"]["S"]
