"""What the proxy does to the package's calls during a soak."""

import re
import threading
from collections.abc import Collection, Iterator, Mapping

from scripts.support.proxy import Call, Chance, Fault

ONE = {
    Fault.LOST_RESPONSE: 0.02,
    Fault.LOST_REQUEST: 0.01,
    Fault.RESET: 0.01,
    Fault.THROTTLE: 0.01,
    Fault.ERROR: 0.01,
    Fault.SLOW: 0.004,
    Fault.HANG: 0.002,
}
# Of these there are fewer.
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


class Silence:
    """Faults by chance; and the first owner of some keys never gets its completion confirmed.

    Attributes:
        lost: keys whose first completion never reaches the table.
        unanswered: keys whose first completion is written, but never answered.
        owners: the owner that is silenced, by key.
    """

    def __init__(self, seed: int, *, lost: Collection[str], unanswered: Collection[str]) -> None:
        self.lost, self.unanswered = frozenset(lost), frozenset(unanswered)
        self.owners: dict[str, str] = {}
        self._chance = Chance(ODDS, seed)
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `scripts.support.proxy.Plan`."""
        # Who completes together with a silenced owner shares its fate.
        for record_id, owner in list_completions(call):
            key = record_id.rpartition("#")[2]
            if key in self.lost | self.unanswered:
                with self._lock:
                    silenced = self.owners.setdefault(key, owner) == owner
                if silenced:
                    return Fault.LOST_REQUEST if key in self.lost else Fault.LOST_RESPONSE
        return self._chance(call)


def list_completions(call: Call) -> Iterator[tuple[str, str]]:
    """The record and the owner of each completion that a call carries."""
    if "SET #status = :completed" in call.body.get("UpdateExpression", ""):
        yield call.body["Key"]["id"]["S"], call.body["ExpressionAttributeValues"][":owner"]["S"]
    for statement in call.body.get("Statements", ()):
        if statement["Statement"].startswith("UPDATE"):
            names = re.findall(r'"(\w+)" = \?', statement["Statement"])
            values = dict(zip(names, statement["Parameters"], strict=True))
            yield values["id"]["S"], values["owner"]["S"]
