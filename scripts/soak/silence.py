"""What the proxy does to the package's calls during a soak."""

import threading
from collections.abc import Collection, Mapping
from typing import Final

from scripts.lab.proxy import Call, Chance, Fault

ODDS: Final[Mapping[str, Mapping[Fault, float]]] = {
    "UpdateItem": {
        Fault.LOST_RESPONSE: 0.02,
        Fault.LOST_REQUEST: 0.01,
        Fault.RESET: 0.01,
        Fault.THROTTLE: 0.01,
        Fault.ERROR: 0.01,
        Fault.SLOW: 0.004,
        Fault.HANG: 0.002,
    },
    "DeleteItem": {
        Fault.LOST_RESPONSE: 0.1,
        Fault.LOST_REQUEST: 0.05,
        Fault.RESET: 0.05,
        Fault.THROTTLE: 0.05,
        Fault.ERROR: 0.05,
    },
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
        """See `scripts.lab.proxy.Plan`."""
        if (denied := self._denied(call)) is not None:
            return denied
        return self._chance(call)

    def silenced(self) -> int:
        """How many owners were."""
        return len(self._owners)

    def _denied(self, call: Call) -> Fault | None:
        record_id = call.body.get("Key", {}).get("id", {}).get("S")
        if record_id not in self.lost | self.unanswered:
            return None
        if "SET #status = :completed" not in call.body.get("UpdateExpression", ""):
            return None
        owner = call.body["ExpressionAttributeValues"][":owner"]["S"]
        with self._lock:
            if self._owners.setdefault(record_id, owner) != owner:
                return None
        return Fault.LOST_REQUEST if record_id in self.lost else Fault.LOST_RESPONSE
