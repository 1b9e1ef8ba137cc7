"""What the proxy does to the package's calls during a soak."""

import re
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from scripts.support.proxy import Call, Chance, Fault

ONE: Final = {
    Fault.LOST_RESPONSE: 0.02,
    Fault.LOST_REQUEST: 0.01,
    Fault.RESET: 0.01,
    Fault.THROTTLE: 0.01,
    Fault.ERROR: 0.01,
    Fault.SLOW: 0.004,
    Fault.HANG: 0.002,
}

# Of these there are fewer.
MANY: Final = {
    Fault.LOST_RESPONSE: 0.05,
    Fault.LOST_REQUEST: 0.03,
    Fault.RESET: 0.03,
    Fault.THROTTLE: 0.03,
    Fault.ERROR: 0.03,
    Fault.SLOW: 0.01,
    Fault.HANG: 0.005,
}

ODDS: Final[Mapping[str, Mapping[Fault, float]]] = {
    "UpdateItem": ONE,
    "DeleteItem": {
        Fault.LOST_RESPONSE: 0.1,
        Fault.LOST_REQUEST: 0.05,
        Fault.RESET: 0.05,
        Fault.THROTTLE: 0.05,
        Fault.ERROR: 0.05,
    },
    "BatchExecuteStatement": {
        **MANY,
        Fault.PART_THROTTLED: 0.05,
        Fault.PART_ERROR: 0.05,
        Fault.PART_LOST: 0.05,
        Fault.SHORT: 0.05,
    },
    "BatchGetItem": {**MANY, Fault.PART_THROTTLED: 0.05},
}


class Silence:
    """Faults by chance; and the first owner of some keys never gets its completion confirmed.

    Attributes:
        lost: ids of records whose first completion never reaches the table.
        unanswered: ids of records whose first completion is written, but never answered.
    """

    def __init__(self, seed: int, *, lost: Collection[str], unanswered: Collection[str]) -> None:
        self.lost, self.unanswered = frozenset(lost), frozenset(unanswered)
        self._chance = Chance(ODDS, seed)
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `scripts.support.proxy.Plan`."""
        if (denied := self._deny(call)) is not None:
            return denied
        return self._chance(call)

    def silenced(self) -> int:
        """How many owners were."""
        return len(self._owners)

    def _deny(self, call: Call) -> Fault | None:
        # Who completes together with a silenced owner shares its fate.
        for record_id, owner in completions(call):
            if record_id not in self.lost | self.unanswered:
                continue
            with self._lock:
                if self._owners.setdefault(record_id, owner) == owner:
                    lost = record_id in self.lost
                    return Fault.LOST_REQUEST if lost else Fault.LOST_RESPONSE
        return None


def completions(call: Call) -> Iterator[tuple[str, str]]:
    """The record and the owner of each completion that a call carries."""
    if "SET #status = :completed" in call.body.get("UpdateExpression", ""):
        yield call.body["Key"]["id"]["S"], call.body["ExpressionAttributeValues"][":owner"]["S"]
    for statement in call.body.get("Statements", ()):
        if statement["Statement"].startswith("UPDATE"):
            names = re.findall(r'"(\w+)" = \?', statement["Statement"])
            values = dict(zip(names, statement["Parameters"], strict=True))
            yield values["id"]["S"], values["owner"]["S"]
