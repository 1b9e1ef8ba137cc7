"""The journal of a worker: it writes line by line, so that a kill erases nothing.

Each line is one write to a file that is open for appending: it is there as a whole once the call
has returned, whatever becomes of the process. The line of a side effect is the side effect.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.kill.account import Effect


class Journal:
    """The file of one process; its threads share it. The first word of a line is its kind."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *words: str) -> None:
        """Write ``effect`` or ``raised``, a key and its owner; or ``unconfirmed`` and a key."""
        os.write(self._file, f"{' '.join(words)}\n".encode())

    def write_answer(self, failed: Sequence[str]) -> None:
        """Answer the batch: these messages come again."""
        self.write("answer", json.dumps(failed, separators=(",", ":")))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


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

    def brings_back(self, message_id: str) -> bool:
        """Whether the queue delivers the message again."""
        return self.failed is None or message_id in self.failed


def read_page(path: Path) -> Page:
    """Read the journal of a process that has ended."""
    lines = [line.split(" ") for line in path.read_text(encoding="utf-8").splitlines()]
    answers = [json.loads(line[1]) for line in lines if line[0] == "answer"]
    return Page(
        effects=[Effect(key=line[1], owner=line[2]) for line in lines if line[0] == "effect"],
        raised=frozenset(line[2] for line in lines if line[0] == "raised"),
        unconfirmed=frozenset(line[1] for line in lines if line[0] == "unconfirmed"),
        failed=frozenset(answers[-1]) if answers else None,
    )
