"""The spans of messages, with the real tracers. The package imports neither of them."""

import importlib
import io
import json
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from idempotent_lambda import tracers
from idempotent_lambda.clock import Millis
from idempotent_lambda.log import JsonLines
from idempotent_lambda.observer import OPENTELEMETRY, XRAY
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import ManualClock, events
from tests.contracts.conftest import InMemory

from .decorator.shop import Shop
from .events import key_rule, order
from .harness import ConsumerHarness, raising

ROOT, SPAN = "1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
HEADER = f"Root={ROOT};Parent={SPAN};Sampled=1"
SENDER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HASH = key_rule().for_value("7").show(hashed=True)


@cache
def load(*names: str) -> dict[str, ModuleType]:
    """Modules of a tracer, which stay hidden from all other tests."""
    found = {name: importlib.import_module(name) for name in names}
    hide()
    return found


def hide() -> None:
    """Hide the tracers, as in a process that has not loaded them."""
    for name in (OPENTELEMETRY, XRAY):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No failure of an earlier test."""
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    tracers._HAS_FAILED.clear()
    tracers._NEW_FAILURES.clear()
    yield
    hide()


class Spans:
    """What OpenTelemetry exports."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        memory = "opentelemetry.sdk.trace.export.in_memory_span_exporter"
        names = ("opentelemetry.sdk.trace", "opentelemetry.sdk.trace.export", memory)
        modules = load(OPENTELEMETRY, *names)
        self.api: Any = modules[OPENTELEMETRY]
        self.exporter: Any = modules[memory].InMemorySpanExporter()
        self.provider: Any = modules[names[0]].TracerProvider()
        self.provider.add_span_processor(modules[names[1]].SimpleSpanProcessor(self.exporter))
        monkeypatch.setitem(sys.modules, OPENTELEMETRY, self.api)
        monkeypatch.setattr(self.api, "get_tracer_provider", lambda: self.provider)

    @property
    def finished(self) -> list[Any]:
        """The spans that have ended, in the order of their ends."""
        return list(self.exporter.get_finished_spans())


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """OpenTelemetry with its SDK, as the ADOT layer configures it."""
    return Spans(monkeypatch)


class Daemon:
    """What the X-Ray SDK sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_entity(self, entity: Any) -> None:
        self.sent.append(json.loads(entity.serialize()))


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """The X-Ray SDK in Lambda."""
    module: Any = load(XRAY)[XRAY]
    launcher: Any = importlib.import_module("aws_xray_sdk.core.lambda_launcher")
    recorder, found = module.AWSXRayRecorder(), Daemon()
    for emitter in (recorder.emitter, module.xray_recorder.emitter):
        emitter._socket.close()  # the SDK leaves it open
    recorder.configure(
        context=launcher.LambdaContext(), emitter=found, streaming_threshold=0, sampling=False
    )
    monkeypatch.setattr(module, "xray_recorder", recorder)
    monkeypatch.setitem(sys.modules, XRAY, module)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
    return found


class Traced(ConsumerHarness):
    """A consumer with the deployed log."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.stream = io.StringIO()
        lines = JsonLines(self.clock, hash_keys=False, stream=self.stream)
        object.__setattr__(self.consumer, "observer", lines)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def sent_by(traceparent: str, order_id: str = "7") -> dict[str, Any]:
    """A message whose producer states its span."""
    return order(
        order_id,
        messageAttributes={"traceparent": {"stringValue": traceparent, "dataType": "String"}},
    )


def test_span_of_a_message(spans: Spans) -> None:
    """A span has the names of the conventions, a link to the producer's span, and the outcome."""
    Traced().deliver(sent_by(SENDER))
    (span,) = spans.finished
    assert span.name == "process orders"
    assert span.kind is spans.api.SpanKind.CONSUMER
    assert dict(span.attributes) == {
        "messaging.system": "aws_sqs",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders",
        "messaging.message.id": "m-7",
        "idempotency.outcome": "completed",
        "idempotency.namespace": "orders",
        "idempotency.key_hash": HASH,
    }
    assert span.status.is_unset
    (link,) = span.links
    version, trace, sender, flags = SENDER.split("-")
    assert (version, f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}", flags) == (
        "00", trace, sender, f"{link.context.trace_flags:02x}"
    )  # fmt: skip
    assert link.context.is_remote


@pytest.mark.parametrize("concurrency", [1, 3])
def test_user_spans_are_inside(spans: Spans, concurrency: int) -> None:
    """While the processor runs, the span of its message is the current one, and only then."""
    harness = Traced(concurrency=concurrency)
    tracer = spans.provider.get_tracer("user")

    def charge(_: Message) -> None:
        tracer.start_span("charge").end()

    harness.behaviour = {"7": charge, "8": charge}
    with tracer.start_as_current_span("invocation") as invocation:
        harness.deliver("7", "8")
        assert spans.api.get_current_span() is invocation
    found = {span.context.span_id: span for span in spans.finished}
    charges = [span for span in spans.finished if span.name == "charge"]
    messages = [found[span.parent.span_id] for span in charges]
    assert {span.attributes["messaging.message.id"] for span in messages} == {"m-7", "m-8"}
    assert {span.parent.span_id for span in messages} == {invocation.get_span_context().span_id}
    for inner, outer in zip(charges, messages, strict=True):
        assert outer.start_time <= inner.start_time <= inner.end_time <= outer.end_time


def test_messages_that_do_not_run(spans: Spans) -> None:
    """A duplicate, a coalesced message and one without a key have a span with their outcome."""
    harness = Traced()
    harness.deliver("7")
    harness.deliver("7", order("8"), order("8", "again"), order(None, "keyless"))
    found = {
        (span.attributes["messaging.message.id"], span.attributes["idempotency.outcome"]): span
        for span in spans.finished
    }
    assert set(found) == {
        ("m-7", "completed"), ("m-7", "duplicate"), ("m-8", "completed"), ("again", "duplicate"),
        ("keyless", "rejected"),
    }  # fmt: skip
    assert "idempotency.key_hash" not in found["keyless", "rejected"].attributes
    assert found["keyless", "rejected"].attributes["error.type"] == "MissingKeyError"
    assert found["m-7", "duplicate"].start_time <= found["m-7", "duplicate"].end_time


def test_no_time_for_spans(spans: Spans) -> None:
    """The last moments are for the answer: messages that no time is left for have no span."""
    harness = Traced()
    assert harness.deliver("7", "8", remaining=400) == ["m-7", "m-8"]
    assert [line["outcome"] for line in harness.lines] == ["not_started"] * 2
    assert spans.finished == []


def test_failed_message(spans: Spans) -> None:
    """A failure has the type of its error; its text, which may quote anything, is not shown."""
    harness = Traced()
    harness.behaviour["7"] = raising(ValueError("jane.doe@example.org"))
    assert harness.deliver("7") == ["m-7"]
    (span,) = spans.finished
    assert span.attributes["error.type"] == "ValueError"
    assert span.attributes["idempotency.outcome"] == "failed"
    assert span.status.status_code is spans.api.StatusCode.ERROR
    assert span.events == ()
    assert "jane" not in span.to_json()


@pytest.mark.parametrize(
    ("whole", "system", "destination"),
    [
        (events.sqs({"id": 7}, queue="q"), "aws_sqs", "q"),
        (events.kinesis({"id": 7}, stream="s"), "aws_kinesis", "s"),
        (events.dynamodb({"id": "7"}, table="t"), "aws_dynamodb", "t"),
        (events.sns({"id": 7}, topic="n"), "aws.sns", "n"),
        (events.s3("7"), "aws_s3", None),
        (events.eventbridge({"id": 7}), "aws_events", None),
    ],
)
def test_sources(spans: Spans, whole: dict[str, Any], system: str, destination: str | None) -> None:
    """Each source has its system, and its destination where the record names it."""
    Traced(key=None).consumer.consume(whole, Millis(30_000))
    (span,) = spans.finished
    assert span.attributes["messaging.system"] == system
    assert span.attributes.get("messaging.destination.name") == destination
    assert span.name == f"process {destination or system.replace('_', ':')}"


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_calls_annotate_the_current_span(spans: Spans, colour: str) -> None:
    """A call of a decorated function is no message: the span around it gets the facts."""
    charge = Shop(InMemory(), colour, ManualClock()).function("receipt")
    with spans.provider.get_tracer("user").start_as_current_span("invocation"):
        assert charge("7") == "receipt"
    (span,) = spans.finished
    assert span.name == "invocation"
    assert span.attributes["idempotency.outcome"] == "completed"


def test_subsegments(daemon: Daemon) -> None:
    """Each message has a subsegment of Lambda's segment, with annotations to search by."""
    harness = Traced(concurrency=2)
    harness.behaviour["8"] = raising(ValueError("jane.doe@example.org"))
    harness.deliver("7", "8", order("7", "again"))
    found = {each["annotations"]["idempotency_outcome"]: each for each in daemon.sent}
    assert set(found) == {"completed", "failed", "duplicate"}
    done = found["completed"]
    assert (done["name"], done["type"], done["trace_id"]) == ("process orders", "subsegment", ROOT)
    assert {each["parent_id"] for each in daemon.sent} == {SPAN}
    assert done["annotations"] == {
        "idempotency_outcome": "completed",
        "idempotency_namespace": "orders",
        "idempotency_key_hash": HASH,
    }
    assert done["start_time"] <= done["end_time"]
    assert found["failed"]["fault"] is True
    assert "jane" not in json.dumps(daemon.sent)


def test_subsegment_of_a_call(daemon: Daemon) -> None:
    """A call of a decorated function has a subsegment with its name."""
    Shop(InMemory(), "sync", ManualClock()).function("receipt")("7")
    (sent,) = daemon.sent
    assert sent["name"] == "process charge"
    assert sent["annotations"]["idempotency_outcome"] == "completed"


@pytest.mark.parametrize("header", ["", f"Root={ROOT}", f"Root={ROOT};Parent={SPAN};Sampled=0"])
def test_no_subsegment_without_a_sampled_segment(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is sent or logged if Lambda traces nothing, as before its first invocation."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    harness = Traced()
    harness.deliver("7")
    assert daemon.sent == []
    assert not caplog.records
    assert [line["event"] for line in harness.lines] == ["message"]


class Broken(ModuleType):
    """A tracer of another version: whatever is asked of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.mark.parametrize("name", [OPENTELEMETRY, XRAY])
def test_a_broken_tracer_fails_no_message(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its first error is a line of the log, and every message ends as without a tracer."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
    monkeypatch.setitem(sys.modules, name, Broken(name))
    monkeypatch.setitem(sys.modules, "opentelemetry.context", Broken("context"))
    harness = Traced()
    harness.behaviour["8"] = raising(ValueError("on purpose"))
    assert harness.deliver("7", "8", "9") == ["m-8"]
    written = [line["event"] for line in harness.lines]
    assert sorted(written) == ["message"] * 3 + ["tracing_failed"]
    (line,) = (line for line in harness.lines if line["event"] == "tracing_failed")
    assert line["level"] == "WARN"
    assert line["errors"][0]["type"] == "AttributeError"


def test_a_context_that_cannot_be_left(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a tracer does not hide the result of the processor."""

    def detach(_: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(sys.modules["opentelemetry.context"], "detach", detach)
    harness = Traced()
    assert harness.deliver("7") == []
    assert [span.attributes["idempotency.outcome"] for span in spans.finished] == ["completed"]
    assert sorted(line["event"] for line in harness.lines) == ["message", "tracing_failed"]


def test_an_interruption_passes(spans: Spans) -> None:
    """What stops a processor stops the batch as without a tracer, and the span ends."""
    harness = Traced()
    harness.behaviour["7"] = raising(SystemExit(1))
    assert harness.deliver("7", "8") == ["m-7", "m-8"]
    (span,) = (span for span in spans.finished if span.attributes["messaging.message.id"] == "m-7")
    assert span.attributes["idempotency.outcome"] == "interrupted"
    assert span.attributes["error.type"] == "SystemExit"


def test_a_tracer_may_come_later(spans: Spans) -> None:
    """The package looks for a tracer at each message, so a lazy import is early enough."""
    harness, module = Traced(), sys.modules.pop(OPENTELEMETRY)
    harness.deliver("7")
    sys.modules[OPENTELEMETRY] = module
    harness.deliver("8")
    assert [span.attributes["messaging.message.id"] for span in spans.finished] == ["m-8"]


def test_nothing_is_imported_without_a_tracer() -> None:
    """A function without a tracer never loads the module for it."""
    hide()
    before = sys.modules.pop("idempotent_lambda.tracers")
    try:
        Traced().deliver("7")
        assert "idempotent_lambda.tracers" not in sys.modules
    finally:
        sys.modules["idempotent_lambda.tracers"] = before
