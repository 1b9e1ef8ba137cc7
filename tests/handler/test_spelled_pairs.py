"""Two spellings of what a producer sent: one operation or two, as the key expression says.

The pairs are in tests/cases/pairs.json: two texts, and whether they are one operation.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring, idempotent
from idempotent_lambda.errors import PayloadMismatchError
from idempotent_lambda.log import JsonLines
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from tests.requests import settings_of

from .events import event, key_rule, kinesis_record, notification, record, sns_record
from .harness import ConsumerHarness
from .transports import name_failures

CASES = Path(__file__).parents[1] / "cases"
PAIRS = json.loads((CASES / "pairs.json").read_text())
KINDS = ("case", "composition", "blanks at the ends", "order of fields", "spelling of numbers")
SPELLED = [pair for pair in PAIRS if pair["kind"] in KINDS]
"""The pairs whose spelling a function can join, with and without that function."""


def wrap_in_sns(text: str, number: int) -> dict[str, Any]:
    """An SQS record whose body is an SNS notification of the text."""
    return record(json.dumps(notification(text, f"n-{number}")), message_id=f"m-{number}")


TRANSPORTS: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "SQS": lambda text, number: record(text, message_id=f"m-{number}"),
    "SNS through SQS": wrap_in_sns,
    "SNS": lambda text, number: sns_record(text, f"n-{number}"),
    "Kinesis": lambda text, number: kinesis_record(text.encode(), str(number)),
}


def count_runs(key: str, batches: list[list[dict[str, Any]]]) -> int:
    """How often the processor runs for messages that are all accepted."""
    harness = ConsumerHarness(key=key, unwrap=frozenset({"sns"}))
    for batch in batches:
        harness.consumer.consume(event(*batch), Millis(30_000))
    assert set(harness.outcomes.values()) <= {"completed", "duplicate"}
    assert len(harness.outcomes) == sum(map(len, batches))
    return len(harness.ran)


@pytest.mark.parametrize("pair", SPELLED, ids=lambda pair: f"{pair['kind']}: {pair['name']}")
def test_messages(pair: dict[str, Any]) -> None:
    """One operation runs once, two operations run twice, also in one batch."""
    for name, transport in TRANSPORTS.items():
        with name_failures(name):
            batch = [*map(transport, pair["texts"], (1, 2))]
            assert count_runs(pair["key"], [batch]) == (1 if pair["one_operation"] else 2)


@pytest.mark.parametrize("pair", SPELLED, ids=lambda pair: f"{pair['kind']}: {pair['name']}")
def test_calls(pair: dict[str, Any]) -> None:
    """A decorated function gets its keys by the same expressions."""
    ran = []

    @idempotent(name="charge", key=pair["key"], lease_seconds=60, wiring=make_wiring())
    def charge(body: object) -> None:
        ran.append(body)

    for text in pair["texts"]:
        charge(json.loads(text))
    assert len(ran) == (1 if pair["one_operation"] else 2)


@pytest.mark.parametrize("pair", SPELLED, ids=lambda pair: f"{pair['kind']}: {pair['name']}")
def test_payloads(pair: dict[str, Any]) -> None:
    """The payload of a decorated function is compared by the same expressions."""
    wiring = make_wiring()

    @idempotent(name="charge", key="order_id", payload=pair["key"], lease_seconds=60, wiring=wiring)
    def charge(order_id: str, body: object) -> str:
        return f"{order_id}: {body}"

    first, second = map(json.loads, pair["texts"])
    result = charge("A-1", first)
    if pair["one_operation"]:
        assert charge("A-1", second) == result
    else:
        with pytest.raises(PayloadMismatchError):
            charge("A-1", second)


def make_wiring() -> Wiring:
    """A wiring with an empty store in memory."""
    clock = ManualClock()
    observer = JsonLines(clock, hash_keys=False, stream=io.StringIO())
    return Wiring(settings_of(key_rule()), InMemoryClaimStore(), clock, observer)


def test_each_kind_has_siblings() -> None:
    """Each kind has at least three pairs that are one operation, and one that are two."""
    for kind in KINDS:
        ends = [pair["one_operation"] for pair in SPELLED if pair["kind"] == kind]
        assert ends.count(True) >= 3
        assert ends.count(False) >= 1


def test_keys_are_shown_differently() -> None:
    """Two operations whose keys are text never look alike in the log."""
    for pair in SPELLED:
        harness = ConsumerHarness(key=pair["key"])
        harness.deliver(*map(TRANSPORTS["SQS"], pair["texts"], (1, 2)))
        shown = {key.show(hashed=False) for key in harness.keys if key}
        assert len(shown) == (1 if pair["one_operation"] else 2)
