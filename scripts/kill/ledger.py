"""What a worker writes down, a line at a time, so that a kill erases nothing.

Each line is one write to a file that is open for appending: it is there as a whole once the call
has returned, whatever becomes of the process. The line of an effect is the effect.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scripts.kill.account import Effect


class Line(StrEnum):
    """The kinds of lines, by their first word."""

    EFFECT = "effect"
    RAISED = "raised"
    UNCONFIRMED = "unconfirmed"
    ANSWER = "answer"


class Ledger:
    """The file of one process; its threads share it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def effect(self, key: str, owner: str) -> None:
        """The effect of a key."""
        self._write(f"{Line.EFFECT} {key} {owner}")

    def raised(self, key: str, owner: str) -> None:
        """The processor raises."""
        self._write(f"{Line.RAISED} {key} {owner}")

    def unconfirmed(self, key: str) -> None:
        """The consumer reports that a completion is not confirmed."""
        self._write(f"{Line.UNCONFIRMED} {key}")

    def answer(self, failed: Sequence[str]) -> None:
        """The batch is answered: these messages come again."""
        self._write(f"{Line.ANSWER} {json.dumps(list(failed), separators=(',', ':'))}")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a process wrote down.

    Attributes:
        effects: in their order.
        raised: the owners whose processor raised.
        unconfirmed: the keys whose completion was reported as unconfirmed.
        failed: the ids of messages that come again; None without an answer.
    """

    effects: Sequence[Effect]
    raised: frozenset[str]
    unconfirmed: frozenset[str]
    failed: frozenset[str] | None


def read(path: Path) -> Page:
    """Read what a process that has ended wrote down."""
    lines = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    answers = [json.loads(line[1]) for line in lines if line[0] == Line.ANSWER]
    return Page(
        effects=[Effect(key=line[1], owner=line[2]) for line in lines if line[0] == Line.EFFECT],
        raised=frozenset(line[2] for line in lines if line[0] == Line.RAISED),
        unconfirmed=frozenset(line[1] for line in lines if line[0] == Line.UNCONFIRMED),
        failed=frozenset(answers[-1]) if answers else None,
    )
