"""The log: one JSON line per message, and the metrics in one line per batch.

A line never holds the body. The key is plain or hashed, as set. An error's text is logged as it was
raised, so the processor decides what its exceptions say. If keys are hashed, the hash also replaces
the key of the message in that text.
"""

import json
import sys
import threading
import traceback
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

from idempotent_lambda.clock import Clock, EpochMillis
from idempotent_lambda.errors import StoreError, text_of
from idempotent_lambda.keys import Key
from idempotent_lambda.metrics import DIMENSION, MAX_VALUES, METRICS, NAMESPACE, count_message
from idempotent_lambda.observer import DURATION_FIELDS, BatchStats, ClaimHistory, is_traced
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.settings import read_trace_header
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.traces import parse_xray_header

MAX_ERROR_CHARACTERS = 1000
MAX_FRAMES = 10

_LINE_ENCODER = json.JSONEncoder(separators=(",", ":"))
_INFO_OUTCOMES = frozenset(
    {Outcome.COMPLETED, Outcome.DUPLICATE, Outcome.IN_PROGRESS, Outcome.OBSERVED}
)


class JsonLines:
    """An `Observer` that writes one JSON object per message, and one per batch with its metrics."""

    def __init__(
        self,
        clock: Clock,
        *,
        hash_keys: bool,
        function: str | None = None,
        stream: TextIO | None = None,
    ) -> None:
        """Create an observer that writes to a stream.

        Args:
            clock: clock for the times of the lines.
            hash_keys: whether keys are shown hashed.
            function: function name for metrics; None for no metrics.
            stream: output of the lines; by default the standard output at the time of each line.
        """
        self._clock = clock
        self._hash_keys = hash_keys
        self._function = function
        self._stream = stream
        # Counts since the last batch. Calls of decorated functions may end at the same time.
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._oldest_parked: EpochMillis | None = None

    def report_message(
        self,
        delivery: Delivery,
        key: Key | None,
        settled: Settled,
        history: ClaimHistory,
        *,
        follows: bool,
    ) -> None:
        """See `Observer.report_message`."""
        if is_traced():
            from idempotent_lambda.tracers import trace_message  # noqa: PLC0415  # only when used

            if error := trace_message(delivery, key, settled, history, follows=follows):
                self._write_line("tracing_failed", "WARN", {"errors": [_describe_error(error)]})
        with self._lock:
            self._counts.update(count_message(settled, history, follows=follows))
            if since := history.parked_since:
                self._oldest_parked = min(self._oldest_parked or since, since)
        hidden = key if self._hash_keys else None
        self._write_line(
            "message",
            "INFO" if settled.outcome in _INFO_OUTCOMES else "ERROR",
            {
                "outcome": settled.outcome,
                "acknowledged": settled.acknowledged,
                "key": key and key.show(hashed=self._hash_keys),
                "message_id": delivery.id,
                "request_id": history.request_id,
                "trace_id": _find_trace_id(delivery),
                "receive_count": delivery.receive_count,
                "coalesced": follows,
                "payload_differs": history.payload_differs,
                "takeover": history.takeover,
                "attempts": history.attempts,
                "recovered": history.recovered,
                "lease_lost": history.lease_lost,
                "claim_result": history.claim_result,
                **{name: history.durations.get(name) for name in DURATION_FIELDS},
                "errors": [_describe_error(error, hidden) for error in history.errors],
            },
        )

    def report_batch(self, stats: BatchStats) -> None:
        """See `Observer.report_batch`. Zeros are left out: a metric with data costs money."""
        with self._lock:
            values: dict[str, object] = dict(self._counts)
            oldest = self._oldest_parked
            self._counts.clear()
            self._oldest_parked = None
        if self._function is None:
            return
        values["batch_size"] = stats.messages
        values["overhead_ms"] = round(stats.overhead / stats.messages, 1)
        if stats.store:
            values["store_ms"] = stats.store[:MAX_VALUES]
        if oldest:
            values["oldest_parked_seconds"] = max(0, self._clock.now() - oldest) // 1000
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": [{"Name": name, "Unit": METRICS[name]} for name in values],
        }
        embedded = {"Timestamp": self._clock.now(), "CloudWatchMetrics": [directive]}
        ids = {"request_id": stats.request_id, "trace_id": _find_trace_id()}
        details = {**ids, DIMENSION: self._function, **values}
        self._write_line("batch", "INFO", details | {"_aws": embedded})

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        """See `Observer.report_batch_calls_unavailable`."""
        with self._lock:
            self._counts["batch_call_fallbacks"] += 1
        if self._hash_keys:  # the text may quote a request for many keys
            error = type(error)(error.code, error.code, maybe_written=error.maybe_written)
        self._write_line("batch_calls_unavailable", "WARN", {"errors": [_describe_error(error)]})

    def report_visibility_change_failed(self, error: StoreError) -> None:
        """See `Observer.report_visibility_change_failed`."""
        self._write_line("visibility_change_failed", "WARN", {"errors": [_describe_error(error)]})

    def _write_line(self, event: str, level: str, details: dict[str, object]) -> None:
        line = {
            # Lambda takes the level of a line only if the line has a timestamp too:
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
            "timestamp": _format_time(self._clock.now()),
            "level": level,
            "event": event,
            **details,
        }
        # One write per line, so that lines of several threads never mix.
        stream = self._stream or sys.stdout
        stream.write(_LINE_ENCODER.encode(line) + "\n")
        stream.flush()


def _find_trace_id(delivery: Delivery | None = None) -> str | None:
    """Return the id of the message's own trace, or else of the invocation's; None without both."""
    trace = (delivery and delivery.trace) or parse_xray_header(read_trace_header())
    return trace and trace.xray_id


@lru_cache(maxsize=1)
def _format_time(moment: EpochMillis) -> str:
    # Most lines of a batch are written within one millisecond.
    time = datetime.fromtimestamp(moment / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _describe_error(error: BaseException, hidden: Key | None = None) -> dict[str, object]:
    """Return the logged form of an error, without the hidden key."""
    text = text_of(error)
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return {
        "type": type(error).__name__,
        "text": (hidden.hide_in(text) if hidden else text)[:MAX_ERROR_CHARACTERS],
        # Only locations: a line shows no source code and no values.
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
