"""The soak's verdict: ``soak.json`` and what breaks a promise."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.soak.account import Account, Evidence, account
from scripts.support.proxy import Fault

NAME: Final = "soak.json"
SHOWN: Final = 5
RARE: Final = {"slow", "hangs"}
"""Faults so rare, because each costs its invocation a second, that a short soak may see none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the soak found.

    Attributes:
        proxy: how often the proxy struck, by fault.
        silenced: owners whose completion the proxy left without an answer until they gave up.
        backlog: what was left in the queue when the time was up.
        seconds: from the first message to the empty queue.
    """

    seed: int
    evidence: Evidence
    proxy: Mapping[Fault, int]
    silenced: int
    backlog: int
    seconds: float

    def injected(self) -> dict[str, int]:
        """What each injector says it did."""
        struck = Counter(
            str(row["fault"]).split("_")[0] for row in self.evidence.faults if row["struck"]
        )
        return {
            "kills": struck["kill"],
            "timeouts": struck["timeout"],
            "exceptions": struck["raise"],
            "overlaps": struck["overlap"],
            "producer_duplicates": sum(row["duplicate"] for row in self.evidence.sent),
            "silenced_completions": self.silenced,
            "lost_responses": self.proxy.get(Fault.LOST_RESPONSE, 0),
            "lost_requests": self.proxy.get(Fault.LOST_REQUEST, 0),
            "resets": self.proxy.get(Fault.RESET, 0),
            "throttles": self.proxy.get(Fault.THROTTLE, 0),
            "errors_500": self.proxy.get(Fault.ERROR, 0),
            "slow": self.proxy.get(Fault.SLOW, 0),
            "hangs": self.proxy.get(Fault.HANG, 0),
            "throttled_parts": self.proxy.get(Fault.PART_THROTTLED, 0),
            "errors_500_of_parts": self.proxy.get(Fault.PART_ERROR, 0),
            "lost_parts": self.proxy.get(Fault.PART_LOST, 0),
            "short_answers": self.proxy.get(Fault.SHORT, 0),
        }

    def figures(self) -> dict[str, Any]:
        """The content of soak.json."""
        settled = account(self.evidence)
        outcomes = Counter(
            "coalesced" if row["coalesced"] else row["outcome"] for row in self.evidence.deliveries
        )
        return {
            "seed": self.seed,
            "messages": len(self.evidence.sent),
            "unique": len(settled.unique),
            "poison": len(settled.poison),
            "lost": len(settled.lost),
            "repeated": len(settled.repeated),
            **{
                f"{cause}_repeats": settled.repeats.get(cause, 0)
                for cause in ("interrupted", "unconfirmed", "raised")
            },
            "early_repeats": len(settled.early),
            "dead_lettered": len(settled.poison - settled.spared) + len(settled.condemned),
            "backlog": self.backlog,
            "injected": self.injected(),
            "outcomes": dict(sorted(outcomes.items())),
            "seconds": round(self.seconds),
        }

    def write(self, directory: Path) -> None:
        """Write soak.json."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / NAME).write_text(json.dumps(self.figures(), indent=2) + "\n")

    def problems(self) -> list[str]:
        """Every broken promise, and whatever makes the soak prove less, one line each."""
        return [*_list_broken(account(self.evidence)), *self._list_unfinished()]

    def _list_unfinished(self) -> Iterator[str]:
        if self.backlog:
            yield f"{self.backlog} messages were still in the queue"
        for row in self.evidence.faults:
            if not row["struck"]:
                yield f"a fault never struck: {row['fault']} of {row['fault_id']}"
        for name, number in self.injected().items():
            if not number and name not in RARE:
                yield f"no {name} were injected"


def _list_broken(account: Account) -> Iterator[str]:
    found: Mapping[str, Collection[str]] = {
        "lost": account.lost,
        "repeated for no reason that P5 knows": account.repeated,
        "repeated while an owner's lease was live": account.early,
        "poison, but took effect": account.poison_effects,
        "poison, but not in the dead-letter queue": account.spared,
        "not poison, but in the dead-letter queue": account.condemned,
        "took effect without having been sent": account.never_sent,
    }
    for what, orders in found.items():
        if orders:
            some = ", ".join(sorted(orders)[:SHOWN])
            yield f"{len(orders)} {what}: {some}{', ...' if len(orders) > SHOWN else ''}"
