"""The verdict: ``report.json``, a person's table, and what breaks a promise."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from rich.table import Table

from scripts.demo.account import Account

Stack = Literal["ours", "naive"]

STACKS: Final[tuple[Stack, ...]] = ("ours", "naive")
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
"""The figures of a stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the demo found.

    Attributes:
        accounts: The orders of both stacks.
        left_in_queues: messages that were not settled when the time was over.
        second_plan_empty: whether terraform wanted to change nothing after all the traffic.
        left_after_destroy: resources of any kind that outlived terraform destroy.
    """

    accounts: Mapping[Stack, Account]
    left_in_queues: int
    second_plan_empty: bool
    left_after_destroy: Sequence[str]

    def write(self, directory: Path) -> None:
        """Write report.json."""
        directory.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            **{stack: _count(account) for stack, account in self.accounts.items()},
            "kills_after_charge": self.accounts["ours"].kills_after_charge,
            "second_plan_empty": self.second_plan_empty,
            "left_after_destroy": len(self.left_after_destroy),
        }
        (directory / NAME).write_text(json.dumps(content, indent=2) + "\n")

    def table(self) -> Table:
        """Both stacks side by side."""
        table = Table("", "with the module", "without", title="The same messages, twice")
        for column in table.columns[1:]:
            column.justify = "right"
        both = [_count(self.accounts[stack]) for stack in STACKS]
        for name, meaning in MEANINGS.items():
            cells = [str(figures[name]) for figures in both]
            if name in {"charged_twice", "lost"}:
                cells = [f"[bold {'red' if cell != '0' else 'green'}]{cell}[/]" for cell in cells]
            table.add_row(meaning, *cells)
        return table

    def problems(self) -> list[str]:
        """Every broken promise, one line each; none means that all of it held."""
        ours, naive = (self.accounts[stack] for stack in STACKS)
        repeats, kills = len(ours.interrupted_repeats), ours.kills_after_charge
        broken = {
            "a second terraform plan was not empty": not self.second_plan_empty,
            f"{self.left_in_queues} messages are still in the queues": self.left_in_queues,
            f"interrupted_repeats {repeats} exceeds kills_after_charge {kills}": repeats > kills,
            "without the module nothing was charged twice: the traffic proves nothing": (
                not naive.charged_twice
            ),
        }
        return [
            *_list_broken(ours),
            *(line for line, is_broken in broken.items() if is_broken),
            *(
                f"{stack}: a fault never happened: {_show(self.accounts[stack].untaken_faults)}"
                for stack in STACKS
                if self.accounts[stack].untaken_faults
            ),
            *(f"terraform destroy left the {name} behind" for name in self.left_after_destroy),
        ]


def _list_broken(account: Account) -> Iterator[str]:
    condemned = account.dead_lettered - account.poison
    for orders, what in (
        (account.lost, "lost: never charged"),
        (account.charged_twice, "charged twice although no owner was killed after the charge"),
        (account.poison_charged, "poison, but charged"),
        (account.never_sent, "charged without having been sent"),
        (account.poison - account.dead_lettered, "poison, but not in the dead-letter queue"),
        (condemned, "not poison, but in the dead-letter queue"),
    ):
        if orders:
            noun = "order" if len(orders) == 1 else "orders"
            yield f"{len(orders)} {noun} {what}: {_show(orders)}"


def _show(orders: set[str]) -> str:
    return ", ".join(sorted(orders)[:SHOWN]) + (", ..." if len(orders) > SHOWN else "")


def _count(account: Account) -> dict[str, int]:
    """The figures: how many messages, orders or deliveries there are of each kind."""
    found = {name: getattr(account, name) for name in MEANINGS}
    return {name: kind if isinstance(kind, int) else len(kind) for name, kind in found.items()}


def _no_contrast(account: Account) -> Iterator[str]:
    if not account.charged_twice:
        yield "without the module nothing was charged twice: the traffic proves nothing"


def _orders(number: int) -> str:
    return "order" if number == 1 else "orders"


def _some(orders: frozenset[str]) -> str:
    shown = ", ".join(sorted(orders)[:SHOWN])
    return shown + (", ..." if len(orders) > SHOWN else "")
