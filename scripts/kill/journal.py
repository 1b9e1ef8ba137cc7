"""The journal of a worker: it writes line by line, so that a kill erases nothing.

Each line is one write to a file that is open for appending: it is there as a whole once the call
has returned, whatever becomes of the process. The line of a side effect is the side effect.
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


class Journal:
    """The file of one process; its threads share it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write_effect(self, key: str, owner: str) -> None:
        """Do the side effect of a key."""
        self._write(f"{Line.EFFECT} {key} {owner}")

    def write_raise(self, key: str, owner: str) -> None:
        """Note that the processor raises."""
        self._write(f"{Line.RAISED} {key} {owner}")

    def write_unconfirmed(self, key: str) -> None:
        """Note that the consumer reports a completion as unconfirmed."""
        self._write(f"{Line.UNCONFIRMED} {key}")

    def write_answer(self, failed: Sequence[str]) -> None:
        """Answer the batch: these messages come again."""
        self._write(f"{Line.ANSWER} {json.dumps(list(failed), separators=(',', ':'))}")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The content of a journal.

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


def read_page(path: Path) -> Page:
    """Read the journal of a process that has ended."""
    lines = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    answers = [json.loads(line[1]) for line in lines if line[0] == Line.ANSWER]
    return Page(
        effects=[Effect(key=line[1], owner=line[2]) for line in lines if line[0] == Line.EFFECT],
        raised=frozenset(line[2] for line in lines if line[0] == Line.RAISED),
        unconfirmed=frozenset(line[1] for line in lines if line[0] == Line.UNCONFIRMED),
        failed=frozenset(answers[-1]) if answers else None,
    )
