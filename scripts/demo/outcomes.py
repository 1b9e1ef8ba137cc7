"""What a function's log says of its deliveries."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scripts.demo import effects_table
from scripts.demo.scenario import Site
from scripts.support import observation


def read_outcomes(site: Site, *log_groups: str) -> Counter[str]:
    """How many deliveries ended how; those that shared another's run are "coalesced".

    The lines themselves are written to ``deliveries.jsonl``.
    """
    lines = [
        line for log_group in log_groups for line in observation.log_lines(site.aws, log_group)
    ]
    effects_table.write(site.evidence / "deliveries.jsonl", lines)
    return Counter(read_outcome(line) for line in lines)


def read_outcome(line: Mapping[str, Any]) -> str:
    """How a delivery ended, of which the log has this line."""
    coalesced = line.get("coalesced") and line["acknowledged"]
    return "coalesced" if coalesced else str(line["outcome"])
