"""Spans of messages, for the tracers that the function has loaded.

This module imports no tracer, and is imported only if one is loaded. Whatever a tracer raises is
kept away from the message. The spans follow OpenTelemetry's conventions:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/#sqs-message
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from idempotent_lambda import __version__
from idempotent_lambda.observer import OPENTELEMETRY, XRAY
from idempotent_lambda.protocol.steps import Settled
from idempotent_lambda.settings import read_trace_header
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.traces import parse_xray_header
from idempotent_lambda.threads import ResultT

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from idempotent_lambda.keys import Key
    from idempotent_lambda.observer import ClaimHistory

_HAS_FAILED = threading.Event()
_NEW_FAILURES: list[Exception] = []


@dataclass(slots=True)
class TracedRun:
    """The run of a processor.

    Attributes:
        began: time of its begin, in nanoseconds since 1970.
        ended: time of its end; None while it runs.
        span: OpenTelemetry's span of the message, which is open until the message is settled.
    """

    began: int
    ended: int | None = None
    span: "Span | None" = None


def trace_run(run: Callable[[], ResultT], delivery: Delivery, history: "ClaimHistory") -> ResultT:
    """Run a processor inside the span of its message; return its result."""
    traced = history.run = TracedRun(time.time_ns())
    trace, context = sys.modules.get(OPENTELEMETRY), sys.modules.get("opentelemetry.context")
    token = None
    with _keep_failure():
        if trace and context and delivery.adapter.messaging_system:
            traced.span = _start_span(trace, delivery, traced.began)
            token = context.attach(trace.set_span_in_context(traced.span))
    try:
        return run()
    finally:
        traced.ended = time.time_ns()
        with _keep_failure():
            if context and token:
                context.detach(token)


def trace_message(
    delivery: Delivery,
    key: "Key | None",
    settled: Settled,
    history: "ClaimHistory",
    *,
    follows: bool,
) -> Exception | None:
    """End the span of a settled message; return the first error of a tracer in this process, once.

    See `Observer.report_message` for the arguments.
    """
    spent = 0 if follows else sum(history.durations.values())
    now = time.time_ns()
    run = (None if follows else history.run) or TracedRun(now - spent * 1_000_000, now)
    facts = {"outcome": settled.outcome.value}
    if key:
        facts["namespace"] = key.record_id.partition("#")[0]
        facts["key_hash"] = key.show(hashed=True)
    # A message that waits for its turn has not failed.
    error = history.errors[-1] if history.errors and not settled.acknowledged else None
    with _keep_failure():
        _end_span(delivery, run, facts, error)
    with _keep_failure():
        _write_subsegment(delivery, run, facts, error)
    return _NEW_FAILURES.pop() if _NEW_FAILURES else None


def _start_span(trace: ModuleType, delivery: Delivery, began: int) -> "Span":
    """Start the span of a message, with a link to the span that sent it."""
    links = []
    if (sender := delivery.trace) and sender.span:
        flags = trace.TraceFlags(sender.is_sampled)
        numbers = int(sender.trace, 16), int(sender.span, 16)
        links = [trace.Link(trace.SpanContext(*numbers, is_remote=True, trace_flags=flags))]
    attributes = {
        "messaging.system": delivery.adapter.messaging_system,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": delivery.id,
    }
    if destination := delivery.adapter.find_destination(delivery.raw):
        attributes["messaging.destination.name"] = destination
    span: Span = trace.get_tracer("idempotent_lambda", __version__).start_span(
        _name_span(delivery),
        kind=trace.SpanKind.CONSUMER,
        attributes=attributes,
        links=links,
        start_time=began,
    )
    return span


def _end_span(
    delivery: Delivery, run: TracedRun, facts: dict[str, str], error: BaseException | None
) -> None:
    """End OpenTelemetry's span of a message; a call is no message, so its facts go elsewhere."""
    trace = sys.modules.get(OPENTELEMETRY)
    if trace is None:
        return
    attributes = {f"idempotency.{name}": value for name, value in facts.items()}
    if delivery.adapter.messaging_system is None:
        trace.get_current_span().set_attributes(attributes)
        return
    span = run.span or _start_span(trace, delivery, run.began)
    if error:
        attributes["error.type"] = type(error).__name__
        span.set_status(trace.StatusCode.ERROR)
    span.set_attributes(attributes)
    span.end(run.ended)


def _write_subsegment(
    delivery: Delivery, run: TracedRun, facts: dict[str, str], error: BaseException | None
) -> None:
    """Write an X-Ray subsegment: Lambda's own segment cannot be annotated."""
    xray, invocation = sys.modules.get(XRAY), parse_xray_header(read_trace_header())
    # Without a span of Lambda, the SDK has nothing to add a subsegment to, and logs that.
    if not (xray and invocation and invocation.span):
        return
    subsegment = xray.xray_recorder.begin_subsegment(_name_span(delivery))
    if subsegment is None:
        return
    try:
        subsegment.start_time = run.began / 1e9
        for name, value in facts.items():
            subsegment.put_annotation(f"idempotency_{name}", value)
        if error:
            subsegment.add_fault_flag()
    finally:
        xray.xray_recorder.end_subsegment((run.ended or time.time_ns()) / 1e9)


def _name_span(delivery: Delivery) -> str:
    adapter = delivery.adapter
    named = adapter.source if adapter.messaging_system else delivery.id
    return f"process {adapter.find_destination(delivery.raw) or named}"


@contextmanager
def _keep_failure() -> Iterator[None]:
    """Keep the first error of a tracer in this process for the log, and drop all others."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # a tracer must not fail a message
        if not _HAS_FAILED.is_set():
            _HAS_FAILED.set()
            _NEW_FAILURES.append(error)
