"""The quickstart's verdict: ``report.json``, a person's table, and what breaks a promise."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from scripts.demo.effects_table import Account, Figures, Stack
from scripts.demo.scenario import Closing

NAME: Final = "report.json"
SHOWN: Final = 5
MEANINGS: Final[Mapping[str, str]] = {
    "sent": "messages sent",
    "unique": "different orders among them",
    "poison": "  that can never be charged",
    "charged_once": "orders charged once",
    "interrupted_repeats": "orders charged again because the owner was killed after the charge",
    "charged_twice": "orders charged twice for no such reason",
    "lost": "orders lost",
    "dead_lettered": "orders in the dead-letter queue",
    "duplicates_suppressed": "deliveries answered without charging again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickstartReport:
    """What the demo found.

    Attributes:
        accounts: The orders of both stacks.
        closing: How the stacks themselves fared.
        incidents: What else went wrong, one line each.
    """

    accounts: Mapping[Stack, Account]
    closing: Closing
    incidents: Sequence[str] = ()

    def write(self, directory: Path) -> None:
        """Write report.json."""
        content: dict[str, Any] = {
            **{stack: asdict(account.figures) for stack, account in self.accounts.items()},
            "kills_after_charge": self.accounts["ours"].kills_after_charge,
            "second_plan_empty": self.closing.second_plan_empty,
            "left_after_destroy": len(self.closing.left_after_destroy),
        }
        (directory / NAME).write_text(json.dumps(content, indent=2) + "\n")

    def table(self) -> Table:
        """Both stacks side by side."""
        ours, naive = (asdict(self.accounts[stack].figures) for stack in ("ours", "naive"))
        table = Table("", "with the module", "without", title="The same messages, twice")
        for column in table.columns[1:]:
            column.justify = "right"
        for field in fields(Figures):
            bad = field.name in {"charged_twice", "lost"}
            table.add_row(
                MEANINGS[field.name],
                *(
                    f"[bold {'red' if figures[field.name] else 'green'}]{figures[field.name]}[/]"
                    if bad
                    else str(figures[field.name])
                    for figures in (ours, naive)
                ),
            )
        return table

    def problems(self) -> list[str]:
        """Every broken promise, one line each; none means that all of it held."""
        return [
            *_broken_promises(self.accounts["ours"]),
            *_no_contrast(self.accounts["naive"]),
            *self.closing.problems(),
            *self.incidents,
        ]


def _broken_promises(account: Account) -> Iterator[str]:
    never_sent = "charged without having been sent"
    spared = "poison, but not in the dead-letter queue"
    condemned = "not poison, but in the dead-letter queue"
    for orders, what in (
        (account.lost, "lost: never charged"),
        (account.charged_twice, "charged twice although no owner was killed after the charge"),
        (account.poison_charged, "poison, but charged"),
        (account.never_sent, never_sent),
        (account.poison - account.dead_lettered, spared),
        (account.dead_lettered - account.poison, condemned),
    ):
        if orders:
            yield f"{len(orders)} {_orders(len(orders))} {what}: {_some(orders)}"
    figures = account.figures
    if figures.charged_once + figures.interrupted_repeats != figures.unique - figures.poison:
        yield (
            f"charged_once {figures.charged_once} + interrupted_repeats "
            f"{figures.interrupted_repeats} is not unique {figures.unique} - poison "
            f"{figures.poison}"
        )
    if figures.interrupted_repeats > account.kills_after_charge:
        yield (
            f"interrupted_repeats {figures.interrupted_repeats} exceeds kills_after_charge "
            f"{account.kills_after_charge}"
        )


def _no_contrast(account: Account) -> Iterator[str]:
    if not account.charged_twice:
        yield "without the module nothing was charged twice: the traffic proves nothing"


def _orders(number: int) -> str:
    return "order" if number == 1 else "orders"


def _some(orders: frozenset[str]) -> str:
    shown = ", ".join(sorted(orders)[:SHOWN])
    return shown + (", ..." if len(orders) > SHOWN else "")
