"""What a scenario is: an example, how it is attacked, and how what came of it is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.table import Table

from scripts.demo.progress import Progress
from scripts.support.observation import Aws
from scripts.support.proxy import Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A deployed example, as the attacker sees it.

    Attributes:
        outputs: terraform's outputs: the example's own and those that the overlay adds.
        proxy: what the functions' calls to DynamoDB go through, if the overlay says so.
        evidence: where files of what was sent and found are written.
    """

    aws: Aws
    evidence: Path
    outputs: Mapping[str, Any]
    progress: Progress
    proxy: Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How the stack itself fared.

    Attributes:
        second_plan_empty: whether terraform wanted to change nothing after all the traffic.
        left_after_destroy: resources of any kind that outlived terraform destroy.
    """

    second_plan_empty: bool
    left_after_destroy: Sequence[str]

    def problems(self) -> list[str]:
        """One line for each thing that should not be."""
        return [
            *([] if self.second_plan_empty else ["a second terraform plan was not empty"]),
            *(f"terraform destroy left the {each} behind" for each in self.left_after_destroy),
        ]


class Verdict(Protocol):
    """What the demo found."""

    def write(self, directory: Path) -> None:
        """Write report.json."""

    def table(self) -> Table:
        """The figures, for a person."""

    def problems(self) -> list[str]:
        """Every broken promise, one line each; none means that all of it held."""


Judge = Callable[[Closing], Verdict]
"""All is known but how the stack ends."""


def nothing(stack: Path) -> None:
    """Prepare nothing more."""
    del stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One demo.

    Attributes:
        name: of the example's directory and of the overlay's.
        opening: what happens, and how long it takes.
        success: what was shown, if nothing is wrong.
        wrapper: the module that is deployed beside the example's code, to break things.
        attack: arms, sends, waits until all is settled, and counts.
        prepare: what else the stack's directory needs.
    """

    name: str
    opening: str
    success: str
    attack: Callable[[Site], Judge]
    wrapper: str = "call_faults"
    prepare: Callable[[Path], None] = nothing
