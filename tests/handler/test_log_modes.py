"""Which lines the log has: by its mode, and by the level below which Lambda drops lines."""

import io
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda import errors, idempotent
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.errors import PermanentFailure, StoreRefusedError
from idempotent_lambda.keys import Key
from idempotent_lambda.log import JsonLines
from idempotent_lambda.observer import BatchStats, ClaimHistory
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.direct import build_call_delivery
from idempotent_lambda_toolkit.testing import ManualClock

from .events import order
from .harness import ConsumerHarness, raising
from .quoted_keys import CONSUMED

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
QUIET = {Outcome.COMPLETED, Outcome.DUPLICATE, Outcome.IN_PROGRESS}
ENVIRONMENT = {
    "IDEMPOTENCY_TABLE": "records",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_PROCESSOR": "orders.process",
    "IDEMPOTENCY_RETENTION_SECONDS": "3600",
    "AWS_LAMBDA_FUNCTION_NAME": "orders",
}

Lines = list[dict[str, Any]]


def read_lines(text: str) -> Lines:
    """The lines of the package in a text."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def list_messages(lines: Lines) -> Lines:
    """The lines about messages."""
    return [line for line in lines if line["event"] == "message"]


def is_sent(line: str, least: str) -> bool:
    """Whether Lambda sends a line to CloudWatch, as its documentation says of the JSON format.

    A line without a valid level or timestamp counts as INFO:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    found = json.loads(line)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    level = str(found.get("level")).upper()
    if level not in LEVELS or not re.fullmatch(stamp, str(found.get("timestamp"))):
        level = "INFO"
    return LEVELS.index(level) >= LEVELS.index(least)


class Log:
    """A log whose lines are kept, as an environment sets it."""

    def __init__(self, mode: str = "all", **environment: str) -> None:
        self._stream = io.StringIO()
        self.settings = Settings.from_environment(
            ENVIRONMENT | {"IDEMPOTENCY_LOG": mode} | environment
        )
        self.observer = JsonLines.from_settings(ManualClock(), self.settings)
        self.observer._stream = self._stream  # the settings name no stream

    def deliver(self, *batches: tuple[Any, ...], behaviour: Any = None) -> Lines:
        """The lines of batches, whose messages all do the same."""
        harness = ConsumerHarness()
        object.__setattr__(harness.consumer, "observer", self.observer)
        harness.behaviour = dict.fromkeys(map(str, range(1000)), behaviour) if behaviour else {}
        for batch in batches:
            harness.deliver(*batch)
        return self.lines()

    def report(self, outcome: Outcome, history: ClaimHistory | None = None) -> Lines:
        """The lines after the end of a message, whose key no sample of a million has."""
        delivery, key = build_call_delivery("charge"), Key("a", "orders#a")
        settled = Settled(outcome, acknowledged=True)
        self.observer.report_message(
            delivery, key, settled, history or ClaimHistory(), follows=False
        )
        return self.lines()

    def lines(self) -> Lines:
        """All lines so far."""
        return read_lines(self._stream.getvalue())


@pytest.mark.parametrize("outcome", list(Outcome))
def test_problems(capsys: pytest.CaptureFixture[str], outcome: Outcome) -> None:
    """Of every end, exactly the lines above INFO are left, and all lines that are not messages."""
    CONSUMED[outcome]("ORDER-1", hash_keys=False)
    everything = read_lines(capsys.readouterr().out)
    CONSUMED[outcome]("ORDER-1", hash_keys=False, log_one_of=0)
    found = read_lines(capsys.readouterr().out)
    kept = [line for line in everything if line["event"] != "message" or line["level"] != "INFO"]
    assert list(map(shape, found)) == list(map(shape, kept))
    # The second message of these batches has another body.
    ends = {line["outcome"] for line in list_messages(found) if not line["coalesced"]}
    assert (outcome in ends) is (outcome not in QUIET)


def shape(line: dict[str, Any]) -> dict[str, Any]:
    """A line without what differs between two runs."""
    changing = {"timestamp", "errors", "store_ms", "overhead_ms", "_aws"}
    return {name: value for name, value in line.items() if name not in changing}


@pytest.mark.parametrize("outcome", sorted(QUIET))
@pytest.mark.parametrize(
    "history",
    [
        ClaimHistory(takeover=True),
        ClaimHistory(lease_lost=True),
        ClaimHistory(payload_differs=True),
        ClaimHistory(errors=[ValueError("its copy has a forged key")]),
    ],
    ids=["takeover", "lease_lost", "payload_differs", "errors"],
)
def test_a_good_end_with_a_problem(outcome: Outcome, history: ClaimHistory) -> None:
    """A good end whose line the runbook sends an operator to is WARN, and is always logged."""
    for mode in ("all", "problems", "sampled:1000000"):
        (line,) = Log(mode).report(outcome, history)
        assert line["level"] == "WARN"
    (line,) = Log().report(outcome)
    assert line["level"] == "INFO"
    assert Log("problems").report(outcome) == Log("sampled:1000000").report(outcome) == []


@pytest.mark.parametrize("one_of", [2, 7, 100])
def test_sampled(one_of: int) -> None:
    """About one of so many keys is logged, with every delivery, and the others not at all."""
    batches = [tuple(str(number) for number in range(1000))] * 3
    lines = list_messages(Log(f"sampled:{one_of}").deliver(*batches))
    times = {key: sum(line["key"] == key for line in lines) for key in batches[0]}
    assert set(times.values()) == {0, 3}
    share = sum(map(bool, times.values())) / 1000
    assert 0.6 / one_of < share < 1.5 / one_of


def test_samples_nest() -> None:
    """A key of a sample is in every larger sample that divides it: a change keeps its history."""
    batch = tuple(str(number) for number in range(1000))
    sampled = [
        {line["key"] for line in list_messages(Log(mode).deliver(batch))}
        for mode in ("all", "sampled:10", "sampled:100", "problems")
    ]
    assert all(more > fewer for more, fewer in itertools.pairwise(sampled))


@pytest.mark.parametrize("mode", ["problems", "sampled:1000000"])
def test_problems_of_every_key(mode: str) -> None:
    """Failed messages are logged, whatever the sample is."""
    batch = tuple(str(number) for number in range(100))
    lines = list_messages(Log(mode).deliver(batch, behaviour=raising(ValueError("no"))))
    assert {line["key"] for line in lines} == set(batch)


@pytest.mark.parametrize("mode", ["all", "problems", "sampled:1000000"])
def test_metrics_count_what_is_not_logged(mode: str) -> None:
    """The metrics of a batch are the same, whatever is logged."""
    lines = Log(mode, IDEMPOTENCY_METRICS="on").deliver(("1", "2"), ("1", order("2", "m-3")))
    batches = [line for line in lines if line["event"] == "batch"]
    counts = [(line.get("processed"), line.get("duplicates")) for line in batches]
    assert counts == [(2, None), (None, 2)]


@pytest.mark.parametrize("mode", ["problems", "sampled:1000000"])
def test_warnings_are_never_dropped(mode: str) -> None:
    """A warning of the whole process is logged in every mode."""
    log, error = Log(mode), StoreRefusedError("x", "y", maybe_written=False)
    log.observer.report_batch_calls_unavailable(error)
    log.observer.report_visibility_change_failed(error)
    assert [line["level"] for line in log.lines()] == ["WARN", "WARN"]


def decorate(log: Log, run: Callable[[str], object]) -> Callable[[str], object]:
    """A decorated function that writes to a log."""
    harness = ConsumerHarness()
    wiring = Wiring(log.settings, harness.consumer.store, harness.clock, log.observer)

    @idempotent(name="charge", key="order_id", lease_seconds=30, wiring=wiring)
    def charge(order_id: str) -> object:
        return run(order_id)

    return charge


def test_calls() -> None:
    """A call is logged by the same rules: not if it went well, and always if it did not."""
    log = Log("problems", IDEMPOTENCY_METRICS="on")
    charge = decorate(log, lambda order_id: order_id)
    assert [charge("a"), charge("a")] == ["a", "a"]
    assert list_messages(log.lines()) == []
    with pytest.raises(PermanentFailure):
        decorate(log, raising(PermanentFailure("no")))("b")
    with pytest.raises(errors.InvalidResultError):
        decorate(log, lambda _: {1})("c")
    ends = [(line["outcome"], line["level"]) for line in list_messages(log.lines())]
    assert ends == [("parked", "ERROR"), ("completed", "WARN")]
    assert sum(line["event"] == "batch" for line in log.lines()) == 4


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("least", LEVELS)
def test_lambda_drops_no_metrics(
    capsys: pytest.CaptureFixture[str], least: str, outcome: Outcome
) -> None:
    """Lambda sends the metrics of every end at every log level, and other lines by their level."""
    environment = ENVIRONMENT | {"AWS_LAMBDA_LOG_LEVEL": least}
    level = Settings.from_environment(environment).metrics_level
    CONSUMED[outcome]("ORDER-1", hash_keys=False, metrics_level=level)
    written = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    sent = read_lines("\n".join(line for line in written if is_sent(line, least)))
    everything = read_lines("\n".join(written))
    batches = [line for line in everything if "_aws" in line]
    assert batches
    assert [line for line in sent if "_aws" in line] == batches
    others = [line for line in everything if "_aws" not in line]
    expected = [line for line in others if LEVELS.index(line["level"]) >= LEVELS.index(least)]
    assert [line for line in sent if "_aws" not in line] == expected


def test_the_lowest_level_that_passes() -> None:
    """Metrics are no louder than Lambda's filter asks for."""
    stats = BatchStats("r-1", 1, Millis(0), [])
    for least, level in zip(
        LEVELS, ("INFO", "INFO", "INFO", "WARN", "ERROR", "FATAL"), strict=True
    ):
        log = Log(IDEMPOTENCY_METRICS="on", AWS_LAMBDA_LOG_LEVEL=least)
        log.observer.report_batch(stats)
        assert [line["level"] for line in log.lines()] == [level]


def test_hashed_keys_have_the_same_sample() -> None:
    """Whether keys are shown hashed does not change which ones are logged."""
    batch = tuple(str(number) for number in range(100))
    sampled = [
        [line["message_id"] for line in list_messages(log.deliver(batch))]
        for log in (Log("sampled:10", IDEMPOTENCY_LOG_KEYS=keys) for keys in ("plain", "hashed"))
    ]
    assert sampled[0] == sampled[1] != []
