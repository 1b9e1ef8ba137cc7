"""The checks of a deployed stack by topic. They read the facts in an inventory and nothing else.

Each check names a rule of the module or of AWS. It reports nothing if its facts are not known.
"""

from collections.abc import Mapping
from typing import Final

from idempotent_lambda_toolkit.cli.doctor.checks import (
    filters,
    function,
    mappings,
    queues,
    readers,
    redrive,
    role,
    start,
    streams,
    table,
    variables,
)
from idempotent_lambda_toolkit.cli.doctor.findings import CheckFinding, Checks, Severity
from idempotent_lambda_toolkit.cli.doctor.inventory import ENCRYPTED_PARTS, Inventory

TOPICS: Final[Mapping[str, Checks]] = {
    "table": table.CHECKS,
    "settings": {**variables.CHECKS, **function.CHECKS},
    "function": start.CHECKS,
    "queues": {**queues.CHECKS, **redrive.CHECKS, **readers.CHECKS},
    "mappings": {**mappings.CHECKS, **filters.CHECKS, **streams.CHECKS},
    "permissions": role.CHECKS,
}
"""All checks by topic and name, in the order of their findings."""

CHECKS: Final[Checks] = {name: check for topic in TOPICS.values() for name, check in topic.items()}

_CANNOT_START = (
    "unknown-variables", "handler", "settings", "runtime", "managed-instances", "state",
)  # fmt: skip

CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "start": _CANNOT_START,
    "recent-errors": _CANNOT_START,
    "mapping": ("qualifier",),
}
"""The checks whose finding only repeats a failure of another check."""

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "clock": ("clock",),
    "concurrency": ("reserved concurrency",),
    "dead-letter-readers": ("readers of the dead-letter queue",),
    "filters": ("filters",),
    "handler": ("handler",),
    "key-root": ("handler", "sources"),
    "key-state": tuple(f"key of the {part}" for part in ENCRYPTED_PARTS),
    "log-class": ("log class",),
    "namespace": ("other functions",),
    "permissions": ("permissions",),
    "point-in-time-recovery": ("point-in-time recovery",),
    "qualifier": ("mappings of other versions",),
    "queue-readers": ("readers of the queue",),
    "recent-errors": ("log",),
    "resource-policy": (
        "resource policies",
        "table policy",
        *(f"policy of the key of the {part}" for part in ENCRYPTED_PARTS),
    ),
    "start": ("log",),
    "versions": ("versions",),
}
"""The facts of a single check. Without one of them, it has not been made."""


def list_findings(inventory: Inventory) -> list[CheckFinding]:
    """Return the findings of all checks, in the order of the checks, one for each cause."""
    findings = [
        CheckFinding(severity, name, value, rule, remedy)
        for name, check in CHECKS.items()
        for severity, value, rule, remedy in check(inventory)
    ]
    failed = {finding.name for finding in findings if finding.severity is Severity.FAILURE}
    return [finding for finding in findings if failed.isdisjoint(CAUSES.get(finding.name, ()))]


def list_checked(inventory: Inventory) -> dict[str, list[str]]:
    """Return the checks whose facts are known, by topic."""
    is_known = {
        "table": inventory.table is not None,
        "queues": inventory.queue is not None,
        "mappings": bool(inventory.every_mapping),
        "permissions": inventory.denied is not None,
    }
    known = {
        topic: [
            name for name in checks if inventory.unknown.keys().isdisjoint(NEEDED.get(name, ()))
        ]
        for topic, checks in TOPICS.items()
        if is_known.get(topic, True)
    }
    return {topic: names for topic, names in known.items() if names}
