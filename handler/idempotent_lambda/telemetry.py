"""What an operator sees: one JSON line per message on standard output.

Never the body. The key is plain or hashed, by setting. An error's text is logged as it was
raised, so what a processor puts into its exceptions is the processor's to choose.
"""

import hashlib
import json
import sys
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol, TextIO

from idempotent_lambda import claims, lifecycle
from idempotent_lambda.clock import Clock, EpochMillis, Millis
from idempotent_lambda.errors import StoreError
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import Outcome, Settled
from idempotent_lambda.messages import Delivery

MAXIMUM_KEY_CHARACTERS = 500
MAXIMUM_ERROR_CHARACTERS = 1000
MAXIMUM_FRAMES = 10

_JSON = json.JSONEncoder(separators=(",", ":"))
_DURATIONS = {"Claim": "claim_ms", "Wait": "wait_ms", "Run": "run_ms"}
_FIELDS = (*_DURATIONS.values(), "settle_ms")
_QUIET = frozenset({Outcome.COMPLETED, Outcome.DUPLICATE, Outcome.BUSY, Outcome.OBSERVED})


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
        durations: milliseconds spent, by log field.
        errors: in the order they occurred.
    """

    request_id: str = ""
    attempts: int | None = None
    takeover: bool = False
    recovered: bool = False
    lease_lost: bool = False
    met: str | None = None
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
            case lifecycle.Raised(error) | lifecycle.Interrupted(error):
                self.errors.append(error)
            case lifecycle.Unanswered(_, error):
                self.errors.append(error)
            case _:
                pass


class Observer(Protocol):
    """Told of every message, once, when it is settled; and when claims cannot be made together.

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

    def fell_back(self, error: StoreError) -> None:
        """From now on every claim and settlement is a call of its own; ``error`` is why."""

    def not_postponed(self, error: StoreError) -> None:
        """Busy messages come back after the visibility timeout; ``error`` is why not sooner."""


class JsonLines:
    """Writes one JSON object per message."""

    def __init__(self, clock: Clock, *, hash_keys: bool, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._hash_keys = hash_keys
        self._stream = stream

    def settled(
        self, delivery: Delivery, key: Key | None, settled: Settled, trace: Trace, *, follows: bool
    ) -> None:
        """See `Observer.settled`."""
        self._write(
            "message",
            "INFO" if settled.outcome in _QUIET else "ERROR",
            {
                "outcome": settled.outcome,
                "acknowledged": settled.acknowledged,
                "key": self._shown(key),
                "message_id": delivery.id,
                "request_id": trace.request_id,
                "receive_count": delivery.receive_count,
                "coalesced": follows,
                "takeover": trace.takeover,
                "attempts": trace.attempts,
                "recovered": trace.recovered,
                "lease_lost": trace.lease_lost,
                "met": trace.met,
                **{name: trace.durations.get(name) for name in _FIELDS},
                "errors": [_described(error) for error in trace.errors],
            },
        )

    def fell_back(self, error: StoreError) -> None:
        """See `Observer.fell_back`."""
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

    def _shown(self, key: Key | None) -> str | None:
        if key is None:
            return None
        if self._hash_keys:
            return f"sha256:{hashlib.sha256(key.record_id.encode()).hexdigest()}"
        return key.text[:MAXIMUM_KEY_CHARACTERS]


@lru_cache(maxsize=1)
def _written(moment: EpochMillis) -> str:
    # The lines of a batch mostly fall into one millisecond.
    time = datetime.fromtimestamp(moment / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _described(error: BaseException) -> dict[str, object]:
    try:
        text = str(error)[:MAXIMUM_ERROR_CHARACTERS]
    except Exception as unspeakable:  # noqa: BLE001  # a user's __str__ must not cost a batch
        text = f"its text raised {type(unspeakable).__name__}"
    frames = traceback.extract_tb(error.__traceback__)[-MAXIMUM_FRAMES:]
    return {
        "type": type(error).__name__,
        "text": text,
        # Places, no source lines and no values.
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
