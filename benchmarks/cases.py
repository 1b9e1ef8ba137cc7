"""What is varied: one factor at a time, from one base case."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CONTENDERS: Final = ("ours", "floor", "seed", "powertools", "idemkit")
"""Module names in `benchmarks.contenders`."""

KEYS: Final = {
    "ours": "id",
    "floor": "id",
    "seed": "messageId",
    "powertools": "id",
    "idemkit": "effective_key",
    "boto3_client": "id",
}
"""Each contender's table has its name; these are their partition keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One set of circumstances.

    Attributes:
        factor: what differs from the base case, as a heading.
        engine_ms: how long the stub takes for a call; None for the emulator.
        batch: messages in a batch.
        processor_ms: how long the user's code sleeps for each message.
        duplicates: percentage of the batch that has been completed before.
        receive_count: the duplicates' ``ApproximateReceiveCount``; 1 is a producer's retry.
        samples: batches to measure, where they fit the time.
        seconds: what one contender may take.
        warm_ups: batches before the measured ones; the last says how many fit the time.
        contenders: who takes part.
        reports_failures: whether messages may be reported as failed, which is a figure then.
    """

    factor: str = "base"
    engine_ms: int | None = 5
    batch: int = 10
    processor_ms: int = 0
    duplicates: int = 0
    receive_count: int = 1
    samples: int = 60
    seconds: float = 13.0
    warm_ups: int = 3
    contenders: Sequence[str] = CONTENDERS
    reports_failures: bool = False

    @property
    def name(self) -> str:
        """The value that is varied, as people read it."""
        engine = "emulator" if self.engine_ms is None else f"{self.engine_ms} ms per call"
        redelivered = " redelivered" if self.receive_count > 1 else ""
        return {
            "engine": engine,
            "batch": f"batch of {self.batch}",
            "processor": f"processor {self.processor_ms} ms",
            "duplicates": f"{self.duplicates} % duplicates{redelivered}",
        }.get(self.factor, self.factor)

    @property
    def is_counted(self) -> bool:
        """Whether the stub serves it, which counts calls and units; the emulator does not."""
        return self.engine_ms is not None

    @property
    def slug(self) -> str:
        """The name without spaces and signs, for a command line."""
        return _hyphenate(self.name)


class UnknownCaseError(Exception):
    """A case has no such name; the text lists the names there are."""


BASE: Final = Case(samples=200, seconds=90.0)
SLOW: Final = Case(factor="processor", processor_ms=20)
LARGE: Final = Case(factor="batch", batch=100, seconds=30.0)
SINGLE: Final = Case(factor="batch", batch=1)
REPEATED: Final = Case(factor="duplicates", duplicates=100)

CASES: Final = (
    BASE,
    Case(factor="engine", engine_ms=0),
    Case(factor="engine", engine_ms=20),
    Case(factor="engine", engine_ms=None),
    SINGLE,
    Case(factor="batch", batch=25),
    LARGE,
    Case(factor="processor", processor_ms=1),
    SLOW,
    Case(factor="duplicates", duplicates=50),
    REPEATED,
    Case(factor="duplicates", duplicates=100, receive_count=2),
)

HUGE: Final = tuple(
    Case(
        factor="batch",
        batch=batch,
        samples=5,
        seconds=30.0,
        warm_ups=1,
        contenders=("ours", "floor"),
        reports_failures=True,
    )
    for batch in (1_000, 10_000)
)
"""More than a queue delivers at once. Measured on request only: they take too long for the rest."""


def choose_cases(text: str) -> tuple[Case, ...]:
    """The cases that a text names, in its order and each once.

    Args:
        text: names or slugs between commas; slugs also between spaces.

    Raises:
        UnknownCaseError: a name is not the name of a case, or there is no name.
    """
    known = {case.slug: case for case in (*CASES, *HUGE)}
    slugs: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        whole = _hyphenate(part)
        slugs += [whole] if whole in known else map(_hyphenate, part.split())
    unknown = [slug for slug in slugs if slug not in known]
    if unknown or not slugs:
        problem = f"unknown case {', '.join(unknown)}" if unknown else "no case is named"
        raise UnknownCaseError(f"{problem}; the cases are {', '.join(known)}")
    return tuple(known[slug] for slug in dict.fromkeys(slugs))


def _hyphenate(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-")
