"""What a check reports: a rule that the stack breaks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory


class Severity(StrEnum):
    """The weight of a finding. A note does not change the exit code."""

    FAILURE = "failure"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """A rule that the stack breaks.

    Attributes:
        name: the name of the check.
        value: the value that was found.
        rule: the rule.
        remedy: the remedy.
    """

    severity: Severity
    name: str
    value: str
    rule: str
    remedy: str

    def plain(self) -> dict[str, Any]:
        """Return the fields for ``--json``."""
        return {
            "severity": self.severity.value,
            "name": self.name,
            "value": self.value,
            "rule": self.rule,
            "remedy": self.remedy,
        }


Finding = tuple[Severity, str, str, str]
failure = partial(lambda kind, *said: (kind, *said), Severity.FAILURE)
warning = partial(lambda kind, *said: (kind, *said), Severity.WARNING)
note = partial(lambda kind, *said: (kind, *said), Severity.NOTE)

Checks = Mapping[str, Callable[[Inventory], Iterator[Finding]]]
"""The checks of one topic by name, in the order of their findings."""
