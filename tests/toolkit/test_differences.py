"""Deliveries differ in process, time and receive count, and correct code does not mind."""

import enum
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from idempotent_lambda_toolkit.testing import EffectFailed, Effects, events, hammer
from idempotent_lambda_toolkit.testing.hammering.process_hash import change_hashes

KEY = "body.order_id"
ORDER = events.sqs({"order_id": "ORDER-1"})
EFFECTS = Effects()
charge = EFFECTS.of("charge", lambda order, token=None: (order, token), token="token")


@dataclass(frozen=True)
class Price:
    """A value that generates its hash."""

    currency: str


class Color(enum.Enum):
    """Values that hash their names."""

    RED = "red"


@pytest.mark.parametrize(
    "value", ["a", b"a", ("a", 1), frozenset({"a"}), datetime(2026, 1, 1, tzinfo=UTC), ()]
)
def test_hashes_of_texts_differ(value: object) -> None:
    """The hash of a text depends on the process, and so does the hash of a tuple with a text."""
    process = 1
    with change_hashes(lambda: process):
        first, again = hash(value), hash(value)
        process = 2
        second = hash(value)
    assert first == again
    assert (first != second) is (value != ())
    assert hash(value) != first or value == ()


@pytest.mark.parametrize("value", [7, 7.5, True, None, (1, 2.5), frozenset({3})])
def test_hashes_of_numbers_do_not(value: object) -> None:
    """The hash of a number is the same in each process."""
    with change_hashes(object):
        assert hash(value) == hash(value)


def test_dictionaries_keep_working() -> None:
    """A dictionary that a process keeps finds its keys in every delivery."""
    process, kept = 1, dict[object, int]()
    with change_hashes(lambda: process):
        kept |= {Price("EUR"): 1, Color.RED: 2, "text": 3}
        process = 2
        assert [kept[Price("EUR")], kept[Color.RED], kept["text"]] == [1, 2, 3]


class Breaker:
    """A circuit breaker that raises while it is open."""

    def __init__(self, now: Any, cooldown: float) -> None:
        self.now, self.cooldown, self.opened = now, cooldown, None

    def call(self, order: Any) -> None:
        """Charge, unless an earlier charge failed a short time ago."""
        if self.opened is not None and self.now() - self.opened < self.cooldown:
            raise ConnectionError("open")
        try:
            charge(order)
        except EffectFailed:
            self.opened = self.now()
            raise
        self.opened = None


def read_monotonic() -> float:
    """Return the monotonic clock."""
    return time.monotonic()


def read_wall_clock() -> float:
    """Return the wall clock, read with datetime."""
    return datetime.now(UTC).timestamp()


@pytest.mark.parametrize("now", [read_monotonic, time.time, read_wall_clock])
@pytest.mark.parametrize("cooldown", [5, 60, 900])
def test_a_circuit_breaker_that_raises(now: Any, cooldown: float) -> None:
    """Nothing is lost while the breaker is open, because the messages come again."""
    breaker = Breaker(now, cooldown)
    report = hammer(lambda message: breaker.call(message.body), ORDER, effects=EFFECTS, key=KEY)
    assert report.passed, report


def test_a_rate_limit_that_raises() -> None:
    """A rate limit lets each delivery through that does not come at once."""
    last = float("-inf")

    def process(message: Any) -> None:
        nonlocal last
        if time.monotonic() - last < 60:
            raise TimeoutError("too fast")
        last = time.monotonic()
        charge(message.body)

    report = hammer(process, ORDER, effects=EFFECTS, key=KEY)
    assert report.passed, report


def test_raising_for_old_messages() -> None:
    """A message that is too old goes to the dead-letter queue, where somebody sees it."""

    def process(message: Any) -> None:
        if time.time() - int(message.attributes["SentTimestamp"]) / 1000 > 600:
            raise TimeoutError("too old")
        charge(message.body)

    report = hammer(process, ORDER, effects=EFFECTS, key=KEY)
    assert report.passed, report


def test_raising_after_a_few_receives() -> None:
    """So does a message that was received too often."""

    def process(message: Any) -> None:
        if message.receive_count > 3:
            raise TimeoutError("too often")
        charge(message.body)

    report = hammer(process, ORDER, effects=EFFECTS, key=KEY)
    assert report.passed, report


def test_times_that_are_no_tokens() -> None:
    """A side effect may get the time, as long as its token does not have it."""

    def process(message: Any) -> None:
        order = {**message.body, "at": time.time(), "day": datetime.now(UTC).date().isoformat()}
        charge(order, token=message.idempotency_token)

    report = hammer(process, ORDER, effects=EFFECTS, key=KEY, exactly_once=True)
    assert report.passed, report
