"""The campaign's verdict: ``kill.json``, and a line for each broken promise."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from idempotent_lambda.protocol.plan_state import WINDOW
from scripts.kill.account import Account, Cause
from scripts.kill.plan import Mode, Round

NAME: Final = "kill.json"
SHOWN: Final = 3

ZERO: Final[Mapping[str, str]] = {
    "lost": "lost",
    "unexplained_repeats": "repeated without a cause that P5 allows",
    "parked_without_copy": "parked without a copy in the dead-letter queue",
    "counter_errors": "not exactly once although in a transaction",
    "unfinished": "rounds without an end: messages are delivered again and again",
}
"""The figures that must be zero, and the text of their lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A round and its result.

    Attributes:
        deliveries: how many it took.
        kills: the event before each kill.
    """

    planned: Round
    account: Account
    deliveries: int
    kills: Sequence[str]

    @property
    def largest(self) -> int:
        """The most side effects that one of its kills left unconfirmed."""
        return max(self.account.in_doubt, default=0)

    @property
    def excess(self) -> int:
        """By how much that exceeds the documented bound."""
        return self.largest - self.planned.bound

    def list_wrong(self, figure: str) -> list[str]:
        """List the keys that a figure counts here."""
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
    """The result of the campaign.

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
        return max(self.played, key=lambda game: game.excess, default=None)

    def count_kills(self, mode: Mode) -> int:
        """Count the processes of a mode that were killed."""
        return sum(len(game.kills) for game in self.played if game.planned.mode is mode)

    def figures(self) -> dict[str, Any]:
        """The content of kill.json."""
        worst = self.worst
        return {
            "seed": self.seed,
            "kills": sum(self.count_kills(mode) for mode in Mode),
            **{name: len(self._list_wrong(name)) for name in ZERO},
            "largest_repeat": worst.largest if worst else 0,
            "documented_bound": worst.planned.bound if worst else WINDOW + 1,
            "worst": _describe(worst) if worst else {},
            "modes": {mode: self._summarise(mode) for mode in Mode},
            "seconds": round(self.seconds),
        }

    def write(self, directory: Path) -> None:
        """Write kill.json."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / NAME).write_text(json.dumps(self.figures(), indent=2) + "\n")

    def problems(self) -> Iterator[str]:
        """Every broken promise, and every reason why the campaign proves less, one line each."""
        for name, ending in ZERO.items():
            if wrong := self._list_wrong(name):
                some = ", ".join(wrong[:SHOWN])
                yield f"{len(wrong)} {ending}: {some}{', ...' if len(wrong) > SHOWN else ''}"
        worst = self.worst
        if worst and worst.excess > 0:
            yield (
                f"one kill left {worst.largest} side effects unconfirmed, over the bound of "
                f"{worst.planned.bound}: {json.dumps(_describe(worst))}"
            )
        for mode in Mode:
            if (kills := self.count_kills(mode)) < self.wanted:
                yield f"only {kills} kills in {mode} mode: {self.wanted} were asked for"

    def _list_wrong(self, name: str) -> list[str]:
        return [key for game in self.played for key in game.list_wrong(name)]

    def _summarise(self, mode: Mode) -> dict[str, Any]:
        played = [game for game in self.played if game.planned.mode is mode]
        return {
            "kills": self.count_kills(mode),
            "kills_after": dict(
                sorted(Counter(event for game in played for event in game.kills).items())
            ),
            "rounds": len(played),
            "deliveries": sum(game.deliveries for game in played),
            "messages": sum(len(game.planned.keys) for game in played),
            "largest_batch": max((len(game.planned.keys) for game in played), default=0),
            "largest_repeat": max((game.largest for game in played), default=0),
            "repeats": {
                cause: sum(game.account.repeats[cause] for game in played) for cause in Cause
            },
        }


def _describe(played: Played) -> dict[str, Any]:
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
