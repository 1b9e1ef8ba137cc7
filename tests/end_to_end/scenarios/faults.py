"""Faults for the wrapper to take, and a proxy's plan that looks on while things take effect."""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from scripts.support.proxy import Call, Fault
from tests.end_to_end.scenarios.conftest import Site

THROTTLED: Final = 0.5
"""The share of completions that are refused."""

What = Literal["raise", "kill", "late kill", "timeout", "slow"]
When = Literal["before", "during", "after"]


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """What happens to an operation.

    Attributes:
        operation: a text that the call by which it takes effect holds, and no other call.
        times: how often.
    """

    operation: str
    what: What
    when: When = "before"
    times: int = 1


def inject_faults(site: Site, faults: Iterable[PlannedFault]) -> None:
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


def list_untaken(site: Site) -> list[str]:
    """List the operations whose faults did not all happen."""
    return [row["id"] for row in site.read("faults_table_name") if row["times"]]


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
        self._random = random.Random(seed)  # noqa: S311  # guards nothing
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Fault | None:
        """See `scripts.support.proxy.Plan`."""
        if call.table == self._effects_table:
            self._look(call)
        ours = call.table == self._site.outputs["records_table_name"]
        record = _completed(call) if ours else None
        with self._lock:
            if record is None or record in self.throttled or self._random.random() > THROTTLED:
                return None
            self.throttled.add(record)
        return Fault.PART_THROTTLED if "Statements" in call.body else Fault.THROTTLE

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


def _completed(call: Call) -> str | None:
    """The id of the last record that a call is to complete; None if it completes none."""
    statements = call.body.get("Statements", ())
    if statements:
        last: Mapping[str, Any] = statements[-1]
        texts = [str(value["S"]) for value in last["Parameters"] if "S" in value]
        if not str(last["Statement"]).startswith("UPDATE"):
            return None
        # Of all parameters only the id has the namespace's mark.
        return next((text for text in texts if "#" in text), None)
    # A claim mentions the attribute, too, but only to remove it.
    completes = "completed_at =" in str(call.body.get("UpdateExpression", ""))
    return str(call.body["Key"]["id"]["S"]) if completes else None
