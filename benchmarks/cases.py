"""What is varied: one factor at a time, from one base case."""

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
    """

    factor: str = "base"
    engine_ms: int | None = 5
    batch: int = 10
    processor_ms: int = 0
    duplicates: int = 0
    receive_count: int = 1
    samples: int = 60
    seconds: float = 13.0

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
