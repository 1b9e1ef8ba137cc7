"""The bytes and dollars of the log, by its mode, as `make docs` writes them into docs/logs.md.

The consumer and its log run as deployed, on a table in memory. Every duration is replaced by a
usual one, so each run writes the same bytes.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import idempotent_lambda
from benchmarks.page import DOCS
from benchmarks.prices import DOLLARS_PER_LOG_GB
from idempotent_lambda.clock import Millis
from idempotent_lambda.log import JsonLines
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.settings import Settings
from idempotent_lambda_toolkit.testing import (
    InMemoryClaimStore,
    InMemoryQueues,
    ManualClock,
    events,
)
from scripts.pages import render, table

PAGE: Final = DOCS / "logs.md"
MODES: Final = ("all", "sampled:10", "sampled:100", "problems")
MESSAGES: Final = 2000
BATCH: Final = 10

PROCESSOR: Final = """
failed = set()

def process(message):
    order_id = message.body["order_id"]
    if order_id.endswith(("000", "200", "400", "600", "800")) and order_id not in failed:
        failed.add(order_id)
        raise ValueError("card declined")
"""
"""One in 200 messages fails once."""

ENVIRONMENT: Final = {
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
    "IDEMPOTENCY_KEY": "body.order_id",
    "IDEMPOTENCY_METRICS": "on",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_PROCESSOR": "orders.process",
    "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
    "IDEMPOTENCY_TABLE": "orders-idempotency",
}
REQUEST_ID: Final = "79104ebd-3d55-4c3b-9a4e-6c6ad9f2a0d1"
CALL_MILLIS: Final = Millis(5)
RUN_MILLIS: Final = Millis(50)
DEPLOYED: Final = "/var/task"


class UsualLines(JsonLines):
    """The log of the package, with usual durations."""

    def report_message(self, *given: Any, **named: Any) -> None:
        """Log a message whose steps took the usual time."""
        (history,) = (value for value in given if isinstance(value, ClaimHistory))
        usual = dict.fromkeys(history.durations, CALL_MILLIS)
        history.durations = usual | ({"run_ms": RUN_MILLIS} if "run_ms" in usual else {})
        super().report_message(*given, **named)

    def report_batch(self, stats: BatchStats) -> None:
        """Log a batch that made one claim and one completion."""
        calls = [CALL_MILLIS, CALL_MILLIS]
        super().report_batch(replace(stats, overhead=Millis(sum(calls)), store=calls))


def measure(mode: str, batch: int = BATCH) -> dict[str, tuple[int, int]]:
    """Return how many lines of each event there are for all messages, and their bytes.

    Args:
        mode: value of ``IDEMPOTENCY_LOG``.
        batch: messages in a batch.
    """
    settings = Settings.from_environment(ENVIRONMENT | {"IDEMPOTENCY_LOG": mode})
    clock, stream = ManualClock(), io.StringIO()
    observer = UsualLines.from_settings(clock, settings)
    consumer = Consumer(
        processor=_load_processor(),
        settings=settings,
        store=InMemoryClaimStore(),
        queues=InMemoryQueues(),
        clock=clock,
        observer=observer,
    )
    with contextlib.redirect_stdout(stream):
        for event in _make_events(batch):
            consumer.consume(event, Millis(30_000), REQUEST_ID)
    found: dict[str, tuple[int, int]] = {}
    home = str(Path(idempotent_lambda.__file__).parents[1])
    for line in stream.getvalue().splitlines():
        kind = line.partition('"event":"')[2].partition('"')[0]
        lines, size = found.get(kind, (0, 0))
        found[kind] = lines + 1, size + len(line.replace(home, DEPLOYED).encode())
    return found


def _load_processor() -> Callable[..., object]:
    names: dict[str, Any] = {}
    exec(compile(PROCESSOR, f"{DEPLOYED}/orders.py", "exec"), names)  # noqa: S102  # its own text
    processor: Callable[..., object] = names["process"]
    return processor


def _make_events(batch: int) -> Iterator[dict[str, Any]]:
    """Yield the batches; those with a message that fails, and one in 50 others, come twice."""
    for first in range(0, MESSAGES, batch):
        numbers = range(first, first + batch)
        event = events.sqs(*({"order_id": f"ORDER-{number:06}"} for number in numbers))
        yield event
        again = [
            record
            for number, record in zip(numbers, event["Records"], strict=True)
            if number % 200 == 0 or number % 50 == 1
        ]
        if again:
            yield events.redelivered({"Records": again})


def sections() -> dict[str, str]:
    """Return the generated section of docs/logs.md, by name."""
    rows = [_build_row(f"`{mode}`", *measure(mode)["message"]) for mode in MODES]
    for batch, title in (
        (BATCH, f"metrics, {BATCH} messages in a batch"),
        (1, "metrics, one message or call"),
    ):
        row = _build_row(title, *measure("problems", batch)["batch"])
        rows.append((*row[:-1], "no metrics"))
    prices = (f"a million messages, `{name}`" for name in DOLLARS_PER_LOG_GB)
    return {"costs": table(("", "lines per message", "bytes per message", *prices), rows)}


def _build_row(title: str, lines: int, size: int) -> tuple[str, ...]:
    """Return the lines and bytes per message, and the dollars per million messages."""
    dollars = (size / MESSAGES / 1000 * price for price in DOLLARS_PER_LOG_GB.values())
    shown = (f"${amount:.3f}" for amount in dollars)
    return title, f"{lines / MESSAGES:.3f}", f"{size / MESSAGES:.1f}", *shown


if __name__ == "__main__":
    costs = sections()
    print(costs["costs"])
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), costs), encoding="utf-8")
