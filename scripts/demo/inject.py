"""Puts faults where the wrapper takes them from, and looks on while things take effect."""

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from scripts.demo.scenario import Site
from scripts.support import observation
from scripts.support.proxy import Call, Fault

THROTTLED: Final = 0.5
"""The share of completions that are refused."""

What = Literal["raise", "kill", "late kill", "timeout", "slow"]
When = Literal["before", "during", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """What happens to an operation.

    Attributes:
        operation: a text that the call by which it takes effect holds, and no other call.
        times: how often.
    """

    operation: str
    what: What
    when: When
    times: int = 1


def inject_faults(site: Site, faults: Sequence[PlannedFault]) -> None:
    """Put the faults into their table; one for each operation."""
    for fault in faults:
        site.aws.dynamodb.put_item(
            TableName=site.outputs["faults_table_name"],
            Item={
                "id": {"S": fault.operation},
                "what": {"S": fault.what},
                "when": {"S": fault.when},
                "times": {"N": str(fault.times)},
            },
        )


def count_faults(site: Site, faults: Sequence[PlannedFault]) -> tuple[Counter[str], list[str]]:
    """How often each kind happened; and one line for each that did not as often as it should."""
    rows = observation.rows(site.aws, site.outputs["faults_table_name"])
    left = {str(row["id"]): int(row["times"]) for row in rows}
    kinds: Counter[str] = Counter()
    for fault in faults:
        kinds[f"{fault.what} {fault.when}"] += fault.times - left[fault.operation]
    return kinds, [
        f"a fault never happened: {fault.what} {fault.when} the effect of {fault.operation}"
        for fault in faults
        if left[fault.operation]
    ]


class Watch:
    """What the proxy does: refuses some completions, and looks whether each effect may begin.

    No completion is refused twice: then it can be confirmed in time, and no repetition is excused.

    Attributes:
        early: operations whose effect began before their predecessor's record was completed.
        throttled: ids of the records whose completion was refused.
    """

    def __init__(
        self, site: Site, *, effects_table: str, records_before: Mapping[str, str], seed: int
    ) -> None:
        """Watch a site.

        Args:
            site: what is watched.
            effects_table: a write to it is an effect.
            records_before: by operation, a text that the id of the record before it holds.
            seed: of what is refused.
        """
        self.early: list[str] = []
        self.throttled: set[str] = set()
        self._site, self._effects_table = site, effects_table
        self._records_before = records_before
        self._records_table = str(site.outputs["records_table_name"])
        self._random = random.Random(seed)  # noqa: S311  (guards nothing)
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `scripts.support.proxy.Plan`."""
        if call.table == self._effects_table:
            self._look(call)
        record = _completed(call) if call.table == self._records_table else None
        with self._lock:
            if record in {None, *self.throttled} or self._random.random() > THROTTLED:
                return None
            self.throttled.add(str(record))
        return Fault.PART_THROTTLED if "Statements" in call.body else Fault.THROTTLE

    def idle(self) -> list[str]:
        """One line if nothing was refused: then nothing was shown of refused completions."""
        return [] if self.throttled else ["no completion was throttled"]

    def _look(self, call: Call) -> None:
        text = repr(call.body)
        for operation, record in self._records_before.items():
            if repr(operation) in text and not self._is_completed(record):
                with self._lock:
                    self.early.append(operation)

    def _is_completed(self, record: str) -> bool:
        found = self._site.aws.dynamodb.scan(
            TableName=self._records_table,
            ConsistentRead=True,
            FilterExpression="contains(id, :record)",
            ExpressionAttributeValues={":record": {"S": record}},
        )["Items"]
        return bool(found) and all(item["status"]["S"] == "COMPLETED" for item in found)


def _completed(call: Call) -> str | None:
    """The id of the last record that a call is to complete; None if it completes none."""
    statements: Sequence[Mapping[str, Any]] = call.body.get("Statements", ())
    if statements:
        last = statements[-1]
        texts = [str(each["S"]) for each in last["Parameters"] if "S" in each]
        # Of all parameters only the id has the namespace's mark.
        return next((each for each in texts if "#" in each), None) if _updates(last) else None
    # A claim mentions the attribute, too, but only to remove it.
    completes = "completed_at =" in str(call.body.get("UpdateExpression", ""))
    return str(call.body["Key"]["id"]["S"]) if completes else None


def _updates(statement: Mapping[str, Any]) -> bool:
    return str(statement["Statement"]).startswith("UPDATE")
