"""The verdict of every scenario but the quickstart's: what was to happen beside what happened.

The figures about operations follow from ``expected.json`` and ``effects.json``, two objects of
lists of operations by group: those that were to take effect, in their order, and those that did. A
group is what keeps its order (an account, a parcel), or what has its own effects (a consumer).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from scripts.demo.scenario import Closing

SHOWN: Final = 5
MEANINGS: Final[Mapping[str, str]] = {
    "sent": "messages, events or records sent, duplicates included",
    "unique": "different operations among them",
    "effects": "effects",
    "repeats": "effects that repeated one before",
    "lost": "operations lost",
    "never_sent": "effects of what was never sent",
    "order_violations": "effects before that of a predecessor",
    "early_starts": "effects begun before the predecessor's completion was confirmed",
    "dead_lettered": "messages that were given up on without reason",
    "faults": "times a process was killed, hung, failed or was held up",
    "throttled": "completions refused for lack of capacity",
    "duplicates_suppressed": "deliveries answered without running again",
}
BAD: Final = frozenset(
    {"repeats", "lost", "never_sent", "order_violations", "early_starts", "dead_lettered"}
)

Groups = Mapping[str, Sequence[str]]
"""Operations by group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers of the report; `MEANINGS` says what they count."""

    sent: int
    unique: int
    effects: int
    repeats: int
    lost: int
    never_sent: int
    order_violations: int
    early_starts: int
    dead_lettered: int
    faults: int
    throttled: int
    duplicates_suppressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one scenario found.

    Attributes:
        scenario: its name.
        sent: what the producers sent, or handed over themselves.
        expected: what was to take effect, by group; in this order, if it is ``ordered``.
        effects: what took effect, by group, in this order.
        early_starts: operations that began before their predecessor was confirmed.
        dead_lettered: texts in queues for what was given up on that should not be there.
        faults: how often each kind of fault happened.
        throttled: completions that the proxy refused.
        outcomes: of deliveries, from the log.
        incidents: what else went wrong, one line each.
        extras: further figures of this scenario alone.
    """

    scenario: str
    sent: int
    expected: Groups
    effects: Groups
    ordered: bool
    early_starts: Sequence[str] = ()
    dead_lettered: Sequence[str] = ()
    faults: Mapping[str, int] = field(default_factory=dict)
    throttled: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    incidents: Sequence[str] = ()
    extras: Mapping[str, int] = field(default_factory=dict)
    closing: Closing

    @property
    def figures(self) -> Figures:
        """The numbers of the report."""
        return Figures(
            sent=self.sent,
            unique=len(_count_by_group(self.expected)),
            effects=sum(_count_by_group(self.effects).values()),
            repeats=len(self.repeats()),
            lost=len(self.lost()),
            never_sent=len(self.never_sent()),
            order_violations=len(self.order_violations()),
            early_starts=len(self.early_starts),
            dead_lettered=len(self.dead_lettered),
            faults=sum(self.faults.values()),
            throttled=self.throttled,
            duplicates_suppressed=sum(self.outcomes.get(each, 0) for each in SUPPRESSING),
        )

    def repeats(self) -> list[str]:
        """Effects beyond the first of their operation."""
        return sorted(
            (_count_by_group(self.effects) - Counter(set(_count_by_group(self.effects)))).elements()
        )

    def lost(self) -> list[str]:
        """Operations without an effect."""
        return sorted(set(_count_by_group(self.expected)) - set(_count_by_group(self.effects)))

    def never_sent(self) -> list[str]:
        """Effects of operations that nobody asked for."""
        return sorted(set(_count_by_group(self.effects)) - set(_count_by_group(self.expected)))

    def order_violations(self) -> list[str]:
        """Operations whose first effect came before that of an operation sent earlier."""
        return list(self._list_overtaking()) if self.ordered else []

    def _list_overtaking(self) -> Iterator[str]:
        for group, operations in self.effects.items():
            place = {each: number for number, each in enumerate(self.expected.get(group, ()))}
            firsts = [each for each in dict.fromkeys(operations) if each in place]
            yield from (
                f"{after} after {before} in {group}"
                for before, after in pairwise(firsts)
                if place[before] > place[after]
            )

    def write(self, directory: Path) -> None:
        """Write report.json, and the two files that it follows from."""
        content: dict[str, Any] = {
            "scenario": self.scenario,
            **asdict(self.figures),
            "faults_by_kind": dict(sorted(self.faults.items())),
            "outcomes": dict(sorted(self.outcomes.items())),
            **self.extras,
            "second_plan_empty": self.closing.second_plan_empty,
            "left_after_destroy": len(self.closing.left_after_destroy),
        }
        for name, value in (
            ("expected", self.expected),
            ("effects", self.effects),
            ("report", content),
        ):
            (directory / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")

    def table(self) -> Table:
        """One line for each figure."""
        table = Table("", "", title=self.scenario, show_header=False)
        table.columns[1].justify = "right"
        for each in fields(Figures):
            number = getattr(self.figures, each.name)
            color = "red" if number else "green"
            shown = f"[bold {color}]{number}[/]" if each.name in BAD else str(number)
            table.add_row(MEANINGS[each.name], shown)
        return table

    def problems(self) -> list[str]:
        """Every broken promise, one line each; none means that all of it held."""
        found = (
            (self.repeats(), "repeated"),
            (self.lost(), "lost: never took effect"),
            (self.never_sent(), "took effect without having been sent"),
            (self.order_violations(), "out of order"),
            (self.early_starts, "begun before the predecessor was confirmed"),
            (self.dead_lettered, "given up on without reason"),
        )
        nothing_suppressed = "no delivery was suppressed: the traffic proves nothing"
        return [
            *(f"{len(which)} {what}: {_some(which)}" for which, what in found if which),
            *([] if self.figures.duplicates_suppressed else [nothing_suppressed]),
            *self.closing.problems(),
            *self.incidents,
        ]


SUPPRESSING: Final = frozenset({"in_progress", "coalesced", "duplicate"})
"""Outcomes of deliveries that left an operation to another one, which had run it or was running."""


def _count_by_group(groups: Groups) -> Counter[str]:
    """Operations with their groups: different groups may have operations of the same name."""
    return Counter(f"{group}/{each}" for group, operations in groups.items() for each in operations)


def _some(which: Sequence[str]) -> str:
    return ", ".join(which[:SHOWN]) + (", ..." if len(which) > SHOWN else "")
