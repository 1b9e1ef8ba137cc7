"""All clocks of the code under test show one time, which is simulated."""

import datetime as dt
import os
import sys
import threading
import time
from collections.abc import Callable
from time import monotonic as count_seconds
from time import sleep as pause
from time import time as read_seconds
from typing import Any

import pytest
import time_machine

from idempotent_lambda_toolkit.testing import Effects, HammerError, events, hammer

pytestmark = pytest.mark.slow

KEY = "body.id || body.detail.id || body.s3.object.key || body.dynamodb.Keys.id.N"
"""Of any event here."""

MOST_REAL_SECONDS = 20.0
"""Far less than all that the code here sleeps, far more than its rehearsals take."""


def rehearse(work: Callable[[], object], event: Any = None, **options: Any) -> Any:
    """The report on a processor that does this before its charge."""
    effects = Effects()
    charge = effects.of("charge")

    def process(message: Any) -> None:
        work()
        charge(message.body)

    return hammer(process, event or events.sqs({"id": 1}), effects=effects, key=KEY, **options)


def read_clocks() -> list[float]:
    """The time on every clock, in seconds."""
    return [
        time.time(),
        time.time_ns() / 1e9,
        dt.datetime.now(dt.UTC).timestamp(),
        dt.datetime.now().timestamp(),  # noqa: DTZ005  # code under test writes this
        read_seconds(),
        time.monotonic(),
        time.monotonic_ns() / 1e9,
        time.perf_counter(),
        time.perf_counter_ns() / 1e9,
        count_seconds(),
    ]


def test_all_clocks_move_with_a_sleep() -> None:
    """After five seconds of sleep, every clock shows five seconds more, and no real time passed."""
    shown: list[list[float]] = []

    def work() -> None:
        before = read_clocks()
        time.sleep(3)
        pause(2)
        shown.append([after - start for start, after in zip(before, read_clocks(), strict=True)])

    began = time.monotonic()
    assert rehearse(work).passed
    assert time.monotonic() - began < MOST_REAL_SECONDS
    assert len(shown) * 5 > MOST_REAL_SECONDS
    assert {round(each) for passed in shown for each in passed} == {5}


def test_clocks_never_go_backwards() -> None:
    """Over all scenarios, a clock that counts only counts up."""
    counted: list[float] = []
    rehearse(lambda: counted.append(time.monotonic()))
    assert counted == sorted(counted)


def test_the_local_time_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local time is UTC, as on Lambda, wherever the test runs."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    shown: set[str] = set()
    rehearse(lambda: shown.add(time.strftime("%H %z")))
    there = time.strftime("%z")
    monkeypatch.undo()
    time.tzset()
    assert shown == {"22 +0000", "23 +0000"}  # at once, and 25 hours later
    assert there == "+0900"


SENT = dt.datetime(2026, 3, 1, 23, 59, 58, tzinfo=dt.UTC)


def edit_record(event: Any, group: str | None, **values: object) -> Any:
    """The event with other values in a part of its first record."""
    record = event["Records"][0] if "Records" in event else event
    (record[group] if group else record).update(values)
    return event


@pytest.mark.parametrize(
    "event",
    [
        edit_record(
            events.sqs({"id": 1}), "attributes", SentTimestamp=f"{SENT.timestamp() * 1000:.0f}"
        ),
        edit_record(
            events.kinesis({"id": 1}), "kinesis", approximateArrivalTimestamp=SENT.timestamp()
        ),
        edit_record(
            events.dynamodb({"id": 1}),
            "dynamodb",
            ApproximateCreationDateTime=int(SENT.timestamp()),
        ),
        edit_record(events.sns({"id": 1}), "Sns", Timestamp="2026-03-01T23:59:58.000Z"),
        edit_record(events.s3("id"), None, eventTime="2026-03-01T23:59:58.000Z"),
        edit_record(events.eventbridge({"id": 1}), None, time="2026-03-01T23:59:58Z"),
    ],
    ids=["sqs", "kinesis", "dynamodb", "sns", "s3", "eventbridge"],
)
def test_time_begins_when_the_event_was_sent(event: Any) -> None:
    """The first delivery of a scenario comes when the event was sent, by the wall clock."""
    shown: list[dt.datetime] = []
    rehearse(lambda: shown.append(dt.datetime.now(dt.UTC)), event, retries=False)
    assert abs(shown[0] - SENT) < dt.timedelta(seconds=MOST_REAL_SECONDS)


@pytest.mark.parametrize("value", ["soon", "", None, "1", 5, "99999999999999999", ["1"]])
def test_an_event_without_a_plausible_time(value: object) -> None:
    """An event whose time is missing, or is made up as in a sample, begins at a fixed time."""
    event = edit_record(events.sqs({"id": 1}), "attributes", SentTimestamp=value)
    shown: list[int] = []
    rehearse(lambda: shown.append(dt.datetime.now(dt.UTC).year), event)
    assert shown[0] == 2023


def test_time_is_put_back() -> None:
    """Afterwards every clock is the real one again, also after KeyboardInterrupt."""
    before = [*vars(time).items()], pause, count_seconds, os.environ.get("TZ"), read_seconds()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rehearse(lambda: None, fresh=stop)
    after = [*vars(time).items()], pause, count_seconds, os.environ.get("TZ")
    assert after == before[:-1]
    assert 0 <= read_seconds() - before[-1] < MOST_REAL_SECONDS


def test_a_module_that_is_imported_meanwhile(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that the code imports late has the real functions afterwards."""
    (tmp_path / "imported_late.py").write_text("from time import sleep, monotonic\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "imported_late", raising=False)

    def work() -> None:
        import imported_late  # type: ignore[import-not-found]  # noqa: PLC0415  # made above

        imported_late.sleep(5)

    assert rehearse(work).passed
    late = sys.modules.pop("imported_late")
    assert (late.sleep, late.monotonic) == (time.sleep, time.monotonic)


def test_a_test_that_travels_in_time() -> None:
    """A test may hold the time with time-machine, and holds it again afterwards."""
    with time_machine.travel(SENT, tick=False):
        assert rehearse(lambda: time.sleep(5)).passed
        assert dt.datetime.now(dt.UTC) == SENT


def test_freezegun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """While freezegun holds the time, the error says what to do instead."""

    class FakeDatetime(dt.datetime):
        pass

    monkeypatch.setitem(sys.modules, "freezegun", threading)
    monkeypatch.setattr(dt, "datetime", FakeDatetime)
    with pytest.raises(HammerError, match="call hammer outside of freeze_time"):
        rehearse(lambda: None)


def test_waiting_loops() -> None:
    """A loop that waits for a time on any clock ends without real waiting."""

    def wait() -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            time.sleep(1)
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
        while dt.datetime.now(dt.UTC) < until:
            pause(0.5)

    began = time.monotonic()
    assert rehearse(wait).passed
    assert time.monotonic() - began < MOST_REAL_SECONDS
