"""The campaign's verdict: ``kill.json`` and what breaks a promise."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from idempotent_lambda.agenda import WINDOW
from scripts.kill.account import Account, Cause
from scripts.kill.plan import Mode, Round

NAME: Final = "kill.json"
SHOWN: Final = 3

ZERO: Final[Mapping[str, str]] = {
    "lost": "lost",
    "unexplained_repeats": "repeated for no reason that P5 knows",
    "parked_without_copy": "parked without a copy in the dead-letter queue",
    "counter_errors": "not exactly once although in a transaction",
    "unfinished": "rounds with messages that are delivered again and again",
}
"""What must be zero, and how a line about it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A round and what came of it.

    Attributes:
        deliveries: how many it took.
        kills: after what each of its kills came.
    """

    planned: Round
    account: Account
    deliveries: int
    kills: Sequence[str]

    @property
    def largest(self) -> int:
        """The most effects that one of its kills left unconfirmed."""
        return max(self.account.in_doubt, default=0)

    @property
    def excess(self) -> int:
        """By how much that is more than is documented."""
        return self.largest - self.planned.bound

    def wrong(self, figure: str) -> list[str]:
        """What a figure that must be zero counts here."""
        match figure:
            case "lost":
                return sorted(self.account.lost)
            case "unexplained_repeats":
                return sorted(self.account.unexplained)
            case "parked_without_copy":
                return sorted(self.account.without_copy)
            case "counter_errors":
                return sorted(self.account.miscounted)
            case _:
                return [f"{self.planned.mode}-{self.planned.number}"] * self.account.unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the campaign found.

    Attributes:
        wanted: how many kills of each mode were asked for.
        played: all rounds.
    """

    seed: int
    wanted: int
    played: Sequence[Played]
    seconds: float

    @property
    def worst(self) -> Played | None:
        """The round that comes nearest to the documented bound, or exceeds it most."""
        return max(self.played, key=lambda each: each.excess, default=None)

    def kills(self, mode: Mode) -> int:
        """How many processes of a mode were killed."""
        return sum(len(each.kills) for each in self.played if each.planned.mode is mode)

    def figures(self) -> dict[str, Any]:
        """The content of kill.json."""
        worst = self.worst
        return {
            "seed": self.seed,
            "kills": sum(self.kills(mode) for mode in Mode),
            **{name: len(self._wrong(name)) for name in ZERO},
            "largest_repeat": worst.largest if worst else 0,
            "documented_bound": worst.planned.bound if worst else WINDOW + 1,
            "worst": _described(worst) if worst else {},
            "modes": {mode: self._mode(mode) for mode in Mode},
            "seconds": round(self.seconds),
        }

    def write(self, directory: Path) -> None:
        """Write kill.json."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / NAME).write_text(json.dumps(self.figures(), indent=2) + "\n")

    def problems(self) -> Iterator[str]:
        """Every broken promise, and whatever makes the campaign prove less, one line each."""
        for name, ending in ZERO.items():
            if wrong := self._wrong(name):
                some = ", ".join(wrong[:SHOWN])
                yield f"{len(wrong)} {ending}: {some}{', ...' if len(wrong) > SHOWN else ''}"
        worst = self.worst
        if worst and worst.excess > 0:
            yield (
                f"one kill left {worst.largest} effects unconfirmed, {worst.planned.bound} is the "
                f"documented bound: {json.dumps(_described(worst))}"
            )
        for mode in Mode:
            if (kills := self.kills(mode)) < self.wanted:
                yield f"only {kills} kills in {mode} mode, {self.wanted} were to be"

    def _wrong(self, name: str) -> list[str]:
        return [key for each in self.played for key in each.wrong(name)]

    def _mode(self, mode: Mode) -> dict[str, Any]:
        played = [each for each in self.played if each.planned.mode is mode]
        return {
            "kills": self.kills(mode),
            "kills_after": dict(
                sorted(Counter(at for each in played for at in each.kills).items())
            ),
            "rounds": len(played),
            "deliveries": sum(each.deliveries for each in played),
            "messages": sum(len(each.planned.keys) for each in played),
            "largest_batch": max((len(each.planned.keys) for each in played), default=0),
            "largest_repeat": max((each.largest for each in played), default=0),
            "repeats": {
                cause: sum(each.account.repeats[cause] for each in played) for cause in Cause
            },
        }


def _described(played: Played) -> dict[str, Any]:
    planned = played.planned
    return {
        "mode": planned.mode,
        "round": planned.number,
        "messages": len(planned.keys),
        "concurrency": planned.concurrency,
        "pace": planned.pace,
        "in_doubt": played.account.in_doubt,
        "killed_after": played.kills,
    }
