"""The result that an operator gives for a decorated call."""

import json
from typing import Any

import pytest

from idempotent_lambda import ResultUnavailableError, idempotent
from idempotent_lambda.calls.results import MAX_RESULT_BYTES
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import REGION, Consumer, Run

pytestmark = pytest.mark.slow

RECORD = "orders##@charge#ORDER-1"
RESOLVE = ["resolve", "ORDER-1", "--decorated", "charge", "--completed", "--yes"]
STORED = {
    "parked": {"status": "PARKED", "dead_lettered_at": None},
    "stale": {"status": "IN_PROGRESS", "lease_expires_at": 1},
}


@pytest.fixture
def charge(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The decorated function of the consumer, which an operator's decision keeps from running."""
    for name, value in consumer.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", REGION)

    @idempotent(name="charge", key="order_id", lease_seconds=30)
    def call(order_id: str) -> object:
        raise AssertionError(f"{order_id} runs again")

    return call


@pytest.mark.parametrize("state", STORED)
@pytest.mark.parametrize("value", [{"charge_id": 1, "when": ["é", None, 1.5]}, "text", None, []])
def test_a_repeated_call_gets_it(
    consumer: Consumer, run: Run, charge: Any, state: str, value: object
) -> None:
    """The next call returns the operator's result, and does not run."""
    consumer.put(RECORD, **STORED[state])
    ended = run(*RESOLVE, "--result", json.dumps(value), "--json")
    assert ended.code == ExitCode.OK
    assert json.loads(ended.answer["after"]["result"]) == value
    assert charge("ORDER-1") == value


@pytest.mark.parametrize("state", STORED)
def test_without_a_result(consumer: Consumer, run: Run, charge: Any, state: str) -> None:
    """Without a result the operator says so, and the next call raises the error that was named."""
    consumer.put(RECORD, **STORED[state])
    before = consumer.record(RECORD)
    ended = run(*RESOLVE)
    assert ended.code == ExitCode.USAGE
    assert "--result JSON" in ended.err
    assert "--no-result" in ended.err
    assert "ResultUnavailableError" in ended.err
    assert consumer.record(RECORD) == before
    assert run(*RESOLVE, "--no-result").code == ExitCode.OK
    with pytest.raises(ResultUnavailableError):
        charge("ORDER-1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--result", "{charge_id: 1}"], "is not JSON"),
        (["--result", ""], "is not JSON"),
        (["--result", "NaN"], "NaN is not JSON"),
        (["--result", json.dumps("x" * MAX_RESULT_BYTES)], "bytes"),
        (["--result", "[" * 100_000], "is not JSON"),
        (["--result", "1", "--no-result"], "choose one of --result and --no-result"),
        (["ORDER-2", "--result", "1"], "the result of one call"),
    ],
)
def test_an_impossible_result(consumer: Consumer, run: Run, given: list[str], said: str) -> None:
    """A result that cannot be stored, or belongs to nobody, is an error of usage."""
    consumer.put(RECORD, "PARKED")
    ended = run(*RESOLVE, *given)
    assert ended.code == ExitCode.USAGE
    assert said in ended.err
    assert len(ended.err) < 2000
    assert (consumer.record(RECORD) or {})["status"] == "PARKED"


def test_the_key_of_a_message(consumer: Consumer, run: Run) -> None:
    """A message has no result."""
    consumer.put("orders#ORDER-1", "PARKED")
    ended = run("resolve", "ORDER-1", "--completed", "--result", "1", "--yes")
    assert ended.code == ExitCode.USAGE
    assert "omit --result" in ended.err


def test_a_retry_has_no_result(consumer: Consumer, run: Run) -> None:
    """The run of a retry gives its result."""
    consumer.put(RECORD, "PARKED", dead_lettered_at=None)
    for more in (["--result", "1"], ["--no-result"]):
        ended = run("resolve", "ORDER-1", "--decorated", "charge", "--retry", "--yes", *more)
        assert ended.code == ExitCode.USAGE
        assert "go with --completed" in ended.err
