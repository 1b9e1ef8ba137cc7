"""What an operator sees: one JSON line per message, and metrics in one per batch.

Never the body. The key is plain or hashed, by setting. An error's text is logged as it was
raised, so what a processor puts into its exceptions is the processor's to choose; but where keys
are hashed, the key of the message is replaced by its hash there too.
"""

import json
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, Protocol, TextIO

from idempotent_lambda import claims, lifecycle
from idempotent_lambda.clock import Clock, EpochMillis, Millis
from idempotent_lambda.errors import StoreError, text_of
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import Outcome, Settled
from idempotent_lambda.sources.delivery import Delivery

MAXIMUM_ERROR_CHARACTERS = 1000
MAXIMUM_FRAMES = 10

_JSON = json.JSONEncoder(separators=(",", ":"))
_DURATIONS = {"Claim": "claim_ms", "Wait": "wait_ms", "Run": "run_ms"}
_FIELDS = (*_DURATIONS.values(), "settle_ms")
_QUIET = frozenset({Outcome.COMPLETED, Outcome.DUPLICATE, Outcome.BUSY, Outcome.OBSERVED})

NAMESPACE = "IdempotentLambda"
DIMENSION = "FunctionName"
MAXIMUM_VALUES = 100
"""Of one metric in one line:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""

METRICS = {
    "processed": "Count",
    "duplicates": "Count",
    "busy": "Count",
    "failures": "Count",
    "rejected": "Count",
    "interrupted": "Count",
    "parked": "Count",
    "takeovers": "Count",
    "lost_leases": "Count",
    "unconfirmed": "Count",
    "unavailable": "Count",
    "recoveries": "Count",
    "unacknowledged": "Count",
    "fall_backs": "Count",
    "batch_size": "Count",
    "overhead_ms": "Milliseconds",
    "store_ms": "Milliseconds",
    "oldest_parked_seconds": "Seconds",
}
"""Every metric and its unit; docs/metrics.md says what each counts and what to do about it."""

_COUNTED = {
    Outcome.COMPLETED: "processed",
    Outcome.OBSERVED: "processed",
    Outcome.BUSY: "busy",
    Outcome.FAILED: "failures",
    Outcome.REJECTED: "rejected",
    Outcome.INTERRUPTED: "interrupted",
    Outcome.LOST_LEASE: "lost_leases",
    Outcome.UNCONFIRMED: "unconfirmed",
    Outcome.UNAVAILABLE: "unavailable",
}


@dataclass(slots=True)
class Trace:
    """What happened to one key, gathered on the way.

    Attributes:
        request_id: Lambda's id of the invocation.
        attempts: claims since the last release; None where none is known.
        takeover: an interrupted owner held the record before.
        recovered: an answer of the table was lost, and the owner knew its own write again.
        lease_lost: the record had another owner when it was to be settled.
        met: what the claim came upon: claimed, duplicate, busy, lapsed, parked, mismatch or
            unanswered.
        parked: this run set the record aside.
        parked_since: when a key that was found parked had been claimed first.
        payload_differs: the message is coalesced, and its body is not its leader's.
        durations: milliseconds spent, by log field.
        errors: in the order they occurred.
    """

    request_id: str = ""
    attempts: int | None = None
    takeover: bool = False
    recovered: bool = False
    lease_lost: bool = False
    met: str | None = None
    parked: bool = False
    parked_since: EpochMillis | None = None
    payload_differs: bool = False
    durations: dict[str, Millis] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)

    def note(self, step: lifecycle.Step, reply: lifecycle.Reply, spent: Millis) -> None:
        """Take down one step, its reply and how long it took."""
        self.durations[_DURATIONS.get(type(step).__name__, "settle_ms")] = spent
        self.met = self.met or type(reply).__name__.lower()
        match reply:
            case claims.Claimed(_, attempts, recovered):
                self.attempts = attempts
                self.takeover = attempts > 1
                self.recovered = recovered
            case claims.Completed(recovered):
                self.recovered |= recovered
            case claims.Lapsed(attempts):
                self.attempts = attempts
            case claims.LostLease():
                self.lease_lost = True
            case claims.Parked(since=since):
                self.parked |= isinstance(step, lifecycle.Park)
                self.parked_since = self.parked_since or since
            case lifecycle.Raised(error) | lifecycle.Interrupted(error):
                self.errors.append(error)
            case lifecycle.Unanswered(_, error) | lifecycle.Unkeyed(error):
                self.errors.append(error)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Effort:
    """What a batch took.

    Attributes:
        request_id: Lambda's id of the invocation.
        messages: how many it had, at least one.
        overhead: milliseconds in which no processor ran.
        store: milliseconds of each step with the table, its retries included.
    """

    request_id: str
    messages: int
    overhead: Millis
    store: Sequence[Millis]


class Observer(Protocol):
    """Told of every message, once, when it is settled; of every batch; and of what is amiss.

    Threads may call it at the same time.
    """

    def settled(
        self, delivery: Delivery, key: Key | None, settled: Settled, trace: Trace, *, follows: bool
    ) -> None:
        """A message is settled.

        Args:
            delivery: the message.
            key: its key; None if it has none.
            settled: how it ended.
            trace: what happened to its key.
            follows: another message of the batch with the same key was its leader, and this
                one shares that one's end.
        """

    def ended(self, effort: Effort) -> None:
        """A batch has ended, or a call of a decorated function: all of it is settled."""

    def fell_back(self, error: StoreError) -> None:
        """From now on every claim and settlement is a call of its own; ``error`` is why."""

    def not_postponed(self, error: StoreError) -> None:
        """Busy messages come back after the visibility timeout; ``error`` is why not sooner."""


class JsonLines:
    """Writes one JSON object per message, and one per batch if there are to be metrics."""

    def __init__(
        self,
        clock: Clock,
        *,
        hash_keys: bool,
        function: str | None = None,
        stream: TextIO | None = None,
    ) -> None:
        """Write to a stream.

        Args:
            clock: the time of the lines.
            hash_keys: whether keys are shown hashed.
            function: whose metrics are written; None for no metrics.
            stream: by default, what standard output is when a line is written.
        """
        self._clock = clock
        self._hash_keys = hash_keys
        self._function = function
        self._stream = stream
        # Since the last batch of this process. Calls of decorated functions may end at one time.
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._oldest_parked: EpochMillis | None = None

    def settled(
        self, delivery: Delivery, key: Key | None, settled: Settled, trace: Trace, *, follows: bool
    ) -> None:
        """See `Observer.settled`."""
        with self._lock:
            self._counts.update(counted(settled, trace, follows=follows))
            if since := trace.parked_since:
                self._oldest_parked = min(self._oldest_parked or since, since)
        self._write(
            "message",
            "INFO" if settled.outcome in _QUIET else "ERROR",
            {
                "outcome": settled.outcome,
                "acknowledged": settled.acknowledged,
                "key": key and key.shown(hashed=self._hash_keys),
                "message_id": delivery.id,
                "request_id": trace.request_id,
                "receive_count": delivery.receive_count,
                "coalesced": follows,
                "payload_differs": trace.payload_differs,
                "takeover": trace.takeover,
                "attempts": trace.attempts,
                "recovered": trace.recovered,
                "lease_lost": trace.lease_lost,
                "met": trace.met,
                **{name: trace.durations.get(name) for name in _FIELDS},
                "errors": [_described(error, self._hash_keys and key) for error in trace.errors],
            },
        )

    def ended(self, effort: Effort) -> None:
        """See `Observer.ended`. What is zero is left out: a metric costs where it has data."""
        with self._lock:
            values: dict[str, object] = dict(self._counts)
            oldest = self._oldest_parked
            self._counts.clear()
            self._oldest_parked = None
        if self._function is None:
            return
        values["batch_size"] = effort.messages
        values["overhead_ms"] = round(effort.overhead / effort.messages, 1)
        if effort.store:
            values["store_ms"] = effort.store[:MAXIMUM_VALUES]
        if oldest:
            values["oldest_parked_seconds"] = max(0, self._clock.now() - oldest) // 1000
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": [{"Name": name, "Unit": METRICS[name]} for name in values],
        }
        about = {"Timestamp": self._clock.now(), "CloudWatchMetrics": [directive]}
        details = {"request_id": effort.request_id, DIMENSION: self._function, **values}
        self._write("batch", "INFO", details | {"_aws": about})

    def fell_back(self, error: StoreError) -> None:
        """See `Observer.fell_back`."""
        with self._lock:
            self._counts["fall_backs"] += 1
        if self._hash_keys:  # its text may quote a request for many keys
            error = type(error)(error.code, error.code, maybe_written=error.maybe_written)
        self._write("fall_back", "WARN", {"errors": [_described(error)]})

    def not_postponed(self, error: StoreError) -> None:
        """See `Observer.not_postponed`."""
        self._write("not_postponed", "WARN", {"errors": [_described(error)]})

    def _write(self, event: str, level: str, details: dict[str, object]) -> None:
        line = {
            # Lambda takes the level of a line only with a timestamp beside it:
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
            "timestamp": _written(self._clock.now()),
            "level": level,
            "event": event,
            **details,
        }
        # One write per line, so that lines of several threads never mix.
        stream = self._stream or sys.stdout
        stream.write(_JSON.encode(line) + "\n")
        stream.flush()


def counted(settled: Settled, trace: Trace, *, follows: bool) -> Iterator[str]:
    """The metrics that count a message.

    One that shares another's end is no further event of its key: it is one more duplicate, or
    one more to be delivered again.
    """
    observed = settled.outcome is Outcome.OBSERVED and trace.met in {"duplicate", "busy"}
    if observed or settled.outcome is Outcome.DUPLICATE:
        yield "duplicates"
    if not settled.acknowledged:
        yield "unacknowledged"
    if follows:
        return
    if name := _COUNTED.get(settled.outcome):
        yield name
    if trace.parked:
        yield "parked"
    if trace.takeover:
        yield "takeovers"
    if trace.recovered:
        yield "recoveries"


@lru_cache(maxsize=1)
def _written(moment: EpochMillis) -> str:
    # The lines of a batch mostly fall into one millisecond.
    time = datetime.fromtimestamp(moment / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _described(
    error: BaseException, hidden: Key | Literal[False] | None = None
) -> dict[str, object]:
    """What is logged of an error, without a key that is to be hidden."""
    text = text_of(error)
    frames = traceback.extract_tb(error.__traceback__)[-MAXIMUM_FRAMES:]
    return {
        "type": type(error).__name__,
        "text": (hidden.hide_in(text) if hidden else text)[:MAXIMUM_ERROR_CHARACTERS],
        # Places, no source lines and no values.
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
