"""The trace in a line of the log: the message's own, or else the invocation's."""

import io
import json
from typing import Any

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.log import JsonLines
from idempotent_lambda.observer import BatchStats
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.traces import (
    MAX_FIELDS,
    TraceContext,
    parse_traceparent,
    parse_xray_header,
)
from idempotent_lambda_toolkit.testing import ManualClock, events

from .events import event, order
from .harness import ConsumerHarness

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
TRACE = "5759e988bd862e3fe1be46a994272793"
SPAN = "53995c3f42cd8ad8"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
XRAY = f"Root={ROOT};Parent={SPAN};Sampled=1"
W3C = f"00-{OTHER}-00f067aa0ba902b7-01"
OTHER_ROOT = "1-4bf92f35-77b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "context"),
    [
        (XRAY, (TRACE, SPAN, True)),
        (f"Root={ROOT}", (TRACE, "", False)),
        (f"Self=1-1-1; Root={ROOT};Sampled=0;Lineage=1:a:0", (TRACE, "", False)),
        (f"Parent={SPAN};Sampled=?;Root={ROOT.upper()}", (TRACE, SPAN, False)),
        (f"Root={ROOT};Parent=../../etc", (TRACE, "", False)),
        (";" * (MAX_FIELDS - 1) + f"Root={ROOT}", (TRACE, "", False)),
        (";" * MAX_FIELDS + XRAY, None),
        (f"Root={ROOT}\n", None),
        (f"Root={ROOT}0", None),
        (f"Root=2{ROOT[1:]}", None),
        (f"Root=1-{TRACE}", None),
        ("Root=1-00000000-000000000000000000000000;Parent=00f067aa0ba902b7", None),
        ("Root=1-5759e988-bd862e3fe1be46a99427279\uff13", None),
        (f"root={ROOT}", None),
        ("Root", None),
        ("", None),
    ],
)
def test_xray_header(header: str, context: tuple[str, str, bool] | None) -> None:
    """Only a root of the documented form is a trace; the other fields may be missing."""
    assert parse_xray_header(header) == (context and TraceContext(*context))


@pytest.mark.parametrize(
    ("header", "context"),
    [
        (W3C, (OTHER, "00f067aa0ba902b7", True)),
        (W3C[:-2] + "00", (OTHER, "00f067aa0ba902b7", False)),
        ("cc" + W3C[2:-2] + "03", (OTHER, "00f067aa0ba902b7", True)),
        ("ff" + W3C[2:], None),
        (W3C.upper(), None),
        (W3C + "-more", None),
        (W3C + "\n", None),
        (W3C[1:], None),
        (W3C.replace(OTHER, "0" * 32), None),
        (W3C.replace("00f067aa0ba902b7", "0" * 16), None),
        ('"},{"level":"ERROR"', None),
        ("", None),
    ],
)
def test_traceparent(header: str, context: tuple[str, str, bool] | None) -> None:
    """Only the documented form is a trace, and no part may be all zeros."""
    assert parse_traceparent(header) == (context and TraceContext(*context))


def write_lines(*records: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of a delivery."""
    harness, stream = ConsumerHarness(), io.StringIO()
    observer = JsonLines(harness.clock, hash_keys=False, function="orders", stream=stream)
    object.__setattr__(harness.consumer, "observer", observer)
    harness.deliver(*records)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def with_headers(xray: str | None = None, w3c: str | None = None) -> dict[str, Any]:
    """A message whose producer wrote these headers."""
    attributes = {"ApproximateReceiveCount": "1"} | ({"AWSTraceHeader": xray} if xray else {})
    stated = {"traceparent": {"stringValue": w3c, "dataType": "String"}} if w3c else {}
    return order("7", attributes=attributes, messageAttributes=stated)


INVOCATION = "1-67891233-abcdef012345678912345678"


@pytest.mark.parametrize(
    ("xray", "w3c", "shown"),
    [
        (XRAY, None, ROOT),
        (XRAY, W3C, ROOT),
        (None, W3C, OTHER_ROOT),
        ("Root=;Parent=1", W3C, OTHER_ROOT),
        ("Root=\u001b[31m", "00-\u001b[31m", INVOCATION),
        (None, None, INVOCATION),
    ],
)
def test_the_own_trace_comes_first(
    monkeypatch: pytest.MonkeyPatch, xray: str | None, w3c: str | None, shown: str
) -> None:
    """X-Ray's header counts before W3C's, and the invocation's trace without a valid one."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={INVOCATION};Parent={SPAN};Sampled=1")
    message, batch = write_lines(with_headers(xray, w3c))
    assert message["trace_id"] == shown
    assert batch["trace_id"] == INVOCATION


def test_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside Lambda, a message without a header has no trace."""
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    message, batch = write_lines(with_headers())
    assert message["trace_id"] is batch["trace_id"] is None


def test_each_invocation_has_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda changes the variable for each invocation, so nothing keeps its value."""
    stream = io.StringIO()
    lines = JsonLines(ManualClock(), hash_keys=False, function="orders", stream=stream)
    for root in (ROOT, INVOCATION):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={root}")
        lines.report_batch(BatchStats("r", 1, Millis(1), ()))
    found = [json.loads(line)["trace_id"] for line in stream.getvalue().splitlines()]
    assert found == [ROOT, INVOCATION]


@pytest.mark.parametrize(
    ("whole", "unwrap"),
    [
        (events.sqs({}, message_attributes={"traceparent": W3C}), ()),
        (events.sns({}, message_attributes={"traceparent": W3C}), ()),
        (events.sns_in_sqs({}, message_attributes={"traceparent": W3C}), ("sns",)),
        (events.sns_in_sqs({}, raw=True, message_attributes={"traceparent": W3C}), ()),
    ],
    ids=["SQS", "SNS", "SNS in SQS", "SNS in SQS, raw"],
)
def test_attributes_of_every_carrier(whole: dict[str, Any], unwrap: tuple[str, ...]) -> None:
    """A publisher's attribute counts, whatever carried it."""
    (delivery,) = read_event(whole, unwrap)
    assert delivery.trace is not None
    assert delivery.trace.xray_id == OTHER_ROOT


@pytest.mark.parametrize(
    "whole",
    [
        events.kinesis({"traceparent": W3C}),
        events.dynamodb({"id": "1", "traceparent": W3C}),
        events.eventbridge({"traceparent": W3C}),
        events.direct({"traceparent": W3C, "attributes": {"AWSTraceHeader": XRAY}}),
        event(order("7", messageAttributes=[XRAY], attributes=[XRAY])),
    ],
)
def test_a_body_states_no_trace(whole: dict[str, Any]) -> None:
    """Only the envelope carries a trace, so neither a body nor a damaged record does."""
    (delivery,) = read_event(whole)
    assert delivery.trace is None
