"""The guide about traces has the spans that the package makes."""

import re
from pathlib import Path

from idempotent_lambda.sources.registry import ADAPTERS
from idempotent_lambda.sources.traces import parse_traceparent, parse_xray_header
from tests.docs.test_guides import rows
from tests.handler.harness import raising
from tests.handler.test_tracers import Daemon, Spans, Traced, daemon, sent_by, spans

__all__ = ["daemon", "spans"]  # fixtures

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "traces.md").read_text()
SENDER = "00-5759e988bd862e3fe1be46a994272793-00f067aa0ba902b7-01"


def test_the_guide_is_short() -> None:
    """It takes no more than 90 lines."""
    assert len(PAGE.splitlines()) <= 90


def test_the_table_has_every_attribute(spans: Spans) -> None:
    """A failed message has each attribute of the table, and no other."""
    harness = Traced()
    harness.behaviour["7"] = raising(ValueError("on purpose"))
    harness.deliver(sent_by(SENDER))
    (span,) = spans.finished
    cells = " ".join(row[0] for row in rows(PAGE, "span"))
    assert set(re.findall(r"`(\w+\.[\w.]+)`", cells)) == set(span.attributes)


def test_the_table_has_every_source() -> None:
    """The systems belong to the sources that send messages."""
    (system,) = (row[1] for row in rows(PAGE, "span") if "`messaging.system`" in row[0])
    found = {adapter.messaging_system for adapter in ADAPTERS} - {None}
    assert set(re.findall(r"`([\w.]+)`", system)) == found


def test_annotations(daemon: Daemon) -> None:
    """The guide names each annotation of a subsegment."""
    Traced().deliver("7")
    (sent,) = daemon.sent
    named = set(re.findall(r"`(idempotency_\w+)`", PAGE))
    assert named == set(sent["annotations"])
    (searched,) = re.findall(r"^annotation\.(\w+) =", PAGE, re.MULTILINE)
    assert searched in named


def test_the_two_forms_of_an_id() -> None:
    """The line shows X-Ray's form of both headers, and its digits are the id of W3C."""
    shown = "1-5759e988-bd862e3fe1be46a994272793"
    assert f"`{shown}`" in PAGE
    for context in (parse_traceparent(SENDER), parse_xray_header(f"Root={shown}")):
        assert context is not None
        assert context.xray_id == shown
        assert shown.removeprefix("1-").replace("-", "", 1) == context.trace
