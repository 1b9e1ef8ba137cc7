"""The `hammer` function reads every response as Lambda does."""

import contextlib
import math
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pydantic
import pytest
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import (
    Effects,
    HammerError,
    Reason,
    Report,
    events,
    hammer,
)
from idempotent_lambda_toolkit.testing.hammering.responses import (
    UnsendableResponseError,
    count_records,
    list_acknowledged,
    names_failures,
    send_response,
)

ORDERS = events.sqs({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})
FIRST, SECOND = (each["messageId"] for each in ORDERS["Records"])
STREAM = events.kinesis({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})
NUMBERS = [each["kinesis"]["sequenceNumber"] for each in STREAM["Records"]]
BOTH: set[int] = {0, 1}
Pair = namedtuple("Pair", "batchItemFailures")  # noqa: PYI024  # untyped, as users write it


def name(*ids: object) -> dict[str, Any]:
    """Return the response that names failures."""
    return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}


@dataclass
class Failures:
    """A response that JSON cannot hold."""

    batchItemFailures: list[Any]  # noqa: N815  # Lambda's name


class Model(pydantic.BaseModel):
    """A response that JSON cannot hold either, unless it is dumped."""

    batchItemFailures: list[dict[str, str]] = []  # noqa: N815  # Lambda's name; pydantic copies it


READ: list[tuple[object, set[int]]] = [
    (None, BOTH),
    ({}, BOTH),
    ({"batchItemFailures": None}, BOTH),
    (name(), BOTH),
    (name(FIRST), {1}),
    (name(FIRST, SECOND), set()),
    (PartialItemFailureResponse(batchItemFailures=[{"itemIdentifier": SECOND}]), {0}),
    (Pair([{"itemIdentifier": SECOND}]), {0}),
    ({"batchItemFailures": ({"itemIdentifier": SECOND},)}, {0}),
    (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', set()),
    (Model(batchItemFailures=[{"itemIdentifier": SECOND}]).model_dump(), {0}),
    (name(""), set()),
    (name(None), set()),
    (name(1), set()),
    (name(["a"]), set()),
    (name("unknown"), set()),
    (name(FIRST, "unknown"), set()),
    ({"batchItemFailures": [{"messageId": FIRST}]}, set()),
    ({"batchItemFailures": [FIRST, None, 3]}, set()),
    ({"batchItemFailures": FIRST}, BOTH),
    ({"batchItemFailures": {"itemIdentifier": FIRST}}, BOTH),
    ([{"itemIdentifier": FIRST}], BOTH),
    ("text", BOTH),
    (HTTPStatus.OK, BOTH),
    ({"amount": Decimal("1.5"), b"key": b"text"}, BOTH),
    ({"amount": math.nan}, BOTH),
]


@pytest.mark.parametrize(("response", "acknowledged"), READ)
def test_a_response_for_a_queue(response: object, acknowledged: set[int]) -> None:
    """Lambda takes a response without a list for a success, and an unknown id for a failure."""
    assert list_acknowledged(ORDERS, send_response(response)) == acknowledged


def test_a_response_for_a_stream() -> None:
    """A stream goes on behind the record before the first failure."""
    assert list_acknowledged(STREAM, name(NUMBERS[1])) == {0}
    assert list_acknowledged(STREAM, name(*reversed(NUMBERS))) == set()


class Hostile:
    """An object that raises when it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def _make_circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "response",
    [
        {FIRST},
        (each for each in [FIRST]),
        Failures([]),
        Model(),
        object(),
        {(1, 2): 3},
        b"\xff",
        b"text",
        "\ud800",
        _make_circle(),
        Decimal("sNaN"),
        [Hostile()],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_response_that_cannot_be_sent(response: object) -> None:
    """The Python runtime fails an invocation whose response JSON cannot hold."""
    with pytest.raises(UnsendableResponseError, match="which JSON cannot hold"):
        send_response(response)


@pytest.mark.parametrize(
    ("response", "named"),
    [
        ({"BatchItemFailures": [{"itemIdentifier": FIRST}]}, True),
        ({"statusCode": 500}, True),
        ({"statusCode": 200, "body": '{"error": "no card"}'}, True),
        ({"success": False}, True),
        ({"failed": 2}, True),
        ([FIRST], True),
        ("error", True),
        ({"statusCode": 200}, False),
        ({"failed": 0, "errors": [], "success": True}, False),
        ({"charged": 0}, False),
        ("ok", False),
        ("[" * 100_000, False),
        (None, False),
        (False, False),
    ],
)
def test_a_response_that_names_failures(response: object, named: bool) -> None:  # pytest names it
    """A response names failures by a status, a field, a word or a record's id."""
    assert names_failures(ORDERS, response) is named


@pytest.mark.parametrize("records", [[], [1], [{"eventSource": {}}], [{"eventSource": "aws:sqs"}]])
def test_records_of_any_shape(records: list[Any]) -> None:
    """Records without a source or id are delivered all together."""
    event = {"Records": records}
    assert count_records(event) == sum("aws:sqs" in str(each) for each in records)
    assert list_acknowledged(event, {}) == {*range(len(records))}


def respond(response: object, *, always: bool = False, event: Any = ORDERS) -> Report:
    """Hammer a handler that swallows failures, and returns this response then or always."""
    effects = Effects()
    charge = effects.of("charge")

    @idempotent(name="respond", key="record", lease_seconds=30)
    def run(record: Any) -> None:
        charge(record)

    def handler(event: Any, context: Any) -> Any:
        del context
        failed = False
        for record in event.get("Records", ["only"]):
            try:
                run(record["body"] if isinstance(record, dict) else record)
            except Exception:  # noqa: BLE001  # this is the mistake
                failed = True
        return response if failed or always else None

    return hammer(handler, event, effects=effects)


@pytest.mark.slow
def test_a_failure_that_is_not_read() -> None:
    """The finding shows the response, and the fix shows the right shape."""
    (finding,) = respond({"statusCode": 500}, event={"order_id": "ORDER-1"}).findings
    assert finding.reason is Reason.FAILURES_NOT_READ
    assert finding.text.endswith("'charge' fails; the handler returned {\"statusCode\": 500}")
    assert "batchItemFailures" in finding.reason.fix


@pytest.mark.slow
def test_a_response_that_is_always_the_same() -> None:
    """A response that says the same without a failure names none."""
    for response, always in (({"errors": "see the log"}, True), ({"charged": 0}, False)):
        (finding,) = respond(response, always=always).findings
        assert finding.reason is Reason.SWALLOWED


@pytest.mark.slow
def test_a_response_that_always_fails() -> None:
    """The error shows a response with which no event is ever done, or why it cannot be sent."""
    with pytest.raises(HammerError, match=r"it returned .*unknown"):
        respond(name("unknown"), always=True)
    with pytest.raises(HammerError, match="the response is set, which JSON cannot hold"):
        respond({FIRST}, always=True)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.text()
        | st.binary()
        | st.sampled_from([FIRST, object(), Failures([]), {1}, name(FIRST)]),
        lambda inner: (
            st.lists(inner)
            | st.tuples(inner)
            | st.dictionaries(
                st.sampled_from(["batchItemFailures", "itemIdentifier", "statusCode"]) | st.text(),
                inner,
            )
        ),
    )
)
def test_any_response(response: object) -> None:
    """No response breaks hammer: it reports, or cannot judge."""
    for always in (False, True):
        with contextlib.suppress(HammerError):
            assert isinstance(respond(response, always=always), Report)
