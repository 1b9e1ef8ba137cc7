"""The verdict: ``report.json``, a table for the terminal, and the broken promises."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from scripts.support.account import LOST, REPEATED, UNTAKEN, Account
from scripts.support.observation import SUPPRESSING

STACKS: Final = ("ours", "naive")
NAME: Final = "report.json"
SHOWN: Final = 5
MEANINGS: Final[Mapping[str, str]] = {
    "sent": "messages sent",
    "unique": "different orders",
    "poison": "orders that can never be charged",
    "charged_once": "orders charged once",
    "interrupted_repeats": "charged again: the process was killed after the charge",
    "charged_twice": "charged twice for any other reason",
    "lost": "orders lost",
    "dead_lettered": "orders in the dead-letter queue",
    "duplicates_suppressed": "duplicates that charged nothing",
}
"""The figures of a stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of the demo."""

    accounts: Mapping[str, Account]  # by stack
    left_in_queues: int  # messages that were not settled when the time was over
    second_plan_empty: bool  # after all the traffic
    left_after_destroy: Sequence[str]  # resources of any kind

    def write(self, directory: Path) -> None:
        """Write report.json."""
        directory.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            **{stack: _count(account) for stack, account in self.accounts.items()},
            "kills_after_charge": self.accounts["ours"].interrupted,
            "second_plan_empty": self.second_plan_empty,
            "left_after_destroy": len(self.left_after_destroy),
        }
        (directory / NAME).write_text(json.dumps(content, indent=2) + "\n")

    def table(self) -> Table:
        """Show both stacks side by side."""
        table = Table("", "with the module", "without", title="The same messages to both stacks")
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
        """List the broken promises, one line each."""
        ours, naive = (self.accounts[stack] for stack in STACKS)
        # Nothing raises after a charge or refuses calls, so no other cause excuses a repetition.
        wrong = {**ours.wrong, REPEATED: find_charged_twice(ours)}
        problems = [
            *(_describe(orders, promise) for promise, orders in wrong.items() if orders),
            *(f"terraform destroy left the {name} behind" for name in self.left_after_destroy),
        ]
        if not self.second_plan_empty:
            problems.append("a second terraform plan was not empty")
        if self.left_in_queues:
            problems.append(f"{self.left_in_queues} messages are still in the queues")
        if not find_charged_twice(naive):
            problems.append(
                "without the module nothing was charged twice: the traffic proves nothing"
            )
        if untaken := naive.wrong.get(UNTAKEN):
            problems.append(_describe(untaken, f"{UNTAKEN}, without the module"))
        return problems


def find_charged_twice(account: Account) -> set[str]:
    """Find the orders with a charge after one whose owner was not killed.

    Kills are late here: the rest of the batch is confirmed, so a kill excuses only its own order.
    """
    excused = account.struck
    return {
        order for order, cause in account.repeats if cause != "interrupted" or order not in excused
    }


def _describe(orders: set[str], promise: str) -> str:
    noun = "order" if len(orders) == 1 else "orders"
    shown = ", ".join(sorted(orders)[:SHOWN]) + (", ..." if len(orders) > SHOWN else "")
    return f"{len(orders)} {noun} {promise}: {shown}"


def _count(account: Account) -> dict[str, int]:
    """Count the messages, orders or deliveries of each kind."""
    twice = find_charged_twice(account)
    return {
        "sent": account.sent,
        "unique": len(account.unique),
        "poison": len(account.poison),
        "charged_once": len(account.once),
        "charged_twice": len(twice),
        "interrupted_repeats": len({order_id for order_id, _ in account.repeats} - twice),
        "lost": len(account.wrong.get(LOST, ())),
        "dead_lettered": len(account.dead_lettered),
        "duplicates_suppressed": sum(account.outcomes[outcome] for outcome in SUPPRESSING),
    }
