"""Plans the faults that ``attack/call_faults.py`` takes, and writes them to their table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from scripts.support.observation import Aws

ATTACK: Final = Path(__file__).with_name("attack")
"""Files that are deployed with an attacked function."""

What = Literal["raise", "kill", "late kill", "timeout", "slow", "overlap"]
When = Literal["before", "during", "after"]


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault of an operation, which is a word that only the call of its side effect contains."""

    operation: str
    what: What
    when: When = "before"
    times: int = 1
    within_millis: int = 30  # from the start of the call to a fault during it, at most


def inject_faults(aws: Aws, table: str, faults: Iterable[PlannedFault]) -> None:
    """Write the faults to their table, one for each operation."""
    for fault in faults:
        item = {
            "id": {"S": fault.operation},
            "what": {"S": fault.what},
            "when": {"S": fault.when},
            "times": {"N": str(fault.times)},
            "within_millis": {"N": str(fault.within_millis)},
        }
        aws.dynamodb.put_item(TableName=table, Item=item)


def list_untaken(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """List the operations whose faults did not all happen."""
    return [row["id"] for row in rows if row["times"]]
