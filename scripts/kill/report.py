"""The campaign's verdict: ``kill.json``, and a line for each broken promise."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.kill.account import PROMISES, Cause
from scripts.kill.campaign import Played
from scripts.kill.plan import Mode

SHOWN: Final = 3


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
    def worst(self) -> Played:
        """The round that comes nearest to the documented bound, or exceeds it most."""
        return max(self.played, key=lambda game: game.largest - game.planned.bound)

    def count_kills(self, mode: Mode) -> int:
        """Count the processes of a mode that were killed."""
        return sum(len(game.kills) for game in self.played if game.planned.mode is mode)

    def figures(self) -> dict[str, Any]:
        """The content of kill.json."""
        return {
            "seed": self.seed,
            "kills": sum(self.count_kills(mode) for mode in Mode),
            **{name: len(self._list_wrong(name)) for name in PROMISES},
            "largest_repeat": self.worst.largest,
            "documented_bound": self.worst.planned.bound,
            "worst": self.worst.planned.name,
            "modes": {mode: self._summarise(mode) for mode in Mode},
            "seconds": round(self.seconds),
        }

    def problems(self) -> Iterator[str]:
        """Every broken promise, and every reason why the campaign proves less, one line each."""
        for name, text in PROMISES.items():
            if wrong := self._list_wrong(name):
                some = ", ".join(wrong[:SHOWN])
                yield f"{len(wrong)} {text}: {some}{', ...' if len(wrong) > SHOWN else ''}"
        worst = self.worst
        if worst.largest > worst.planned.bound:
            yield (
                f"one kill left {worst.largest} side effects unconfirmed, over the bound of "
                f"{worst.planned.bound}, in round {worst.planned.name}"
            )
        for mode in Mode:
            if (kills := self.count_kills(mode)) < self.wanted:
                yield f"only {kills} kills in {mode} mode: {self.wanted} were asked for"

    def _list_wrong(self, name: str) -> list[str]:
        return [key for game in self.played for key in sorted(game.account.wrong.get(name, ()))]

    def _summarise(self, mode: Mode) -> dict[str, Any]:
        played = [game for game in self.played if game.planned.mode is mode]
        after = Counter(event for game in played for event in game.kills)
        return {
            "kills": self.count_kills(mode),
            "kills_after": dict(sorted(after.items())),
            "rounds": len(played),
            "deliveries": sum(game.deliveries for game in played),
            "repeats": {
                cause: sum(game.account.repeats.get(cause, 0) for game in played) for cause in Cause
            },
        }
