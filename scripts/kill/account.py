"""Checks rounds against the promises: lost messages, repeated side effects and their causes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from scripts.kill.plan import Event, Mode, Round

COMPLETED, PARKED, MARKED = "COMPLETED", "PARKED", "MARKED"
"""The states of a record that matter here. A parked record is marked once its copy is sent."""

PROMISES: Final[Mapping[str, str]] = {
    "lost": "lost",
    "unexplained_repeats": "repeated without a cause that P5 allows",
    "parked_without_copy": "parked without a copy in the dead-letter queue",
    "counter_errors": "not exactly once although in a transaction",
    "unfinished": "without an end: delivered again and again",
}
"""Events that must not happen to any key, by the name of the figure."""

Journal = Mapping[str, Sequence[tuple[str, ...]]]
"""A worker's entries, by kind: ``effect`` and ``raised`` (after the effect) have key and owner,
``unconfirmed`` has a key, and ``answer`` has the ids of the messages that come again."""


class Cause(StrEnum):
    """Why P5 lets a side effect repeat."""

    RAISED = "raised"
    INTERRUPTED = "interrupted"
    UNCONFIRMED = "unconfirmed"


class Run(NamedTuple):
    """A run of a key; each has a different owner token, which its record and its copy name."""

    key: str
    owner: str


@dataclass(slots=True, kw_only=True)
class Account:
    """A round and the results of its deliveries; ``wrong`` has the keys that break each promise."""

    planned: Round
    deliveries: int = 0
    wrong: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in PROMISES})
    kills: list[Event] = field(default_factory=list)  # the event before each
    # For each kill, the number of side effects without a record that confirms them.
    in_doubt: list[int] = field(default_factory=list)
    repeats: Counter[Cause] = field(default_factory=Counter)
    done: set[str] = field(default_factory=set)  # the keys whose side effect has happened
    # Why the last side effect of a key may repeat, if it may.
    causes: dict[str, Cause | None] = field(default_factory=dict)

    def add(
        self,
        said: Journal,
        *,
        acknowledged: set[str],
        left: set[str],
        records: Mapping[Run, str],
        copies: set[Run],
        counters: Mapping[str, int],
    ) -> None:
        """Check the next delivery, and the state of the tables after it.

        ``said`` has no answer if the worker was killed. ``left`` has the keys that wait for another
        delivery, and ``counters`` the number of committed side effects of transactions, by key.
        """
        effects, raised = ([Run(*words) for words in said[kind]] for kind in ("effect", "raised"))
        committed = {key for key, times in counters.items() if times}
        done = committed | {run.key for run in effects if run not in raised}
        completed = {run.key for run, state in records.items() if state == COMPLETED}
        parked = {run for run, state in records.items() if state in (PARKED, MARKED)}
        in_doubt = set() if said["answer"] else done - completed
        if not said["answer"]:
            self.kills.append(self.planned.moments[self.deliveries].event)
            self.in_doubt.append(len(in_doubt))
        self.deliveries += 1
        for run in effects:
            if cause := self.causes.get(run.key):
                self.repeats[cause] += 1
            elif run.key in self.causes:
                self.wrong["unexplained_repeats"].add(run.key)
            cause = Cause.UNCONFIRMED if (run.key,) in said["unconfirmed"] else None
            cause = Cause.INTERRUPTED if run.key in in_doubt else cause
            self.causes[run.key] = Cause.RAISED if run in raised else cause
        self.done |= done
        safe = self.done & completed
        self.wrong["lost"] |= acknowledged - safe - {run.key for run in parked}
        self.wrong["parked_without_copy"] |= {
            run.key for run in parked - copies if records[run] == MARKED or run.key in acknowledged
        }
        self.wrong["counter_errors"] |= {key for key, times in counters.items() if times > 1}
        self.wrong["unfinished"] = left
        if not left:
            keys = set(self.planned.keys)
            self.wrong["lost"] |= keys - safe
            if self.planned.mode is Mode.TRANSACTION:
                self.wrong["counter_errors"] |= keys - committed


def compute_figures(accounts: Sequence[Account]) -> dict[str, Any]:
    """Compute the content of kill.json except the seed and the seconds."""
    modes = {mode: _summarise(accounts, mode) for mode in Mode}
    # The kill that comes nearest to its documented bound, or exceeds it most.
    kills = [(doubt, account.planned) for account in accounts for doubt in account.in_doubt]
    largest, worst = max(kills, key=lambda kill: kill[0] - kill[1].bound)
    return {
        "kills": sum(mode["kills"] for mode in modes.values()),
        **{name: len(_list_wrong(accounts, name)) for name in PROMISES},
        "largest_repeat": largest,
        "documented_bound": worst.bound,
        "worst": worst.name,
        "modes": modes,
    }


def list_problems(accounts: Sequence[Account], figures: Any, wanted: int) -> Iterator[str]:
    """List every broken promise, and every reason why the campaign proves less, one line each."""
    for name, text in PROMISES.items():
        if wrong := _list_wrong(accounts, name):
            more = ", ..." if wrong[3:] else ""
            yield f"{len(wrong)} {text}: {', '.join(wrong[:3])}{more}"
    largest, bound = figures["largest_repeat"], figures["documented_bound"]
    if largest > bound:
        text = f"one kill left {largest} side effects unconfirmed, over the bound of {bound}"
        yield f"{text}, in round {figures['worst']}"
    for mode in Mode:
        if (kills := figures["modes"][mode]["kills"]) < wanted:
            yield f"only {kills} kills in {mode} mode: {wanted} were asked for"


def _list_wrong(accounts: Sequence[Account], name: str) -> list[str]:
    return [key for account in accounts for key in sorted(account.wrong[name])]


def _summarise(accounts: Sequence[Account], mode: Mode) -> dict[str, Any]:
    """Summarise the rounds of one mode."""
    accounts = [account for account in accounts if account.planned.mode is mode]
    after = Counter(event for account in accounts for event in account.kills)
    return {
        "kills": after.total(),
        "kills_after": dict(sorted(after.items())),
        "repeats": {cause: sum(account.repeats[cause] for account in accounts) for cause in Cause},
    }
