"""The log: one JSON line per message, and the metrics in one line per batch.

A line never holds the body. The key is plain or hashed, as set. An error's text is logged as it was
raised, so the processor decides what its exceptions say. If keys are hashed, the hash also replaces
the key of the message in that text.
"""

import json
import sys
import threading
import traceback
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Self, TextIO

from idempotent_lambda import metrics
from idempotent_lambda.clock import Clock, EpochMillis
from idempotent_lambda.errors import StoreError, text_of
from idempotent_lambda.keys import Key
from idempotent_lambda.observer import DURATION_FIELDS, BatchStats, ClaimHistory, is_traced
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.settings import Settings, read_trace_header
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.traces import parse_xray_header

MAX_ERROR_CHARACTERS = 1000
MAX_FRAMES = 10

_LINE_ENCODER = json.JSONEncoder(separators=(",", ":"))
_INFO_OUTCOMES = {Outcome.COMPLETED, Outcome.DUPLICATE, Outcome.IN_PROGRESS}
_WARN_OUTCOMES = {Outcome.BLOCKED, Outcome.DEFERRED, Outcome.NOT_STARTED, Outcome.OBSERVED}


class JsonLines:
    """An `Observer` that writes one JSON object per message, and one per batch with its metrics."""

    def __init__(
        self,
        clock: Clock,
        *,
        hash_keys: bool,
        function: str | None = None,
        by_name: bool = False,
        metrics_level: str = "INFO",
        log_one_of: int = 1,
        stream: TextIO | None = None,
    ) -> None:
        """Create an observer that writes to a stream.

        Args:
            clock: clock for the times of the lines.
            hash_keys: whether keys are shown hashed.
            function: function name for metrics; None for no metrics.
            by_name: see `Settings.metrics_by_name`.
            metrics_level: level of the lines with metrics.
            log_one_of: see `Settings.log_one_of`.
            stream: output of the lines; by default the standard output at the time of each line.
        """
        self._clock = clock
        self._hash_keys = hash_keys
        self._function = function
        self._by_name = by_name
        self._metrics_level = metrics_level
        self._log_one_of = log_one_of
        self._stream = stream
        # Since the last batch, by decorated name. Decorated calls may end at the same time.
        self._lock = threading.Lock()
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._oldest_parked: dict[str, EpochMillis] = {}
        self._names: set[str] = set()

    @classmethod
    def from_settings(cls, clock: Clock, settings: Settings) -> Self:
        """Create the observer of a function."""
        return cls(
            clock,
            hash_keys=settings.hash_keys,
            function=settings.metrics_function_name,
            by_name=settings.metrics_by_name,
            metrics_level=settings.metrics_level,
            log_one_of=settings.log_one_of,
        )

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
        # As many messages as a batch has may not start, when little time is left for the answer.
        if is_traced() and (history.run or settled.outcome is not Outcome.NOT_STARTED):
            from idempotent_lambda.tracers import trace_message  # noqa: PLC0415  # only when used

            if error := trace_message(delivery, key, settled, history, follows=follows):
                self._write_line("tracing_failed", "WARN", {"errors": [_describe_error(error)]})
        with self._lock:
            name = history.decorated
            self._counts[name].update(metrics.count_message(settled, history, follows=follows))
            if since := history.parked_since:
                self._oldest_parked[name] = min(self._oldest_parked.get(name, since), since)
        level = _find_level(settled.outcome, history)
        if level == "INFO" and not self._has_all_lines(key):
            return
        hidden = key if self._hash_keys else None
        self._write_line(
            "message",
            level,
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
        name = stats.decorated
        with self._lock:
            values: dict[str, object] = dict(self._counts.pop(name, {}))
            oldest = self._oldest_parked.pop(name, None)
            if name and len(self._names) < metrics.MAX_NAMES:
                self._names.add(name)
        if self._function is None:
            return
        values["batch_size"] = stats.messages
        values["overhead_ms"] = round(stats.overhead / stats.messages, 1)
        if stats.store:
            values["store_ms"] = stats.store[: metrics.MAX_VALUES]
        if oldest:
            values["oldest_parked_seconds"] = max(0, self._clock.now() - oldest) // 1000
        dimensions = {metrics.DIMENSION: self._function}
        sets = [[*dimensions]]
        if name and self._by_name:
            dimensions[metrics.NAME_DIMENSION] = (
                name if name in self._names else metrics.OTHER_NAMES
            )
            sets.append([*dimensions])
        directive = {
            "Namespace": metrics.NAMESPACE,
            "Dimensions": sets,
            "Metrics": [{"Name": name, "Unit": metrics.METRICS[name]} for name in values],
        }
        embedded = {"Timestamp": self._clock.now(), "CloudWatchMetrics": [directive]}
        ids = {"request_id": stats.request_id, "trace_id": _find_trace_id()}
        details = {**ids, **dimensions, **values}
        self._write_line("batch", self._metrics_level, details | {"_aws": embedded})

    def report_batch_calls_unavailable(self, error: StoreError) -> None:
        """See `Observer.report_batch_calls_unavailable`."""
        with self._lock:
            self._counts[""]["batch_call_fallbacks"] += 1
        if self._hash_keys:  # the text may quote a request for many keys
            error = type(error)(error.code, error.code, maybe_written=error.maybe_written)
        self._write_line("batch_calls_unavailable", "WARN", {"errors": [_describe_error(error)]})

    def report_visibility_change_failed(self, error: StoreError) -> None:
        """See `Observer.report_visibility_change_failed`."""
        self._write_line("visibility_change_failed", "WARN", {"errors": [_describe_error(error)]})

    def _has_all_lines(self, key: Key | None) -> bool:
        # By the key's hash, so that the log has all deliveries of a key or none.
        if self._log_one_of > 1:
            return key is not None and int(key.token[:12], 16) % self._log_one_of == 0
        return self._log_one_of == 1

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


def _find_level(outcome: Outcome, history: ClaimHistory) -> str:
    """Return the level of a message's line: INFO if it needs nobody's attention."""
    if outcome not in _INFO_OUTCOMES:
        return "WARN" if outcome in _WARN_OUTCOMES else "ERROR"
    noted = history.takeover or history.lease_lost or history.payload_differs or history.errors
    return "WARN" if noted else "INFO"


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
