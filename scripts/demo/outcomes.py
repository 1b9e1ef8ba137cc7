"""What a function's log says of its deliveries."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scripts.demo import ledger
from scripts.demo.scenario import Site
from scripts.lab import observation


def outcomes_of(site: Site, *log_groups: str) -> Counter[str]:
    """How many deliveries ended how; those that shared another's run are "coalesced".

    The lines themselves are written to ``deliveries.jsonl``.
    """
    lines = [
        line for log_group in log_groups for line in observation.log_lines(site.aws, log_group)
    ]
    ledger.write(site.evidence / "deliveries.jsonl", lines)
    return Counter(outcome_of(line) for line in lines)


def outcome_of(line: Mapping[str, Any]) -> str:
    """How a delivery ended, of which the log has this line."""
    coalesced = line.get("coalesced") and line["acknowledged"]
    return "coalesced" if coalesced else str(line["outcome"])
