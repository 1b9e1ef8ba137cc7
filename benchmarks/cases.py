"""The cases. Each varies one factor of the base case."""

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
"""The partition key of each contender's table. The table has the contender's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The circumstances of one measurement.

    Attributes:
        factor: the factor that differs from the base case, as a heading.
        engine_ms: the time that the stub takes for a call; None for the emulator.
        batch: the number of messages in a batch.
        processor_ms: the time that the user's code sleeps for each message.
        duplicates: the percentage of the batch that was completed before.
        receive_count: the duplicates' ``ApproximateReceiveCount``; 1 is a producer's retry.
        samples: the number of batches to measure, if they fit the time.
        seconds: the time limit of one contender.
        warm_ups: the number of batches before the measured ones; the last one is timed to compute
            how many batches fit the time limit.
        contenders: the contenders to measure.
        reports_failures: whether messages may be reported as failed; the count is then a figure.
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
        """The varied value, as the page shows it."""
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
        """Whether the stub serves the case: only the stub counts calls and units."""
        return self.engine_ms is not None

    @property
    def slug(self) -> str:
        """The name without spaces and signs, for a command line."""
        return _hyphenate(self.name)


class UnknownCaseError(Exception):
    """A case with this name does not exist; the text lists the names that do."""


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
"""More messages than a queue delivers at once. Too slow to measure except on request."""


def choose_cases(text: str) -> tuple[Case, ...]:
    """Return the cases that a text names, in its order, without repetitions.

    Args:
        text: names or slugs, separated by commas; slugs also by spaces.

    Raises:
        UnknownCaseError: a name is unknown, or the text is empty.
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
